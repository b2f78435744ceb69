"""Sensitivity against matrices, finite differences and one sample at a time; the artefact's law."""

import copy

import pytest
import torch
from nets import drawn, seeded
from torch import nn
from torch.nn import functional

from dl_experiments.measures import sensitivity as module
from dl_experiments.measures.sensitivity import batch_mean_norms, sensitivity
from dl_experiments.models.cnn import CNN
from dl_experiments.models.mlp import MLP
from dl_experiments.tasks.losses import squared_error_one_hot

SHAPE, CLASSES, COUNT = (2, 6, 6), 4, 23
NETS = {
    "linear": lambda: MLP(SHAPE, CLASSES, []),
    "mlp": lambda: MLP(SHAPE, CLASSES, [9, 7], dropout=0.5),
    "wide": lambda: MLP(SHAPE, CLASSES, [90], "tanh"),
    "cnn": lambda: CNN(SHAPE, CLASSES, [[3], [4]], [8], activation="tanh", dropout=0.4),
}
LOSSES = {"cross_entropy": functional.cross_entropy, "mse": squared_error_one_hot}


@pytest.fixture(params=NETS)
def net(request):
    return seeded(lambda: NETS[request.param]()).double()


def probe(count=COUNT):
    targets = torch.randint(CLASSES, (count,), generator=torch.Generator().manual_seed(1))
    return drawn(count, *SHAPE), targets


def one_by_one(net, inputs, targets, loss):
    """The three norms by ``torch.autograd.functional.jacobian``, a sample at a time."""
    net = copy.deepcopy(net).eval()
    rows = []
    for x, y in zip(inputs, targets, strict=True):
        functions = (
            lambda one, y=y: loss(net(one[None]), y[None]),
            lambda one: net(one[None])[0],
            lambda one: net(one[None])[0].softmax(0),
        )
        rows.append([torch.autograd.functional.jacobian(f, x).norm() for f in functions])
    return torch.tensor(rows, dtype=torch.float64).T


@pytest.mark.parametrize("loss", LOSSES)
def test_it_is_what_autograd_gives_one_sample_at_a_time(net, loss):
    inputs, targets = probe()
    found = sensitivity(net, [(inputs, targets)], LOSSES[loss])
    truth = one_by_one(net, inputs, targets, LOSSES[loss])
    for norms, expected in zip(vars(found).values(), truth, strict=True):
        assert norms.dtype == torch.float64
        torch.testing.assert_close(norms, expected, rtol=1e-10, atol=0)


def test_of_a_linear_model_it_is_the_norm_of_its_matrix():
    net = seeded(NETS["linear"]).double()
    found = sensitivity(net, [probe()], functional.cross_entropy)
    expected = torch.linalg.matrix_norm(net.output.weight.detach()).expand(COUNT)
    torch.testing.assert_close(found.jacobian, expected, rtol=1e-13, atol=0)


