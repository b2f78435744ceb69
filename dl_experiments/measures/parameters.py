"""How many parameters each layer of a net has, and by which formula."""

import math
from dataclasses import dataclass
from typing import final

from torch import nn

from dl_experiments.measures.flat import layer_of


@final
@dataclass(frozen=True)
class LayerCount:
    """The parameters of one layer.

    Attributes:
        layer: Its name in the net.
        weights: Elements of all its tensors but the bias.
        biases: Elements of its bias.
        formula: How to count them by hand, from the layer's sizes: "784·500 + 500".
    """

    layer: str
    weights: int
    biases: int
    formula: str

    @property
    def total(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases


def count(model: nn.Module) -> list[LayerCount]:
    """The layers of a net that have parameters, in its own order; shapes are all it looks at.

    * A dense layer from a to b units: a·b + b.
    * A k×k convolution from a to b channels: b·a·k·k + b.
    * Anything else: the sizes of its tensors, each multiplied out.
    """
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, parameter in model.named_parameters():
        tensor = name.rpartition(".")[2]
        found.setdefault(layer_of(name), {})[tensor] = tuple(parameter.shape)
    return [_layer(name, model, tensors) for name, tensors in found.items()]


def _layer(name: str, model: nn.Module, tensors: dict[str, tuple[int, ...]]) -> LayerCount:
    sizes = {tensor: math.prod(shape) for tensor, shape in tensors.items()}
    biases = sizes.get("bias", 0)
    module = model.get_submodule(name) if name not in tensors else model
    return LayerCount(name, sum(sizes.values()) - biases, biases, _formula(module, tensors))


def _formula(layer: nn.Module, tensors: dict[str, tuple[int, ...]]) -> str:
    if isinstance(layer, nn.Linear):
        weights = f"{layer.in_features}·{layer.out_features}"
        return weights + (f" + {layer.out_features}" if layer.bias is not None else "")
    if isinstance(layer, nn.Conv2d) and layer.groups == 1:
        kernel = "·".join(map(str, layer.kernel_size))
        weights = f"{layer.out_channels}·{layer.in_channels}·{kernel}"
        return weights + (f" + {layer.out_channels}" if layer.bias is not None else "")
    return " + ".join("·".join(map(str, shape)) or "1" for shape in tensors.values())
