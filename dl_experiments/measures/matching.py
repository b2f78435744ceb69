"""Permuting the hidden units of one net so that they match those of another.

The order of a layer's units means nothing: if P permutes them, W_l ← P W_l, b_l ← P b_l and
W_{l+1} ← W_{l+1} Pᵀ give the same function. So two nets may be far apart only because their units
are numbered differently. Weight matching (Ainsworth, Hayase and Srinivasa 2022, "Git Re-Basin",
section 3.2) looks for the permutations that bring the second net's weights nearest to the first's,

    max over P_1..P_L of Σ_l ⟨W_l, P_l W'_l P_{l−1}ᵀ⟩ + ⟨b_l, P_l b'_l⟩,

one layer at a time with the others held: each is a linear assignment, solved exactly, and no step
lowers the sum, so it ends. It needs no data. What it finds is a local optimum.

A unit is a neuron of a dense layer or a channel of a convolution. Where images are flattened
between the two, a channel is a run of consecutive inputs of the dense layer.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from dl_experiments.measures.interpolation import State

MOST_ROUNDS = 100
GAIN = 1e-9  # of the sum of squares; below it a better assignment is rounding


def layers(net: nn.Module) -> list[str]:
    """The names of the layers that hold weights, in the order that a sample passes them.

    Raises:
        ValueError: The net is no sequence of dense and ungrouped convolutional layers with
            layers without weights between them, so that its units cannot be told.
    """
    if not isinstance(net, nn.Sequential):
        raise ValueError(f"units of a {type(net).__name__} cannot be matched: it is no sequence")
    found = []
    for name, layer in net.named_children():
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1):
            found.append(name)
        elif layer.state_dict():
            raise ValueError(
                f"units cannot be matched through {name}, a {type(layer).__name__}; "
                "known are dense and ungrouped convolutional layers"
            )
    return found


def match(first: State, second: State, names: Sequence[str]) -> list[Tensor]:
    """The permutations of the second net's units that bring its weights nearest to the first's.

    Args:
        first: The net that stays.
        second: A net of the same architecture.
        names: Its ``layers``; the last one's units are the outputs and stay.

    Returns:
        For each hidden layer [units] int64: at each place the second net's unit that belongs there.
    """
    one, other = _in_float64(first, names), _in_float64(second, names)
    orders = [torch.arange(len(one[f"{name}.weight"])) for name in names[:-1]]
    scale = sum(float(tensor.square().sum()) for tensor in one.values())
    for _ in range(MOST_ROUNDS):
        gained = 0.0
        for at in range(len(orders)):
            likeness = _likeness(one, permuted(other, names, _without(orders, at)), names, at)
            _, best = linear_sum_assignment(likeness.numpy(), maximize=True)
            order = torch.from_numpy(best)
            places = torch.arange(len(order))
            gain = float((likeness[places, order] - likeness[places, orders[at]]).sum())
            if gain > GAIN * scale:
                orders[at] = order
                gained += gain
        if not gained:
            break
    return orders


def permuted(state: State, names: Sequence[str], orders: Sequence[Tensor]) -> dict[str, Tensor]:
    """The same function with its hidden units in another order.

    Args:
        state: Of the net.
        names: Its ``layers``.
        orders: As ``match`` returns them.
    """
    moved = dict(state)
    for (name, following), order in zip(pairwise(names), orders, strict=True):
        for tensor in (f"{name}.weight", f"{name}.bias"):
            if tensor in moved:
                moved[tensor] = moved[tensor].index_select(0, order)
        weight = moved[f"{following}.weight"]
        inputs = torch.arange(weight.shape[1]).view(len(order), -1)
        moved[f"{following}.weight"] = weight.index_select(1, inputs[order].flatten())
    return moved


def _likeness(one: State, other: State, names: Sequence[str], at: int) -> Tensor:
    """⟨all weights into and out of unit i of the first, those of unit j of the second⟩ [n, n]."""
    into = [state[f"{names[at]}.weight"].flatten(1) for state in (one, other)]
    total = into[0] @ into[1].T
    if f"{names[at]}.bias" in one:
        total += torch.outer(one[f"{names[at]}.bias"], other[f"{names[at]}.bias"])
    units = len(total)
    out = [state[f"{names[at + 1]}.weight"] for state in (one, other)]
    # [outputs, units · inputs of a unit, ...] -> [units, ...]
    apart = [w.reshape(len(w), units, -1).transpose(0, 1).flatten(1) for w in out]
    return total + apart[0] @ apart[1].T


def _without(orders: Sequence[Tensor], at: int) -> list[Tensor]:
    """The orders with one layer's units left where they are."""
    left = torch.arange(len(orders[at]))
    return [left if place == at else order for place, order in enumerate(orders)]


def _in_float64(state: State, names: Sequence[str]) -> dict[str, Tensor]:
    wanted = tuple(f"{name}.{kind}" for name in names for kind in ("weight", "bias"))
    return {name: tensor.double() for name, tensor in state.items() if name in wanted}
