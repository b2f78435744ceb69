"""Sharpness of quadratics, whose maximum over a ball is known; the landscape of small nets."""

import math

import pytest
import torch
from nets import drawn, flat_net
from torch.nn import functional

from dl_experiments.measures.flat import Layout
from dl_experiments.measures.sharpness import (
    Landscape,
    ascended_sharpness,
    largest_eigenvalue,
    sampled_sharpness,
)
from dl_experiments.models.cnn import CNN
from dl_experiments.models.mlp import MLP

SIZE = 30
RADII = [0.01, 0.1, 1.0]
pytestmark = pytest.mark.usefixtures("one_thread")


def fresh(seed=0):
    return torch.Generator().manual_seed(seed)


def rotation():
    return torch.linalg.qr(drawn(SIZE, SIZE)).Q


def quadratic(eigenvalues, slope=None, level=0.5):
    """L(θ) = level + bᵀθ + ½ θᵀHθ around θ = 0, with its H."""
    axes = rotation()
    matrix = axes @ torch.diag(eigenvalues) @ axes.T
    linear = torch.zeros(SIZE, dtype=torch.float64) if slope is None else slope

    def value(theta):
        return level + linear @ theta + theta @ matrix @ theta / 2

    def both(theta):
        return value(theta), linear + matrix @ theta

    return value, both, matrix


def decaying(low=0.0):
    return torch.linspace(5.0, low, SIZE, dtype=torch.float64)


def highest_on_ball(matrix, linear, radius):
    """max of bᵀδ + ½ δᵀHδ over the ball: (μI − H)δ = b at the root μ of ‖δ‖ = ε (Moré 1983)."""
    values, axes = torch.linalg.eigh(matrix)
    inner = axes.T @ linear
    low, high = float(values[-1]), float(values[-1]) + float(linear.norm()) / radius + 1
    for _ in range(200):
        middle = (low + high) / 2
        if float((inner / (middle - values)).norm()) > radius:
            low = middle
        else:
            high = middle
    offset = inner / (high - values)
    return float(inner @ offset + (values * offset.square()).sum() / 2)


def test_ascent_reaches_the_closed_form_at_a_minimum():
    """There the gradient is 0 and the maximum ½ ε² λ_max: only the random start climbs."""
    _, both, _ = quadratic(decaying())
    theta = torch.zeros(SIZE, dtype=torch.float64)
    found = ascended_sharpness(both, theta, RADII, 150, 2, fresh())
    expected = torch.tensor([5 * radius**2 / 2 / 1.5 for radius in RADII], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0)
    assert (found <= expected * (1 + 1e-9)).all()
    assert torch.equal(ascended_sharpness(both, theta, RADII, 5, 1, fresh()), found * 0)


@pytest.mark.parametrize("low", [0.0, -4.0])
def test_ascent_reaches_the_closed_form_on_a_slope(low):
    linear = drawn(SIZE, seed=3) / 5
    _, both, matrix = quadratic(decaying(low), linear)
    theta = torch.zeros(SIZE, dtype=torch.float64)
    expected = [highest_on_ball(matrix, linear, radius) / 1.5 for radius in RADII]
    found = ascended_sharpness(both, theta, RADII, 150, 1, fresh())
    assert found.tolist() == pytest.approx(expected, rel=1e-3)
    steepest = [float(linear.norm()) * radius / 1.5 for radius in RADII]
    assert found[0] == pytest.approx(steepest[0], rel=0.05)  # a small ball sees the slope alone
    assert found[2] > 1.5 * steepest[2]


def test_a_maximum_is_the_highest_point_of_all_balls():
    value, both, _ = quadratic(-decaying(1.0))
    theta = torch.zeros(SIZE, dtype=torch.float64)
    assert ascended_sharpness(both, theta, RADII, 10, 3, fresh()).tolist() == [0, 0, 0]
    assert sampled_sharpness(value, theta, RADII, 20, fresh()).tolist() == [0, 0, 0]


def test_a_peak_inside_the_ball_is_counted_in_every_larger_one():
    """A bump 0.1 away, and all is lower beyond: what the smaller ball found is not lost."""

    def value(theta):
        return torch.exp(-((theta.norm() - 0.1) ** 2) / 1e-4)

    def both(theta):
        theta = theta.clone().requires_grad_()
        found = value(theta)
        return found.detach(), torch.autograd.grad(found, theta)[0].nan_to_num()

    theta = torch.zeros(SIZE, dtype=torch.float64)
    found = ascended_sharpness(both, theta, [0.1, 0.5, 1.0], 3, 2, fresh())
    assert found[0] == pytest.approx(1.0, abs=1e-6)
    assert (found[1:] >= found[0]).all()


