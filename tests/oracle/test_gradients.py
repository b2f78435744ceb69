"""Gradients and their norms against closed forms and torch's own backward pass, in float64."""

import copy

import pytest
import torch
from nets import seeded
from torch import nn
from torch.nn import functional

from dl_experiments.measures.flat import FlatNet, Layout, mean_over
from dl_experiments.measures.gradients import gradient, layer_norms, norm
from dl_experiments.models.cnn import CNN
from dl_experiments.models.mlp import MLP

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def net():
    return seeded(lambda: MLP([3], 2, [5, 4], "tanh", dropout=0.5))


@pytest.fixture
def data():
    drawn = torch.Generator().manual_seed(1)
    shape = {"generator": drawn, "dtype": torch.float64}
    return torch.randn(23, 3, **shape), torch.randn(23, 2, **shape)


def backward(net, loss, inputs, targets):
    """The obvious way: a copy in float64 and eval mode, its loss, ``backward``."""
    twin = copy.deepcopy(net).double().eval()
    loss(twin(inputs), targets).backward()
    return {name: tensor.grad for name, tensor in twin.named_parameters()}


def test_gradient_is_that_of_backward_on_the_module(net, data):
    flat = FlatNet(net)
    found = gradient(flat.loss(functional.mse_loss, *data), flat.theta)
    truth = backward(net, functional.mse_loss, *data)
    assert list(truth) == list(flat.layout.shapes)
    torch.testing.assert_close(found, torch.cat([g.flatten() for g in truth.values()]))


def test_gradient_of_linear_regression_in_closed_form(data):
    inputs, targets = data
    flat = FlatNet(seeded(lambda: nn.Linear(3, 1, bias=False)))
    y = targets[:, :1]
    found = gradient(flat.loss(functional.mse_loss, inputs, y), flat.theta)
    truth = 2 * inputs.T @ (inputs @ flat.theta[:, None] - y) / len(inputs)
    torch.testing.assert_close(found, truth[:, 0])


@pytest.mark.parametrize("batch", [1, 5, 7, 22, 23, 100])
def test_full_data_norm_whatever_the_batch_it_is_accumulated_in(net, data, batch):
    flat = FlatNet(net)
    whole = torch.cat([g.flatten() for g in backward(net, functional.mse_loss, *data).values()])
    batches = zip(*(part.split(batch) for part in data), strict=True)
    parts = flat.parts(functional.mse_loss, batches)
    found = norm(mean_over(parts, lambda part: gradient(part, flat.theta)))
    torch.testing.assert_close(found, whole.norm(), rtol=1e-12, atol=0)


def test_cross_entropy_of_a_cnn_in_uneven_batches():
    net = seeded(lambda: CNN((1, 8, 8), 3, [[4]], [6]))
    drawn = torch.Generator().manual_seed(2)
    inputs = torch.randn(10, 1, 8, 8, generator=drawn, dtype=torch.float64)
    classes = torch.randint(3, (10,), generator=drawn)
    flat = FlatNet(net)
    truth = backward(net, functional.cross_entropy, inputs, classes)
    batches = [(inputs[:7], classes[:7]), (inputs[7:], classes[7:])]
    found = mean_over(
        flat.parts(functional.cross_entropy, batches), lambda part: gradient(part, flat.theta)
    )
    torch.testing.assert_close(found, torch.cat([g.flatten() for g in truth.values()]))


def test_layer_norms_are_of_weight_and_bias_together(net, data):
    flat = FlatNet(net)
    found = layer_norms(gradient(flat.loss(functional.mse_loss, *data), flat.theta), flat.layout)
    truth = backward(net, functional.mse_loss, *data)
    assert list(found) == ["dense1", "dense2", "output"]
    for layer, value in found.items():
        both = truth[f"{layer}.weight"].square().sum() + truth[f"{layer}.bias"].square().sum()
        torch.testing.assert_close(value, both.sqrt())


def test_a_stack_is_its_members(net, data):
    flat = FlatNet(net)
    loss = flat.loss(functional.mse_loss, *data)
    stack = torch.stack([flat.theta * scale for scale in (0.5, 1.0, 2.0)])
    found = gradient(loss, stack)
    torch.testing.assert_close(found, torch.stack([gradient(loss, theta) for theta in stack]))
    torch.testing.assert_close(norm(found), found.norm(dim=1))


def test_nothing_is_changed(data):
    """Neither mode, weights, buffers (batch norm in eval mode) nor random numbers."""
    net = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)))
    net.train()
    before = copy.deepcopy(net.state_dict())
    state = torch.get_rng_state()
    flat = FlatNet(net)
    loss = flat.loss(functional.mse_loss, *data)
    found = gradient(loss, flat.theta)
    truth = backward(net, functional.mse_loss, *data)
    torch.testing.assert_close(found, torch.cat([g.flatten() for g in truth.values()]))
    assert net.training
    assert all(tensor.grad is None for tensor in net.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    torch.testing.assert_close(gradient(loss, flat.theta), found, rtol=0, atol=0)


def test_layout_goes_there_and_back(net):
    layout = Layout.of(net)
    theta = layout.flatten(net.state_dict())
    assert len(theta) == layout.size == sum(p.numel() for p in net.parameters())
    for name, tensor in layout.unflatten(theta).items():
        assert torch.equal(tensor, net.get_parameter(name))
        assert torch.equal(theta[layout.tensors()[name]], tensor.flatten())


def test_weights_of_another_model_are_refused(net):
    layout = Layout.of(net)
    with pytest.raises(ValueError, match=r"another model: they have no tensor dense2.weight"):
        layout.flatten(MLP([3], 2, [5]).state_dict())
    with pytest.raises(ValueError, match=r"dense1.weight has shape \(6, 3\), not \(5, 3\)"):
        layout.flatten(MLP([3], 2, [6, 4]).state_dict())
