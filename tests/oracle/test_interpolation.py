"""The line between two states, and the barrier on it, against what it says on paper."""

import pytest
import torch
from nets import drawn, seeded
from torch import nn

from dl_experiments.measures.interpolation import barrier, between, check_same_architecture


def normed(width=4):
    """A net with floating and integer buffers, after a few batches."""
    net = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 2))
    for _ in range(width):
        net(torch.randn(5, 3))
    return net


@pytest.fixture
def states():
    first = seeded(normed).state_dict()
    second = seeded(lambda: (torch.manual_seed(1), normed())[1]).state_dict()
    second["1.num_batches_tracked"] = torch.tensor(9)
    return first, second


@pytest.mark.parametrize("alpha", [-1.0, -0.3, 0.25, 0.5, 1.7])
def test_every_floating_tensor_lies_on_the_line(states, alpha):
    first, second = states
    for name, tensor in between(first, second, alpha).items():
        if name == "1.num_batches_tracked":
            assert int(tensor) == (4 if alpha < 0.5 else 9)
            continue
        exact = (1 - alpha) * first[name].double() + alpha * second[name].double()
        torch.testing.assert_close(tensor, exact.float(), rtol=1e-5, atol=1e-6)
    assert set(between(first, second, alpha)) == set(first)


def test_the_ends_are_the_states_bit_for_bit(states):
    first, second = states
    first["0.bias"] = torch.tensor([-0.0, torch.inf, 1e-45, 1.0])
    second["0.bias"] = torch.tensor([0.0, 1.0, torch.nan, -torch.inf])
    for alpha, end in ((0, first), (1, second), (0.0, first), (1.0, second)):
        found = between(first, second, alpha)
        assert set(found) == set(end)
        for name, tensor in end.items():
            as_bytes = [t.contiguous().numpy().tobytes() for t in (tensor, found[name])]
            assert as_bytes[0] == as_bytes[1]


def test_nothing_is_changed(states):
    before = [{name: tensor.clone() for name, tensor in state.items()} for state in states]
    between(*states, 0.4)
    for state, copy in zip(states, before, strict=True):
        assert all(torch.equal(state[name], copy[name]) for name in copy)


def test_two_architectures_are_told_by_their_tensors():
    first, second = nn.Linear(3, 4).state_dict(), nn.Linear(3, 5, bias=False).state_dict()
    message = (
        r"^two architectures; tensors that differ in shape: weight \[4, 3\] and \[5, 3\], "
        r"bias \[4\] and none$"
    )
    with pytest.raises(ValueError, match=message):
        check_same_architecture(first, second)
    check_same_architecture(first, nn.Linear(3, 4).state_dict())


def test_the_barrier_of_a_parabola_in_closed_form():
    """L = a(α − c)² + b: above its chord by −aα(1 − α), so a barrier of a/4 for the negative."""
    alphas = torch.linspace(-1, 2, 31, dtype=torch.float64)
    alphas[10], alphas[20] = 0, 1
    losses = 3 * (alphas - 0.2) ** 2 + 1
    assert float(barrier(alphas, losses)) == pytest.approx(0, abs=1e-12)
    assert float(barrier(alphas, -losses)) == pytest.approx(3 / 4)
    both = barrier(alphas, torch.stack([losses, -losses]))
    assert both.tolist() == pytest.approx([0, 3 / 4], abs=1e-12)


def test_what_lies_outside_the_ends_is_no_barrier():
    alphas = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0], dtype=torch.float64)
    losses = torch.tensor([90.0, 1.0, 2.5, 2.0, 80.0], dtype=torch.float64)
    assert float(barrier(alphas, losses)) == 1.0


def test_on_a_line_of_a_linear_model_the_squared_loss_has_no_barrier():
    """It is convex in the weights, so every chord lies above it."""
    inputs, targets = drawn(50, 3), drawn(50, 2, seed=1)
    first, second = drawn(3, 2, seed=2), drawn(3, 2, seed=3)
    alphas = torch.linspace(0, 1, 11, dtype=torch.float64)
    losses = [
        (inputs @ between({"w": first}, {"w": second}, float(a))["w"] - targets).square().mean()
        for a in alphas
    ]
    assert float(barrier(alphas, torch.stack(losses))) == pytest.approx(0, abs=1e-12)
