"""Gradient-norm minimisation on problems whose critical points are known, and on small nets."""

import pytest
import torch
from nets import drawn, sinc, stack
from torch import nn
from torch.nn import functional

from dl_experiments.measures.embedding import embedded
from dl_experiments.measures.flat import FlatNet
from dl_experiments.measures.gradients import gradient
from dl_experiments.measures.hessian import hessian
from dl_experiments.measures.minimisation import minimise_gradient_norm, minimise_loss
from dl_experiments.models.cnn import CNN
from dl_experiments.models.mlp import MLP

pytestmark = pytest.mark.usefixtures("one_thread")


def test_linear_regression_ends_at_the_least_squares_solution():
    inputs, targets = drawn(30, 4), drawn(30, 2, seed=1)
    net, starts = stack(lambda: nn.Linear(4, 2), 3)
    found = minimise_loss(net, inputs, targets, starts, 50)
    ones = torch.cat([inputs, torch.ones(30, 1, dtype=torch.float64)], 1)
    truth = torch.linalg.lstsq(ones, targets).solution.T  # [2, 5]: weights, then bias
    expected = torch.cat([truth[:, :4].flatten(), truth[:, 4]])
    assert found.converged.all()
    torch.testing.assert_close(found.thetas, expected.expand(3, -1), rtol=0, atol=1e-7)
    torch.testing.assert_close(
        found.losses, (ones @ truth.T - targets).square().mean().expand(3), rtol=1e-12, atol=0
    )


def test_fewer_points_than_parameters_are_fitted_exactly():
    inputs, targets = drawn(3, 5), drawn(3, 1, seed=1)
    net, starts = stack(lambda: nn.Linear(5, 1), 2)
    found = minimise_loss(net, inputs, targets, starts, 50)
    assert found.converged.all()
    assert (found.losses < 1e-15).all()
    ones = torch.cat([inputs, torch.ones(3, 1, dtype=torch.float64)], 1)
    # what the data do not see stays as it was
    change = found.thetas - starts
    seen = ones.T @ torch.linalg.pinv(ones.T)
    torch.testing.assert_close(change @ seen.T, change, rtol=0, atol=1e-9)


def test_newton_goes_to_the_saddle_nearby():
    """The net w₂w₁x at x = 1 against ½: a saddle at 0 with L = ¼, minima where w₁w₂ = ½."""
    loss = lambda w: (w[0] * w[1] - 0.5) ** 2  # noqa: E731
    starts = torch.tensor([[0.1, 0.05], [-0.1, 0.1], [1.0, 0.6]], dtype=torch.float64)
    found = minimise_gradient_norm(loss, starts, 100, tolerance=1e-10)
    assert found.converged.all()
    torch.testing.assert_close(found.thetas[:2], torch.zeros_like(starts[:2]), rtol=0, atol=1e-9)
    torch.testing.assert_close(
        found.losses, torch.tensor([0.25, 0.25, 0.0], dtype=torch.float64), rtol=0, atol=1e-9
    )
    assert (found.gradient_norms < 1e-10).all()


def test_newton_finds_the_centre_of_an_indefinite_quadratic():
    matrix, centre = torch.diag(torch.tensor([3.0, -2.0, 1e-3], dtype=torch.float64)), drawn(3)
    loss = lambda t: (t - centre) @ matrix @ (t - centre) / 2  # noqa: E731
    found = minimise_gradient_norm(loss, drawn(4, 3, seed=1), 100, tolerance=1e-12)
    assert found.converged.all()
    torch.testing.assert_close(found.thetas, centre.expand(4, 3), rtol=0, atol=1e-8)


def test_where_there_is_no_critical_point_it_says_so():
    found = minimise_gradient_norm(lambda t: t.sum() + t[0] ** 2, drawn(2, 3), 60)
    assert not found.converged.any()
    # the best there is: the slopes along t₁ and t₂ cannot be changed
    torch.testing.assert_close(found.gradient_norms, torch.full((2,), 2**0.5, dtype=torch.float64))


def test_values_that_are_not_finite_are_not_stepped_to():
    loss = lambda t: (t - t.log()).sum()  # noqa: E731  not a number below 0, minimum at 1
    found = minimise_gradient_norm(loss, torch.tensor([[0.01], [5.0]], dtype=torch.float64), 200)
    assert found.converged[0]
    torch.testing.assert_close(found.thetas[0], torch.ones(1, dtype=torch.float64))
    assert found.thetas.isfinite().all()


