from pathlib import Path

import numpy as np
import pytest
from sized import count, sized_run

from dl_experiments.analysis.claims.seeds import across
from dl_experiments.analysis.phenomena.capacity import sizes as capacity
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.quantities import by_seed, final

ENDS = {"train/loss": 0.1, "test/loss": 0.2, "train/accuracy": 0.99, "test/accuracy": 0.9}


def write_accuracies(path: Path, accuracies: dict[int, list[float]]) -> capacity.Sizes:
    """Width -> the test accuracy of each seed."""
    for hidden, found in accuracies.items():
        for seed, accuracy in enumerate(found):
            sized_run(path, "study", hidden, seed, ENDS | {"test/accuracy": accuracy})
    return capacity.by_size(collect(path).runs)


def test_runs_are_ordered_by_their_count(tmp_path: Path) -> None:
    sizes = write_accuracies(tmp_path, {1000: [0.9], 50: [0.8], 500: [0.85]})
    assert list(sizes) == [39_760, 397_510, 795_010]
    assert [capacity.hidden(runs) for runs in sizes.values()] == ["50", "500", "1,000"]


def test_a_run_without_a_count_has_that_of_its_like_or_is_told_of(tmp_path: Path) -> None:
    sized_run(tmp_path, "study", 50, 0, ENDS)
    sized_run(tmp_path, "study", 50, 1, ENDS, state="interrupted")
    sized_run(tmp_path, "study", 60, 2, ENDS, state="interrupted")
    runs = collect(tmp_path).runs
    sizes = capacity.by_size(runs)
    assert {size: len(found) for size, found in sizes.items()} == {count(50): 2}
    assert capacity.uncounted(runs, sizes) == [
        "Left out: 1 run whose net has no parameter count yet."
    ]
    assert capacity.uncounted(runs[:1], {0: runs[:1]}) == []


def test_runs_from_before_a_neutral_key_are_of_the_same_net(tmp_path: Path) -> None:
    sized_run(tmp_path, "study", 50, 0, ENDS)
    sized_run(tmp_path, "study", 50, 1, ENDS, **{"model.init": "default", "model.gain": 1.0})
    runs = collect(tmp_path).runs
    assert [len(found) for found in capacity.by_size(runs).values()] == [2]
    assert capacity.uncounted(runs, capacity.by_size(runs)) == []


def test_only_seeds_with_every_size_have_a_curve(tmp_path: Path) -> None:
    sizes = write_accuracies(tmp_path, {10: [0.5, 0.6], 20: [0.7, 0.8], 30: [0.9]})
    found = across([by_seed(runs, final("test/accuracy")) for runs in sizes.values()])
    assert {seed: list(values) for seed, values in found.items()} == {0: [0.5, 0.7, 0.9]}


def test_the_last_gain_compares_two_quarters() -> None:
    accuracies = np.array([0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.99])  # of two each
    gain = capacity.last_gain(np.arange(10), accuracies)
    assert gain == pytest.approx((0.95 + 0.99) / 2 - (0.92 + 0.94) / 2)
    assert capacity.last_gain(np.arange(2), accuracies[:2]) is None


def test_readings(tmp_path: Path) -> None:
    early = ENDS | {"test/loss": 0.7}
    sized_run(tmp_path, "study", 50, 0, ENDS, early)
    (run,) = collect(tmp_path).runs
    assert capacity.after(10, [run]).of("test/loss")(run) == 0.7
    assert capacity.after(11, [run]).of("test/loss")(run) == 0.7
    assert capacity.after(11, [run]).name == "after 10 epochs"
    for never in (20, 100):
        reading = capacity.after(never, [run])
        assert reading.of("test/loss")(run) is None
        assert reading.missing == f"epoch {never} was not recorded"
    assert capacity.where_stopped("stop").of("test/loss")(run) == 0.2
    assert capacity.at_the_end([run]).of("test/loss")(run) == 0.2
    assert capacity.at_the_end([run]).name == "after 40 epochs"
    assert capacity.after(10, [run]).of("none")(run) is None
