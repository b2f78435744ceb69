"""Loss on lines and planes against evaluating each point by itself; lengths of filters."""

import pytest
import torch
from nets import drawn, flat_net
from torch.nn import functional

from dl_experiments.measures import surface
from dl_experiments.measures.surface import (
    filter_normalised,
    on_line,
    on_plane,
    plane_through,
    random_direction,
)
from dl_experiments.models.cnn import CNN
from dl_experiments.models.mlp import MLP

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=["stacked", "alone"])
def order(request, monkeypatch):
    """Both orders of evaluation."""
    if request.param == "alone":
        monkeypatch.setattr(surface, "STACKED", -1)


@pytest.fixture(params=[torch.float64, torch.float32])
def problem(request):
    net = flat_net(lambda: MLP([2], 1, [5, 4], "tanh"), request.param)
    return net, net.loss(functional.mse_loss, drawn(17, 2), drawn(17, 1, seed=1))


def test_plane_is_the_loss_of_each_point(problem, order):
    net, loss = problem
    first, second = (drawn(len(net.theta), seed=seed).to(net.dtype) for seed in (2, 3))
    a, b = torch.linspace(-1, 1, 7), torch.linspace(-2, 1, 4)
    found = on_plane(loss, net.theta, first, second, a, b)
    assert found.shape == (7, 4)
    truth = [[loss(net.theta + x * first + y * second) for y in b] for x in a]
    torch.testing.assert_close(found, torch.tensor(truth, dtype=net.dtype))


def test_plane_at_the_origin_is_the_loss_bit_for_bit(problem, order):
    net, loss = problem
    directions = [random_direction(net.theta, net.layout, torch.Generator()) for _ in range(2)]
    steps = torch.linspace(-1, 1, 9)
    found = on_plane(loss, net.theta, *directions, steps, steps)
    assert torch.equal(found[4, 4], loss(net.theta))


def test_line_is_the_loss_of_each_point_and_exact_at_its_ends(problem, order):
    net, loss = problem
    end = net.theta + drawn(len(net.theta)).to(net.dtype)
    alphas = torch.linspace(-1, 2, 13)
    found = on_line(loss, net.theta, end, alphas)
    truth = torch.stack([loss((1 - x) * net.theta + x * end) for x in alphas])
    torch.testing.assert_close(found, truth)
    assert torch.equal(found[4], loss(net.theta))
    assert torch.equal(found[8], loss(end))


def test_line_over_a_quadratic_in_closed_form():
    centre, start, end = drawn(3), drawn(3, seed=1), drawn(3, seed=2)
    alphas = torch.linspace(-1, 2, 5, dtype=torch.float64)
    found = on_line(lambda t: (t - centre).square().sum(), start, end, alphas)
    gap, way = start - centre, end - start
    truth = gap @ gap + 2 * alphas * (gap @ way) + alphas**2 * (way @ way)
    torch.testing.assert_close(found, truth)


@pytest.mark.parametrize(
    "make", [lambda: MLP([3], 2, [6, 4]), lambda: CNN((2, 8, 8), 3, [[4, 5]], [6])]
)
def test_each_filter_is_as_long_as_the_nets_and_keeps_its_direction(make):
    net = flat_net(make)
    direction = drawn(len(net.theta))
    found = net.layout.unflatten(filter_normalised(direction, net.theta, net.layout))
    before, weights = net.layout.unflatten(direction), net.layout.unflatten(net.theta)
    for name, part in found.items():
        if name.endswith("bias"):
            assert (part == 0).all()
            continue
        for new, old, weight in zip(part, before[name], weights[name], strict=True):
            torch.testing.assert_close(new.norm(), weight.norm())
            cosine = functional.cosine_similarity(new.flatten(), old.flatten(), dim=0)
            assert float(cosine) == pytest.approx(1)


def test_filters_of_length_zero_do_not_move_and_do_not_fail():
    net = flat_net(lambda: MLP([3], 1, [2]))
    theta = torch.zeros_like(net.theta)
    assert (filter_normalised(drawn(len(theta)), theta, net.layout) == 0).all()
    assert (filter_normalised(theta, net.theta, net.layout) == 0).all()


def test_a_rescaled_relu_net_has_the_same_surface():
    """Why directions are normalised: w₁ → 10 w₁, w₂ → w₂ / 10 is the same function."""
    net = flat_net(lambda: MLP([2], 1, [5], "relu"))
    loss = net.loss(functional.mse_loss, drawn(17, 2), drawn(17, 1, seed=1))
    named = {name: part.clone() for name, part in net.layout.unflatten(net.theta).items()}
    for name, factor in (("dense1.weight", 10), ("dense1.bias", 10), ("output.weight", 0.1)):
        named[name] *= factor
    other = net.layout.flatten(named)
    steps = torch.linspace(-1, 1, 5, dtype=torch.float64)
    surfaces = []
    for theta in (net.theta, other):
        pair = [
            random_direction(theta, net.layout, torch.Generator().manual_seed(seed))
            for seed in (1, 2)
        ]
        surfaces.append(on_plane(loss, theta, *pair, steps, steps))
    torch.testing.assert_close(surfaces[0], surfaces[1])


def test_random_directions_come_from_the_generator_alone():
    net = flat_net(lambda: MLP([3], 1, [2]))
    state = torch.get_rng_state()
    one, same = (
        random_direction(net.theta, net.layout, torch.Generator().manual_seed(5)) for _ in range(2)
    )
    drawing = torch.Generator().manual_seed(5)
    pair = [random_direction(net.theta, net.layout, drawing) for _ in range(2)]
    assert torch.equal(one, same)
    assert torch.equal(one, pair[0])
    assert not torch.equal(*pair)
    assert torch.equal(state, torch.get_rng_state())


def test_the_plane_of_three_points_has_their_distances():
    points = drawn(3, 20)
    axes, places = plane_through(points)
    torch.testing.assert_close(axes @ axes.T, torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(points[0] + places @ axes, points, rtol=0, atol=1e-12)
    assert places[0].tolist() == [0, 0]
    assert float(places[1, 1]) == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(torch.cdist(places, places), torch.cdist(points, points))
    with pytest.raises(ValueError, match="on one line"):
        plane_through(torch.stack([points[0], points[1], 2 * points[1] - points[0]]))