def test_both_phases_lower_their_objective_and_end_at_a_critical_point():
    inputs, _ = sinc(16)
    targets = torch.sin(3 * inputs) + inputs**2
    net, starts = stack(lambda: MLP([1], 1, [5, 5], "tanh"), 4)
    loss = net.loss(functional.mse_loss, inputs, targets)
    first = minimise_loss(net, inputs, targets, starts, 120)
    second = minimise_gradient_norm(loss, first.thetas, 20)
    for theta, start, near, norm, value, done in zip(
        second.thetas,
        starts,
        first.thetas,
        second.gradient_norms,
        second.losses,
        second.converged,
        strict=True,
    ):
        assert loss(near) < loss(start)
        before, after = gradient(loss, near).norm(), gradient(loss, theta).norm()
        assert after < before
        torch.testing.assert_close(norm, after, rtol=1e-3, atol=1e-13)
        torch.testing.assert_close(value, loss(theta))
        assert bool(done) == bool(norm < 1e-8)
    assert second.converged.any()


def test_members_do_not_influence_one_another_and_starts_stay():
    inputs, targets = sinc(16)
    net, starts = stack(lambda: MLP([1], 1, [3], "tanh"), 3)
    loss = net.loss(functional.mse_loss, inputs, targets)
    kept = starts.clone()
    together = minimise_loss(net, inputs, targets, starts, 12)
    newton = minimise_gradient_norm(loss, starts, 12)
    assert torch.equal(starts, kept)
    for i in range(3):
        alone = minimise_loss(net, inputs, targets, starts[i : i + 1], 12)
        torch.testing.assert_close(alone.thetas[0], together.thetas[i], rtol=1e-6, atol=1e-8)
        alone = minimise_gradient_norm(loss, starts[i : i + 1], 12)
        torch.testing.assert_close(alone.thetas[0], newton.thetas[i], rtol=1e-6, atol=1e-8)


def test_iterations_are_counted_for_each_member():
    matrix = torch.eye(2, dtype=torch.float64)
    starts = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    found = minimise_gradient_norm(lambda t: t @ matrix @ t, starts, 3, tolerance=1e-300)
    assert found.iterations.tolist() == [0, 3]
    assert found.converged.tolist() == [True, False]


def test_a_narrower_nets_critical_point_is_one_of_the_wider_net():
    """Units with no weights in or out stay so; with residuals left that point is a saddle."""
    inputs, _ = sinc(24)
    targets = torch.sin(3 * inputs) + inputs**2
    net, starts = stack(lambda: MLP([1], 1, [3], "tanh"), 1)
    narrow = embedded(starts[0], net.layout, [1])
    silent = narrow == 0
    assert silent.sum() == 2 * 3  # weights in, biases and weights out of two units
    found = minimise_loss(net, inputs, targets, narrow[None], 300)
    assert found.converged.all()
    assert (found.thetas[0][silent] == 0).all()
    loss = net.loss(functional.mse_loss, inputs, targets)
    assert gradient(loss, found.thetas[0]).norm() < 1e-8
    assert torch.linalg.eigvalsh(hessian(loss, found.thetas[0]).matrix)[0] < -1e-3


def test_embedding_is_the_narrow_net():
    wide, starts = stack(lambda: MLP([2], 3, [5, 4], "tanh"), 1)
    theta = embedded(starts[0], wide.layout, [3, 2])
    narrow = FlatNet(MLP([2], 3, [3, 2], "tanh"))
    cut = {
        name: part[tuple(slice(0, size) for size in narrow.layout.shapes[name])]
        for name, part in wide.layout.unflatten(theta).items()
    }
    inputs = drawn(7, 2)
    torch.testing.assert_close(
        wide.outputs(theta, inputs), narrow.outputs(narrow.layout.flatten(cut), inputs)
    )
    assert torch.equal(embedded(starts[0], wide.layout, [5, 4]), starts[0])


def test_embedding_refuses_what_does_not_fit():
    net, starts = stack(lambda: MLP([2], 3, [5, 4], "tanh"), 1)
    for widths in ([3], [0, 4], [6, 4]):
        with pytest.raises(ValueError, match=r"must be 1 up to those of the net, \[5, 4\]"):
            embedded(starts[0], net.layout, widths)
    cnn, starts = stack(lambda: CNN((1, 4, 4), 2, [[2]], []), 1)
    with pytest.raises(ValueError, match="a net of dense layers is needed"):
        embedded(starts[0], cnn.layout, [2])


def test_a_hessian_over_the_memory_is_refused():
    with pytest.raises(ValueError, match=r"memory_gib=1e-09"):
        minimise_gradient_norm(lambda t: t.square().sum(), drawn(2, 3), 5, memory_gib=1e-9)
