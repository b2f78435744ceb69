import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from dl_experiments.models.mlp import ACTIVATIONS, MLP


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("inputs", "hidden", "outputs", "expected"),
    [
        (1, [5, 10, 10, 10, 10, 10, 5], 1, 571),
        (1, [10, 18, 15, 4], 1, 572),
        (1, [13, 13, 13, 12], 1, 571),
        (1, [190], 1, 571),
        (1, [500], 1, 1_501),
        (1, [5, 10, 5], 1, 131),
        (1, [128], 1, 385),
        (784, [500, 50], 10, 418_060),
        (784, [50], 10, 39_760),
        (784, [100], 10, 79_510),
        (784, [250], 10, 198_760),
        (784, [500], 10, 397_510),
        (784, [550], 10, 437_260),
        (784, [750], 10, 596_260),
        (784, [1000], 10, 795_010),
        (784, [1050], 10, 834_760),
        (784, [1500], 10, 1_192_510),
        (784, [2000], 10, 1_590_010),
    ],
)
def test_published_parameter_counts(
    inputs: int, hidden: list[int], outputs: int, expected: int
) -> None:
    assert parameters(MLP((inputs,), outputs, hidden)) == expected


def test_images_are_flattened_and_functions_are_not() -> None:
    image, function = MLP((1, 28, 28), 10, [500, 50]), MLP((1,), 1, [3])

    assert parameters(image) == 418_060
    assert image(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert function(torch.zeros(2, 1)).shape == (2, 1)
    assert not any(isinstance(layer, nn.Flatten) for layer in function)


def test_no_hidden_layer_makes_a_linear_model() -> None:
    model = MLP((4,), 3, [])
    x, y = torch.randn(2, 1, 4, generator=torch.Generator().manual_seed(0))

    torch.testing.assert_close(model(x + y), model(x) + model(y) - model(torch.zeros(1, 4)))
    assert parameters(model) == 15


def test_dropout_follows_each_hidden_activation_and_renames_no_weight() -> None:
    plain, dropping = MLP((4,), 3, [5, 6]), MLP((4,), 3, [5, 6], dropout=0.5)

    kinds = [type(layer).__name__ for layer in dropping]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert not any(isinstance(layer, nn.Dropout) for layer in plain)
    dropping.load_state_dict(plain.state_dict())


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", torch.relu),
        ("leaky_relu", nn.functional.leaky_relu),
        ("tanh", torch.tanh),
        ("selu", torch.selu),
        ("gelu", nn.functional.gelu),
        ("identity", lambda x: x),
    ],
)
def test_activation_is_the_named_function(name: str, function: object) -> None:
    model = MLP((3,), 2, [4], activation=name)
    x = torch.linspace(-2, 2, 15).reshape(5, 3)

    expected = model.output(function(model.dense1(x)))  # type: ignore[operator]

    torch.testing.assert_close(model(x), expected)


def test_all_activations_are_those_tested() -> None:
    assert list(ACTIVATIONS) == ["relu", "leaky_relu", "tanh", "selu", "gelu", "identity"]


def test_widths_may_come_from_a_config() -> None:
    config = OmegaConf.create({"shape": [1], "hidden": [5, 10, 5]})

    assert parameters(MLP(config.shape, 1, config.hidden)) == 131


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"hidden": [3], "activation": "swish"},
            r"model\.activation=swish is unknown; choose one of "
            r"relu, leaky_relu, tanh, selu, gelu, identity",
        ),
        ({"hidden": [3], "activation": None}, r"model\.activation=None is unknown; choose one of"),
        ({"hidden": [], "activation": "swish"}, r"model\.activation=swish is unknown"),
        ({"hidden": [3, 0]}, r"model\.hidden=\[3, 0\]: a width must be an integer >= 1, not 0"),
        ({"hidden": [3, -1]}, r"model\.hidden=\[3, -1\]: .* not -1"),
        ({"hidden": [True]}, r"model\.hidden=\[True\]: .* not True"),
        ({"hidden": [2.5]}, r"model\.hidden=\[2\.5\]: .* not 2\.5"),
        ({"hidden": ["wide"]}, r"model\.hidden=\['wide'\]: .* not 'wide'"),
        ({"hidden": 500}, r"model\.hidden=500 must be a list of widths"),
        ({"hidden": "500"}, r"model\.hidden=500 must be a list of widths"),
        ({"hidden": None}, r"model\.hidden=None must be a list of widths"),
        ({"hidden": [3], "dropout": 1.0}, r"model\.dropout=1\.0 must be a number in \[0, 1\)"),
        ({"hidden": [3], "dropout": -0.1}, r"model\.dropout=-0\.1 must be"),
        ({"hidden": [3], "dropout": float("nan")}, r"model\.dropout=nan must be"),
        ({"hidden": [3], "dropout": "some"}, r"model\.dropout=some must be"),
        ({"hidden": [3], "dropout": True}, r"model\.dropout=True must be"),
    ],
)
def test_an_impossible_value_is_one_line_with_its_key(
    keys: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        MLP((2,), 1, **keys)  # type: ignore[arg-type]

    assert "\n" not in str(caught.value)