def test_finite_differences_of_a_cnn():
    net = seeded(NETS["cnn"]).double().eval()
    inputs, targets = probe(2)
    found = sensitivity(net, [(inputs, targets)], functional.cross_entropy)
    step = 1e-5

    def outputs(x):
        with torch.no_grad():
            z = net(x)
        return z, z.softmax(1), -z.log_softmax(1).gather(1, targets[:, None])

    squares = [torch.zeros(2, dtype=torch.float64) for _ in range(3)]
    for place in range(inputs[0].numel()):
        nudge = torch.zeros(inputs[0].numel(), dtype=torch.float64)
        nudge[place] = step
        nudge = nudge.view(SHAPE)
        for square, up, down in zip(
            squares, outputs(inputs + nudge), outputs(inputs - nudge), strict=True
        ):
            square += ((up - down) / (2 * step)).square().sum(1)
    for name, square in zip(
        ("jacobian", "softmax_jacobian", "loss_gradient"), squares, strict=True
    ):
        torch.testing.assert_close(getattr(found, name), square.sqrt(), rtol=1e-7, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_it_does_not_depend_on_the_evaluation_batch(net, dtype, monkeypatch):
    """A net with dropout is in training mode here, as between two epochs."""
    net = net.to(dtype).train()
    inputs, targets = probe()
    inputs = inputs.to(dtype)
    whole = sensitivity(net, [(inputs, targets)], functional.cross_entropy)
    within = {"rtol": 20 * torch.finfo(dtype).eps, "atol": 0}
    for size in (1, 2, 7, COUNT):
        batches = zip(inputs.split(size), targets.split(size), strict=True)
        cut = sensitivity(net, batches, functional.cross_entropy)
        for one, other in zip(vars(whole).values(), vars(cut).values(), strict=True):
            torch.testing.assert_close(one, other, **within)
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    small = sensitivity(net, [(inputs, targets)], functional.cross_entropy)
    for one, other in zip(vars(whole).values(), vars(small).values(), strict=True):
        torch.testing.assert_close(one, other, **within)
    assert net.training


def test_a_net_that_is_sure_of_its_answer_keeps_its_digits():
    """In float32 1 − p is 0 where the logits are 30 apart, and squares of e^-60 vanish."""
    net = seeded(NETS["wide"]).double()
    with torch.no_grad():
        net.output.bias += torch.tensor([60.0, 0.0, 5.0, 10.0])
    inputs, _ = probe()
    targets = torch.zeros(COUNT, dtype=torch.int64)
    exact = sensitivity(net, [(inputs, targets)], functional.cross_entropy)
    single = sensitivity(net.float(), [(inputs.float(), targets)], functional.cross_entropy)
    assert 0 < float(exact.softmax_jacobian.max()) < 1e-18
    torch.testing.assert_close(single.softmax_jacobian, exact.softmax_jacobian, rtol=1e-4, atol=0)
    assert float(exact.loss_gradient.max()) < 1e-14


def test_regression_has_its_own_loss():
    net = seeded(lambda: MLP((1,), 1, [8], "tanh")).double()
    inputs, targets = drawn(9, 1), drawn(9, 1, seed=2)
    found = sensitivity(net, [(inputs, targets)], functional.mse_loss)
    inputs.requires_grad_()
    outputs = net(inputs)
    (slope,) = torch.autograd.grad(outputs.sum(), inputs)
    torch.testing.assert_close(found.jacobian, slope[:, 0].abs())
    truth = (2 * (outputs - targets) * slope)[:, 0].abs().detach()
    torch.testing.assert_close(found.loss_gradient, truth)


def test_the_net_and_its_gradients_are_left_alone(net):
    before = copy.deepcopy(net.state_dict())
    inputs, targets = probe()
    sensitivity(net, [(inputs, targets)], functional.cross_entropy)
    batch_mean_norms(net, inputs, targets, functional.cross_entropy, 5)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert inputs.grad is None


@pytest.mark.parametrize("size", [1, 4, 8])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_control_follows_from_the_samples_and_the_batch_size(net, loss, size, monkeypatch):
    inputs, targets = probe(8)
    each = sensitivity(net, [(inputs, targets)], LOSSES[loss]).loss_gradient
    for within in (3, 250):
        monkeypatch.setattr(module, "PASS", within)
        found = batch_mean_norms(net, inputs, targets, LOSSES[loss], size)
        roots = each.view(-1, size).square().sum(1).sqrt()
        assert found.whole == pytest.approx(float(roots.mean()) / size, rel=1e-9)
        assert found.row == pytest.approx(float(each.mean()) / size, rel=1e-9)


def test_the_control_is_the_gradient_of_the_mean_loss():
    net = seeded(NETS["cnn"]).double().eval()
    inputs, targets = probe(7)
    x = inputs[:5].clone().requires_grad_()
    functional.cross_entropy(net(x), targets[:5]).backward()
    found = batch_mean_norms(net, inputs, targets, functional.cross_entropy, 5)
    assert found.whole == pytest.approx(float(x.grad.norm()), rel=1e-12)
    assert found.row == pytest.approx(float(x.grad.flatten(1).norm(dim=1).mean()), rel=1e-12)


def test_another_kind_of_net_has_no_dense_beginning():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.output = nn.Linear(72, 72), nn.Linear(72, CLASSES)

        def forward(self, inputs):
            flat = inputs.flatten(1)
            return self.output(flat + self.inner(flat).tanh())

    net = seeded(Residual).double()
    inputs, targets = probe(5)
    found = sensitivity(net, [(inputs, targets)], functional.cross_entropy)
    truth = one_by_one(net, inputs, targets, functional.cross_entropy)
    for norms, expected in zip(vars(found).values(), truth, strict=True):
        torch.testing.assert_close(norms, expected, rtol=1e-10, atol=0)
