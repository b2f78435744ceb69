"""Matching units: the function stays, a shuffled net is found again, the objective only rises."""

from itertools import permutations, product
from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from nets import drawn, seeded
from torch import nn

from dl_experiments import problem
from dl_experiments.config import resolve
from dl_experiments.measures.matching import layers, match, permuted
from dl_experiments.models.cnn import CNN
from dl_experiments.models.mlp import MLP

CONF = Path(__file__).parents[2] / "conf"
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
ONLY_IMAGES = [
    name
    for name in MODELS
    if "cnn" in str(yaml.safe_load((CONF / "model" / f"{name}.yaml").read_text()).get("_target_"))
]
NETS = {
    "dense": lambda: MLP((3,), 2, [5, 4, 6], "tanh"),
    "convolutional": lambda: CNN((1, 8, 8), 3, [[4, 3], [5]], [7]),
    "convolutions to the output": lambda: CNN((2, 4, 4), 3, [[4]], []),
}


def net(name, seed=0):
    return seeded(lambda: (torch.manual_seed(seed), NETS[name]())[1]).double()


def shuffles(model, seed=0):
    """An arbitrary order of each hidden layer's units."""
    draw = torch.Generator().manual_seed(seed)
    widths = [len(model.get_submodule(name).weight) for name in layers(model)[:-1]]
    return [torch.randperm(width, generator=draw) for width in widths]


def outputs(model, state, inputs):
    with torch.no_grad():
        return torch.func.functional_call(model.eval(), state, (inputs,))


def objective(one, other, model, orders):
    """Σ ⟨θ, θ' permuted⟩ over all tensors, in a loop."""
    moved = permuted(other, layers(model), orders)
    return sum(float((one[name] * moved[name]).sum()) for name in one)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (model, data)
        for model in MODELS
        for data in ("sinc", "digits")
        if data == "digits" or model not in ONLY_IMAGES
    ],
)
def test_the_function_of_every_configured_model_stays(model, data):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = resolve(compose("train", [f"model={model}", f"data={data}"]))
    module = problem.data(config)
    one, other = (problem.model(config | {"seed": seed}, module).double().eval() for seed in (0, 1))
    state = other.state_dict()
    inputs = drawn(6, *module.input_shape)
    before = outputs(other, state, inputs)
    for orders in (shuffles(other), match(one.state_dict(), state, layers(one))):
        moved = permuted(state, layers(other), orders)
        torch.testing.assert_close(outputs(other, moved, inputs), before, rtol=1e-12, atol=1e-12)
        assert any(not torch.equal(moved[name], state[name]) for name in state)


@pytest.mark.parametrize("name", NETS)
def test_a_shuffled_net_is_put_back(name):
    model = net(name)
    state, names = model.state_dict(), layers(model)
    shuffled = permuted(state, names, shuffles(model))
    found = permuted(shuffled, names, match(state, shuffled, names))
    assert all(torch.equal(found[key], state[key]) for key in state)


@pytest.mark.parametrize("name", NETS)
def test_matching_never_lowers_the_objective(name):
    model = net(name)
    one, other = model.state_dict(), net(name, seed=1).state_dict()
    orders = match(one, other, layers(model))
    stay = [torch.arange(len(order)) for order in orders]
    assert objective(one, other, model, orders) > objective(one, other, model, stay)
    for order, same in zip(orders, stay, strict=True):
        assert torch.equal(order.sort().values, same)


def test_no_single_layer_can_be_matched_better():
    """Every other assignment of one layer, tried by hand."""
    model = seeded(lambda: MLP((2,), 2, [4, 4])).double()
    other = {
        name: drawn(*t.shape, seed=at) for at, (name, t) in enumerate(model.state_dict().items())
    }
    one, names = model.state_dict(), layers(model)
    orders = match(one, other, names)
    best = objective(one, other, model, orders)
    for at, order in product(range(2), permutations(range(4))):
        tried = [torch.tensor(order) if place == at else o for place, o in enumerate(orders)]
        assert objective(one, other, model, tried) <= best + 1e-9


def test_a_single_hidden_layer_is_matched_exactly():
    model = seeded(lambda: MLP((2,), 3, [5])).double()
    one, other = (
        model.state_dict(),
        seeded(lambda: (torch.rand(1), MLP((2,), 3, [5]))[1]).double().state_dict(),
    )
    found = objective(one, other, model, match(one, other, layers(model)))
    tried = [objective(one, other, model, [torch.tensor(p)]) for p in permutations(range(5))]
    assert found == pytest.approx(max(tried))


def test_channels_keep_their_pixels_through_the_flatten():
    model = net("convolutions to the output")
    state = model.state_dict()
    moved = permuted(state, layers(model), [torch.tensor([2, 0, 3, 1])])
    before = state["output.weight"].view(3, 4, 2, 2)
    assert torch.equal(moved["output.weight"].view(3, 4, 2, 2), before[:, [2, 0, 3, 1]])


def test_layers_are_in_order_and_others_are_refused():
    assert layers(net("convolutional")) == ["conv1_1", "conv1_2", "conv2_1", "dense1", "output"]
    with pytest.raises(ValueError, match="through 1, a BatchNorm1d; known are dense and ungrouped"):
        layers(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1)))
    with pytest.raises(ValueError, match="through 0, a Conv2d"):
        layers(nn.Sequential(nn.Conv2d(2, 2, 1, groups=2)))
    with pytest.raises(ValueError, match="units of a Linear cannot be matched: it is no sequence"):
        layers(nn.Linear(2, 2))
