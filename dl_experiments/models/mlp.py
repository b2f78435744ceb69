"""The fully connected network, and the dense layers and activations that other models share.

A model is built from ``(input_shape, outputs, **keys)``: the shape of one sample without the
batch, the number of values per sample, and whatever its YAML file sets under ``model``. Layers
have names (``dense1``, ``activation1``, ``dropout1``, ..., ``output``), so a weight is called the
same whether or not the net has dropout, and two such nets can be compared weight by weight.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import nn

from dl_experiments.models.initial import initialise

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "identity": nn.Identity,
}


class MLP(nn.Sequential):
    """Dense layers with an activation (and dropout) after each, then a linear output layer.

    With widths n_1..n_L between n_0 inputs and n_{L+1} outputs it has Σ (n_i + 1)·n_{i+1}
    parameters, i = 0..L. Maps ``[batch, *input_shape]`` to ``[batch, outputs]``.

    Args:
        input_shape: Shape of one sample; images are flattened.
        outputs: Values per sample.
        hidden: Widths n_1..n_L; empty makes a linear model.
        activation: A key of ``ACTIVATIONS``; ``leaky_relu`` has slope 0.01 below zero.
        dropout: Probability of dropping a hidden unit, in [0, 1).
        init: A key of ``initial.INITS``, by which weights are drawn.
        gain: Their factor, above 0.

    Raises:
        ValueError: A key has a value it cannot have; the message names both.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int,
        hidden: Sequence[int],
        activation: str = "relu",
        dropout: float = 0.0,
        init: str = "default",
        gain: float = 1.0,
    ) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if len(input_shape) > 1:
            layers["flatten"] = nn.Flatten()
        layers |= dense_layers(math.prod(input_shape), outputs, hidden, activation, dropout)
        super().__init__(layers)
        initialise(self, init, gain)


def dense_layers(
    inputs: int, outputs: int, hidden: Sequence[int], activation: str, dropout: float
) -> OrderedDict[str, nn.Module]:
    """The named layers of ``MLP`` after flattening; dropout layers only where ``dropout`` > 0.

    Raises:
        ValueError: ``hidden``, ``activation`` or ``dropout`` has a value it cannot have.
    """
    check_widths("model.hidden", hidden)
    check_activation(activation)
    check_dropout(dropout)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, width in enumerate(hidden, start=1):
        layers[f"dense{number}"] = nn.Linear(inputs, width)
        layers[f"activation{number}"] = ACTIVATIONS[activation]()
        if dropout:
            layers[f"dropout{number}"] = nn.Dropout(dropout)
        inputs = width
    layers["output"] = nn.Linear(inputs, outputs)
    return layers


def check_activation(name: str) -> None:
    """Accept a key of ``ACTIVATIONS``.

    Raises:
        ValueError: No activation has this name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(
            f"model.activation={name} is unknown; choose one of {', '.join(ACTIVATIONS)}"
        )


def check_widths(key: str, widths: Sequence[int]) -> None:
    """Accept a list of layer widths, which may be empty.

    Raises:
        ValueError: It is no list, or an entry is no integer of at least 1.
    """
    if isinstance(widths, str) or not isinstance(widths, Sequence):
        raise ValueError(f"{key}={widths} must be a list of widths, such as [100, 50]")
    for width in widths:
        if not is_count(width):
            raise ValueError(
                f"{key}={list(widths)}: a width must be an integer >= 1, not {width!r}"
            )


def check_dropout(dropout: float) -> None:
    """Accept a probability below 1.

    Raises:
        ValueError: It is no number in [0, 1).
    """
    number = isinstance(dropout, int | float) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout < 1:
        raise ValueError(f"model.dropout={dropout} must be a number in [0, 1)")


def check_count(key: str, value: object) -> None:
    """Accept an integer of at least 1.

    Raises:
        ValueError: It is none.
    """
    if not is_count(value):
        raise ValueError(f"{key}={value} must be an integer >= 1")


def is_count(value: object) -> bool:
    """Whether this is an integer of at least 1 (``True`` is none)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
