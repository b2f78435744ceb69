"""Narrower dense nets inside a wider one: where critical points at many loss levels lie."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from dl_experiments.measures.flat import FlatNet, Layout


def embedded(theta: Tensor, layout: Layout, widths: Sequence[int]) -> Tensor:
    """θ with only the first ``widths[i]`` units of hidden layer i; the rest have zero weights.

    A silent unit has no weights and no bias in, and no weights out. Where the activation is 0 at 0,
    its gradient is exactly 0, so a gradient step leaves it silent, and a critical point of the
    narrower net is one of the wider net, at the narrower one's loss: mostly a saddle (Fukumizu and
    Amari 2000, "Local minima and plateaus in hierarchical structures of multilayer perceptrons").

    Args:
        theta: [P].
        layout: Of a chain of dense layers, each with a weight [out, in] and a bias [out].
        widths: One a hidden layer, at least 1 and at most its width.

    Returns:
        A new θ [P].

    Raises:
        ValueError: The net is no such chain, or the widths do not fit it.
    """
    tensors = {name: part.clone() for name, part in layout.unflatten(theta).items()}
    layers = list(layout.layers())
    dense = all(
        set(layout.only(layer).shapes) == {f"{layer}.weight", f"{layer}.bias"}
        and tensors[f"{layer}.weight"].ndim == 2
        for layer in layers
    )
    if not dense:
        raise ValueError(
            f"a net of dense layers is needed; this one has {', '.join(layout.shapes)}"
        )
    most = [len(tensors[f"{layer}.bias"]) for layer in layers[:-1]]
    fits = len(widths) == len(most)
    if not fits or not all(1 <= w <= m for w, m in zip(widths, most, strict=True)):
        raise ValueError(f"widths={list(widths)} must be 1 up to those of the net, {most}")
    with torch.no_grad():
        for layer, following, width in zip(layers[:-1], layers[1:], widths, strict=True):
            tensors[f"{layer}.weight"][width:] = 0
            tensors[f"{layer}.bias"][width:] = 0
            tensors[f"{following}.weight"][:, width:] = 0
    return layout.flatten(tensors)


@final
class Narrowed:
    """The narrower net within a wide one, as a function of its own parameters z [A] alone.

    Args:
        net: The wide net.
        widths: As for ``embedded``.

    Raises:
        ValueError: As for ``embedded``.
    """

    def __init__(self, net: FlatNet, widths: Sequence[int]) -> None:
        used = embedded(torch.ones_like(net.theta), net.layout, widths)
        self._places = torch.eye(len(used)).to(used)[used.bool()]  # [A, P], a one in each row
        self._net, self.dtype = net, net.dtype

    def narrow(self, theta: Tensor) -> Tensor:
        """From θ [..., P] to z [..., A]: the weights of the other units are dropped."""
        return theta @ self._places.T

    def widen(self, z: Tensor) -> Tensor:
        """From z [..., A] to θ [..., P]: the other units are silent."""
        return z @ self._places

    def outputs(self, z: Tensor, inputs: Tensor) -> Tensor:
        """f_z(inputs): z [A], inputs [batch, ...] -> [batch, ...]."""
        return self._net.outputs(self.widen(z), inputs)
