"""Ways to critical points: Adam against a plain loop, narrow nets against real ones."""

import pytest
import torch
from nets import sinc, stack
from torch.nn import functional

from dl_experiments.measures.critical_points import describe
from dl_experiments.measures.embedding import Narrowed, embedded
from dl_experiments.measures.gradients import gradient
from dl_experiments.measures.minimisation import adam_on_gradient_norm
from dl_experiments.measures.search import Search
from dl_experiments.models.mlp import MLP

pytestmark = pytest.mark.usefixtures("one_thread")


def tanh_nets(hidden, count):
    return stack(lambda: MLP([1], 1, hidden, "tanh"), count)


def test_adam_on_the_gradient_norm_is_a_plain_loop():
    inputs, targets = sinc(16)
    net, starts = tanh_nets([3], 2)
    kept = starts.clone()
    loss = net.loss(functional.mse_loss, inputs, targets)
    found = adam_on_gradient_norm(loss, starts, 20, 0.01)
    assert torch.equal(starts, kept)
    for i, start in enumerate(starts):
        theta = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([theta], lr=0.01)
        for _ in range(20):
            optimizer.zero_grad()
            (slope,) = torch.autograd.grad(loss(theta), theta, create_graph=True)
            slope.square().sum().backward()
            optimizer.step()
        torch.testing.assert_close(found.thetas[i], theta.detach(), rtol=1e-8, atol=1e-10)
        after = gradient(loss, theta.detach()).norm()
        torch.testing.assert_close(found.gradient_norms[i], after, rtol=1e-6, atol=0)
        assert after < gradient(loss, start).norm()
    assert found.iterations.tolist() == [20, 20]
    assert not found.converged.any()


def test_narrowed_is_the_narrow_net_and_back():
    wide, thetas = tanh_nets([4, 3], 2)
    narrow, _ = tanh_nets([2, 1], 1)
    within = Narrowed(wide, [2, 1])
    inputs, _ = sinc(16)
    z = within.narrow(thetas)
    assert z.shape == (2, narrow.layout.size)
    torch.testing.assert_close(within.outputs(z[1], inputs), narrow.outputs(z[1], inputs))
    assert torch.equal(within.widen(z[1]), embedded(thetas[1], wide.layout, [2, 1]))
    with pytest.raises(ValueError, match=r"must be 1 up to those of the net, \[4, 3\]"):
        Narrowed(wide, [5, 1])


def test_an_embedded_critical_point_is_one_of_the_wide_net_and_a_saddle():
    inputs, _ = sinc(24)
    targets = torch.sin(3 * inputs) + inputs**2
    net, thetas = tanh_nets([3], 2)
    search = Search(net, inputs, targets, 60, 1.0)
    found = search.embedded(thetas, [1], 300)
    assert (found.arm, found.steps, found.widths) == ("embedded", 300, (1,))
    assert found.end.converged.all()
    for theta, loss, norm in zip(
        found.end.thetas, found.end.losses, found.end.gradient_norms, strict=True
    ):
        assert gradient(search.loss, theta).norm() < 1e-8
        torch.testing.assert_close(norm, gradient(search.loss, theta).norm(), rtol=1e-2, atol=1e-12)
        torch.testing.assert_close(loss, search.loss(theta))
        silent = Narrowed(net, [1]).widen(Narrowed(net, [1]).narrow(theta)) == theta
        assert silent.all()
    points, draws = list(found.end.thetas), [torch.Generator().manual_seed(k) for k in range(2)]
    spectra = describe(search.loss, points, 0.1, 200, draws, 1.0)
    assert (spectra["counts"][:, 2] > 0).all()
    assert (spectra["counts"].sum(1) == net.layout.size).all()


def test_more_steps_down_reach_lower_critical_points():
    inputs, targets = sinc(16)
    net, thetas = tanh_nets([5], 2)
    search = Search(net, inputs, targets, 5, 1.0)
    few, many = search.descent(thetas, 5), search.descent(thetas, 40)
    assert (few.steps, many.steps) == (5, 40)
    assert (many.end.losses < few.end.losses).all()


def test_spectra_are_those_of_plain_autograd():
    inputs, targets = sinc(16)
    net, thetas = tanh_nets([3], 2)
    loss = net.loss(functional.mse_loss, inputs, targets)
    draws = [torch.Generator().manual_seed(0) for _ in range(2)]
    found = describe(loss, list(thetas), 1e-3, 50, draws, 1.0)
    assert found["swept"].shape == (2, len(found["relative_tolerances"]), 3)
    for i, theta in enumerate(thetas):
        truth = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, theta)).numpy()
        assert found["eigenvalues"][i] == pytest.approx(truth, rel=1e-9, abs=1e-12)
        for relative, counts in zip(
            found["relative_tolerances"][:10], found["swept"][i], strict=False
        ):
            bound = relative * abs(truth).max()
            slow = [(truth > bound).sum(), (abs(truth) <= bound).sum(), (truth < -bound).sum()]
            assert counts.tolist() == slow
        assert 0 <= found["sampled_ratio"][i] <= 1
