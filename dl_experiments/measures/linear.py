"""The one linear map that a net without non-linearity is, at any depth."""

import torch
from torch import Tensor, nn

INERT = (nn.Identity, nn.Flatten, nn.Dropout)
"""Layers that a vector passes through unchanged in eval mode."""


def collapse(model: nn.Module) -> tuple[Tensor, Tensor]:
    """W and b with f(x) = W·vec(x) + b for a sequence of linear layers y = W_l x + b_l, l = 1..L.

    W = W_L ⋯ W_2 W_1 and b = Σ_l W_L ⋯ W_{l+1} b_l, in float64. Dropout counts as in eval mode.

    Args:
        model: An ``nn.Sequential`` of ``nn.Linear`` (at least one), ``nn.Identity``,
            ``nn.Flatten`` and ``nn.Dropout``.

    Returns:
        W [outputs, inputs] and b [outputs], float64, without a graph.

    Raises:
        ValueError: A layer is not linear, or there is none; the message names it.
    """
    weight: Tensor | None = None
    bias = torch.zeros((), dtype=torch.float64)
    for name, layer in model.named_children():
        if isinstance(layer, nn.Linear):
            own = layer.weight.detach().double()
            shift = own.new_zeros(len(own)) if layer.bias is None else layer.bias.detach().double()
            weight, bias = (own, shift) if weight is None else (own @ weight, own @ bias + shift)
        elif not isinstance(layer, INERT):
            raise ValueError(f"layer {name} is a {type(layer).__name__}, which is not linear")
    if weight is None:
        raise ValueError(f"{type(model).__name__} has no linear layer")
    return weight, bias
