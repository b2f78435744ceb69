import subprocess
import sys

import pytest
import torch

from dl_experiments import randomness


def test_streams_are_pinned():
    """A changed stream changes the numbers of every run, under unchanged ids."""
    assert randomness.derive(0, "weights") == 4362053507750869513
    assert randomness.derive(0, "order", 7) == 2962348706500118512


def test_every_seed_purpose_and_epoch_has_its_own_stream():
    keys = [
        (seed, purpose, epoch)
        for seed in (0, 1, 11, 2**40)
        for purpose in ("weights", "order", "dropout", "augment", "points")
        for epoch in (0, 1, 10, 110)
    ]
    seeds = {randomness.derive(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_generator_starts_at_the_same_place_each_time():
    draws = [torch.rand(5, generator=randomness.generator(3, "order", 2)) for _ in range(2)]
    assert torch.equal(*draws)
    other = torch.rand(5, generator=randomness.generator(3, "order", 3))
    assert not torch.equal(draws[0], other)


def test_streams_do_not_depend_on_the_process():
    code = "from dl_experiments import randomness; print(randomness.derive(5, 'order', 9))"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(fresh.stdout) == randomness.derive(5, "order", 9)


def test_scope_draws_the_stream_and_gives_the_state_back():
    torch.manual_seed(99)
    expected_after = torch.rand(3)
    torch.manual_seed(99)
    with randomness.scope(1, "weights"):
        inside = torch.rand(4)
    assert torch.equal(torch.rand(3), expected_after)
    assert torch.equal(inside, torch.rand(4, generator=randomness.generator(1, "weights")))


def test_scope_gives_the_state_back_when_its_block_raises():
    before = torch.get_rng_state()

    def draw_and_fail():
        with randomness.scope(1, "weights"):
            torch.rand(4)
            raise KeyError

    with pytest.raises(KeyError):
        draw_and_fail()
    assert torch.equal(torch.get_rng_state(), before)
