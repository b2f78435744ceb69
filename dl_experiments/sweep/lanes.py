"""The member of a stack as the innermost index: one register holds a value of 8 or 16 members.

For small dense nets on a processor this is several times faster than batched products.
"""

from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor, nn

from dl_experiments.sweep import compiler
from dl_experiments.sweep.kernel import Kernel, Layers
from dl_experiments.sweep.layouts import Layout, Masks, flat, total
from dl_experiments.tasks.losses import Loss


@final
class Lanes(Layout):
    """Parameters [blocks, P, lanes], computed by ``kernel.c``; the last block is filled up.

    Args:
        layers: The shape of the nets.
        kernel: Its passes.
        members: M.
    """

    name = "members innermost"

    def __init__(self, layers: Layers, kernel: Kernel, members: int) -> None:
        self.layers, self.kernel, self.members = layers, kernel, members
        self.blocks = -(-members // kernel.lanes)
        self.compiler = compiler.describe()

    def pack(self, rows: Tensor) -> Tensor:
        """[M, ...] -> [blocks, ..., lanes], contiguous; lanes without a member hold zeros."""
        missing = self.blocks * self.kernel.lanes - len(rows)
        if missing:
            rows = torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])])
        return rows.unflatten(0, (self.blocks, -1)).movedim(1, -1).contiguous()

    def unpack(self, packed: Tensor) -> Tensor:
        """[blocks, ..., lanes] -> [M, ...], a view where it can be one."""
        return packed.movedim(-1, 1).flatten(0, 1)[: self.members]

    def spread(self, values: Tensor) -> Tensor:
        """[..., M] -> [..., blocks, 1, lanes]; lanes without a member hold ones."""
        missing = self.blocks * self.kernel.lanes - self.members
        padded = nn.functional.pad(values, (0, missing), value=1.0)
        return padded.unflatten(-1, (self.blocks, 1, -1)).contiguous()

    def norms(self, gradient: Tensor) -> Tensor:
        """See ``Layout``."""
        return torch.linalg.vector_norm(gradient, dim=1).flatten()[: self.members]

    def outputs(self, packed: Tensor, inputs: Tensor) -> Tensor:
        """See ``Layout``."""
        inputs = inputs.flatten(2)
        if len(inputs) == 1:
            x = inputs[..., None].expand(*inputs.shape, self.kernel.lanes).contiguous()
        else:
            x = self.pack(inputs)
        outputs, _ = self.kernel.forward(self.layers, packed, x)
        return self.unpack(outputs).clone()

    def batches(self, inputs: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs [blocks, B, inputs, lanes] and targets [blocks, B, lanes, ...]."""
        xs = self.pack(inputs.flatten(3)).movedim(1, 0).contiguous()
        ys = self.pack(targets).movedim(1, 0)
        if ys.dim() > 4:
            ys = ys.movedim(-1, 3)
        yield from zip(xs, ys.contiguous(), strict=True)

    def gradient(
        self, packed: Tensor, inputs: Tensor, targets: Tensor, loss: Loss, masks: Masks
    ) -> Tensor:
        """See ``Layout``; lanes without a member have samples too, which concern nobody."""
        outputs, saved = self.kernel.forward(self.layers, packed, inputs)
        leaf = outputs.detach().requires_grad_()
        value = total(loss, leaf.movedim(-1, 2), targets, self.kernel.lanes)
        (gradient,) = torch.autograd.grad(value, leaf)
        return self.kernel.backward(self.layers, packed, inputs, saved, gradient.contiguous())


def chain(network: nn.Module) -> Layers | None:
    """The network as dense layers with activations that the kernel knows; None if it is not."""
    layers = flat(network)
    if layers is None:
        return None
    if (
        layers
        and type(layers[0]) is nn.Flatten
        and (layers[0].start_dim, layers[0].end_dim) == (1, -1)
    ):
        layers = layers[1:]
    widths: list[int] = []
    activations: list[tuple[str, float]] = []
    for layer in layers:
        if type(layer) is nn.Linear and layer.bias is not None:
            widths += [layer.in_features] if not widths else []
            widths.append(layer.out_features)
            activations.append(("identity", 0.0))
        elif activations and activations[-1][0] == "identity" and _activation(layer):
            activations[-1] = _activation(layer) or activations[-1]
        else:
            return None
    return Layers(tuple(widths), tuple(activations)) if activations else None


def _activation(layer: nn.Module) -> tuple[str, float] | None:
    if isinstance(layer, nn.LeakyReLU):
        return ("leaky_relu", layer.negative_slope) if layer.negative_slope >= 0 else None
    if isinstance(layer, nn.GELU):
        return ("gelu", 0.0) if layer.approximate == "none" else None
    names = {nn.Identity: "identity", nn.ReLU: "relu", nn.Tanh: "tanh", nn.SELU: "selu"}
    name = names.get(type(layer))
    return None if name is None else (name, 0.0)