def test_samples_lie_within_the_ball_and_below_the_maximum():
    value, _, _ = quadratic(decaying())
    theta = torch.zeros(SIZE, dtype=torch.float64)
    seen = []

    def watched(point):
        seen.append(float(point.norm()))
        return value(point)

    found = sampled_sharpness(watched, theta, RADII, 400, fresh())
    limit = torch.tensor([5 * radius**2 / 2 / 1.5 for radius in RADII]).double()
    assert (found < limit).all()
    assert (found > limit / 4).all()
    reached = torch.tensor(seen[1:]).view(400, 3)
    assert (reached <= torch.tensor(RADII) * (1 + 1e-9)).all()
    # the distance's law is u^(1/P): its median is 2^(-1/P) of the radius
    assert float(reached[:, 2].median()) == pytest.approx(2 ** (-1 / SIZE), abs=0.01)
    more = sampled_sharpness(value, theta, RADII, 400, fresh())
    assert torch.equal(found, more)


def test_it_is_relative_to_one_plus_the_loss():
    theta = torch.zeros(SIZE, dtype=torch.float64)
    (low, _, _), (high, _, _) = quadratic(decaying(), level=0.0), quadratic(decaying(), level=3.0)
    one, other = (sampled_sharpness(loss, theta, RADII, 20, fresh()) for loss in (low, high))
    torch.testing.assert_close(one, 4 * other)


@pytest.mark.parametrize("radii", [[0.0], [-1.0, 1.0], [], [1.0, 0.1], [math.nan], [0.1, 0.1]])
def test_impossible_radii_are_named(radii):
    value, both, _ = quadratic(decaying())
    theta = torch.zeros(SIZE, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"radii=\[.*above 0"):
        sampled_sharpness(value, theta, radii, 5, fresh())
    with pytest.raises(ValueError, match=r"radii=\[.*above 0"):
        ascended_sharpness(both, theta, radii, 5, 1, fresh())


def test_the_largest_eigenvalue_is_known():
    _, _, matrix = quadratic(decaying(-9.0))  # the largest, not the one of largest size
    like = torch.zeros(SIZE, dtype=torch.float64)
    value, error = largest_eigenvalue(lambda v: matrix @ v, like, fresh(), SIZE)
    assert value == pytest.approx(5.0, rel=1e-10)
    assert error < 1e-9
    rough, bound = largest_eigenvalue(lambda v: matrix @ v, like, fresh(), 6)
    assert abs(rough - 5.0) <= bound


NETS = {
    "mlp": lambda: MLP((1, 8, 8), 3, [6], "tanh", dropout=0.5),
    "cnn": lambda: CNN((1, 8, 8), 3, [[2]], [4], activation="tanh", dropout=0.5),
}


@pytest.mark.parametrize("name", NETS)
def test_a_landscape_is_that_of_one_batch_of_everything(name):
    net = flat_net(NETS[name])
    inputs = drawn(21, 1, 8, 8)
    targets = torch.randint(3, (21,), generator=fresh())
    batches = list(zip(inputs.split(8), targets.split(8), strict=True))
    land = Landscape(net, batches, functional.cross_entropy)
    theta = net.theta.clone()

    def loss(point):
        return functional.cross_entropy(net.outputs(point, inputs), targets)

    value, gradient = land.slope(theta)
    truth = torch.autograd.functional.jacobian(loss, theta)
    assert float(value) == pytest.approx(float(loss(theta)), rel=1e-12)
    assert float(land.value(theta)) == float(value)
    torch.testing.assert_close(gradient, truth)
    hessian = torch.autograd.functional.hessian(loss, theta)
    vector = drawn(len(theta), seed=5)
    torch.testing.assert_close(land.product(theta)(vector), hessian @ vector)
    eigenvalue, _ = largest_eigenvalue(land.product(theta), theta, fresh(), 60)
    assert eigenvalue == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]), rel=1e-6)


def test_a_small_ball_of_a_net_sees_the_slope_and_the_weights_stay():
    net = flat_net(NETS["mlp"], torch.float32)
    module = net._module
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    inputs = drawn(21, 1, 8, 8).float()
    land = Landscape(net, [(inputs, torch.arange(21) % 3)], functional.cross_entropy)
    theta = net.theta.clone()
    loss, gradient = land.slope(theta)
    assert loss.dtype == torch.float64
    assert gradient.dtype == torch.float32
    (found,) = ascended_sharpness(land.slope, theta, [1e-3], 5, 1, fresh())
    assert float(found) == pytest.approx(1e-3 * float(gradient.norm() / (1 + loss)), rel=0.02)
    (sampled,) = sampled_sharpness(land.value, theta, [1e-3], 50, fresh())
    assert 0 < float(sampled) < float(found)
    assert torch.equal(theta, net.theta)
    assert Layout.of(module) == net.layout
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
