"""A stack of linear layers against the one map it is."""

import numpy as np
import pytest
import torch
from torch import nn

from dl_experiments.measures.linear import collapse
from dl_experiments.models.mlp import MLP


def test_the_product_by_hand() -> None:
    """2 → 2 → 1 with numbers: 5·(x + 2y + 1) + 6·(3x + 4y − 1) + 7 = 23x + 34y + 6."""
    model = MLP((2,), 1, [2], activation="identity")
    with torch.no_grad():
        model.dense1.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        model.dense1.bias.copy_(torch.tensor([1.0, -1.0]))
        model.output.weight.copy_(torch.tensor([[5.0, 6.0]]))
        model.output.bias.fill_(7.0)

    weight, bias = collapse(model)

    assert weight.tolist() == [[23.0, 34.0]]
    assert bias.tolist() == [6.0]


@pytest.mark.parametrize("hidden", [[], [7], [5, 3, 8, 2], [16] * 10])
@pytest.mark.parametrize("shape", [(1,), (3, 4, 5)])
def test_the_collapsed_map_is_the_same_function(hidden: list[int], shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = MLP(shape, 4, hidden, activation="identity", dropout=0.3).double().eval()
    inputs = torch.randn(20, *shape, dtype=torch.float64)

    weight, bias = collapse(model)

    assert weight.shape == (4, inputs[0].numel())
    outputs = model(inputs).detach().numpy()
    flat = inputs.flatten(1).numpy()
    np.testing.assert_allclose(flat @ weight.numpy().T + bias.numpy(), outputs, atol=1e-13)


def test_single_precision_is_collapsed_in_double() -> None:
    weight, bias = collapse(MLP((3,), 2, [4], activation="identity"))
    assert (weight.dtype, bias.dtype) == (torch.float64, torch.float64)
    assert not weight.requires_grad


def test_a_layer_without_bias_adds_none() -> None:
    layer = nn.Linear(3, 2, bias=False)
    weight, bias = collapse(nn.Sequential(layer))
    assert torch.equal(weight, layer.weight.detach().double())
    assert bias.tolist() == [0.0, 0.0]


def test_what_is_not_linear_is_named() -> None:
    with pytest.raises(ValueError, match="layer activation1 is a Tanh, which is not linear"):
        collapse(MLP((3,), 2, [4], activation="tanh"))
    with pytest.raises(ValueError, match="Sequential has no linear layer"):
        collapse(nn.Sequential(nn.Flatten()))
