"""How weights are drawn, held against the closed forms of torch's own rules."""

import math

import pytest
import torch
from torch import nn

from dl_experiments import randomness
from dl_experiments.models.cnn import CNN
from dl_experiments.models.initial import INITS
from dl_experiments.models.mlp import MLP
from dl_experiments.models.sizing import sized_cnn, sized_mlp
from dl_experiments.schema import Init


def nets(init: str = "default", gain: float = 1.0) -> dict[str, nn.Sequential]:
    """Of each constructor one, at the start of one stream."""
    made = {}
    for build, shape, keys in (
        (MLP, (300,), {"hidden": [400, 200]}),
        (sized_mlp, (300,), {"depth": 1, "parameters": 90_000}),
        (CNN, (40, 8, 8), {"blocks": [[60, 30]], "hidden": [90]}),
        (sized_cnn, (40, 8, 8), {"blocks": [[60]], "parameters": 90_000}),
    ):
        with randomness.scope(3, "weights"):
            made[build.__name__] = build(shape, 50, **keys, init=init, gain=gain)
    return made


def layers(init: str, gain: float = 1.0) -> list[nn.Linear | nn.Conv2d]:
    return [
        layer
        for net in nets(init, gain).values()
        for layer in net.modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    ]


def fans(layer: nn.Linear | nn.Conv2d) -> tuple[int, int]:
    """Values into and out of a unit, as the papers count them."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    k = layer.kernel_size[0] * layer.kernel_size[1]
    return k * layer.in_channels, k * layer.out_channels


def test_the_rules_are_those_tested() -> None:
    assert Init.__args__ == tuple(INITS) == ("default", "he", "xavier", "orthogonal")


@pytest.mark.parametrize(("init", "gain"), [("he", 1.0), ("he", 0.5), ("xavier", 1.7)])
def test_weights_have_the_variance_of_the_rule_and_lie_as_it_says(init: str, gain: float) -> None:
    """Of n draws the mean errs by σ/√n and the variance by at most σ² √(2/n)."""
    for layer in layers(init, gain):
        into, out = fans(layer)
        variance = gain**2 * 2 / (into if init == "he" else into + out)
        weights = layer.weight.detach().double().flatten()
        n = len(weights)
        assert n >= 2_500
        assert abs(weights.mean()) < 5 * math.sqrt(variance / n)
        assert abs(weights.var() / variance - 1) < 5 * math.sqrt(2 / n)
        fourth = 3.0 if init == "he" else 9 / 5  # over the variance squared: normal, or uniform
        assert abs((weights**4).mean() / variance**2 - fourth) < 5 * math.sqrt(96 / n)
        if init == "xavier":
            assert weights.abs().max() <= math.sqrt(3 * variance) * (1 + 1e-6)


@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_orthogonal_weights_have_orthonormal_rows_or_columns_times_the_gain(gain: float) -> None:
    for layer in layers("orthogonal", gain):
        matrix = layer.weight.detach().double().flatten(1)
        if matrix.shape[0] > matrix.shape[1]:
            matrix = matrix.T
        unit = gain**2 * torch.eye(len(matrix), dtype=torch.double)
        torch.testing.assert_close(matrix @ matrix.T, unit, atol=1e-5 * gain**2, rtol=0)


@pytest.mark.parametrize("init", INITS)
def test_biases_are_those_of_torch_and_so_are_the_weights_by_default(init: str) -> None:
    plain = nets()
    for name, net in nets(init).items():
        for key, value in net.state_dict().items():
            same = torch.equal(value, plain[name].state_dict()[key])
            assert same == (init == "default" or key.endswith("bias")), key


def test_threads_do_not_change_a_bit() -> None:
    threads = torch.get_num_threads()
    try:
        made = []
        for count in (1, 2):
            torch.set_num_threads(count)
            made.append([layer.weight for layer in layers("orthogonal")])
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(*made, strict=True))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"init": "kaiming"}, "init=kaiming is unknown; choose one of default, he, xavier"),
        ({"init": "he", "gain": 0}, "gain=0 must be a number above 0"),
        ({"init": "he", "gain": -1.0}, r"gain=-1\.0 must be"),
        ({"init": "he", "gain": math.nan}, "gain=nan must be"),
        ({"init": "he", "gain": True}, "gain=True must be"),
        ({"gain": 2.0}, r"gain=2\.0 needs model\.init other than default"),
    ],
)
def test_an_impossible_value_is_one_line_with_its_key(
    keys: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"^model\.{message}"):
        MLP((2,), 1, [3], **keys)  # type: ignore[arg-type]
