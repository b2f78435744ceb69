"""The straight line through the weights of two nets, and the barrier on it.

θ(α) = (1 − α)θ₁ + αθ₂ for every tensor of a state (Goodfellow, Vinyals and Saxe 2015,
"Qualitatively characterizing neural network optimization problems"). Nothing is trained on the way:
floating buffers, such as the running statistics of batch norm, lie on the line as the weights do,
and are not estimated anew (which is another measurement, Jordan et al. 2022, "REPAIR"). Tensors of
other types, such as counters, have no values in between: they are those of the nearer end.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

State = Mapping[str, Tensor]
"""Tensor name -> tensor: parameters and buffers of a net."""


def between(first: State, second: State, alpha: float) -> dict[str, Tensor]:
    """θ(α) of two states; at α = 0 and α = 1 their own tensors, bit for bit.

    Args:
        first: θ₁.
        second: θ₂, whose tensors have the same names, shapes and types.
        alpha: Any number; outside [0, 1] the line goes on.
    """
    if alpha in (0, 1):  # 0·θ is not nothing where θ is infinite, and −0 + 0 is not −0
        return dict(second if alpha else first)
    return {name: _mixed(tensor, second[name], alpha) for name, tensor in first.items()}


def _mixed(one: Tensor, other: Tensor, alpha: float) -> Tensor:
    if one.is_floating_point():
        return (1 - alpha) * one + alpha * other
    return one if alpha < 0.5 else other


def check_same_architecture(first: State, second: State) -> None:
    """Accept two states between which there is a line.

    Raises:
        ValueError: Their tensors differ; the message has the names and both shapes.
    """
    shapes = [{name: tuple(t.shape) for name, t in state.items()} for state in (first, second)]
    one, other = shapes
    differing = [
        f"{name} {_shape(one.get(name))} and {_shape(other.get(name))}"
        for name in {**one, **other}
        if one.get(name) != other.get(name)
    ]
    if differing:
        raise ValueError(f"two architectures; tensors that differ in shape: {', '.join(differing)}")


def _shape(shape: tuple[int, ...] | None) -> str:
    return "none" if shape is None else str(list(shape))


def barrier(alphas: Tensor, losses: Tensor) -> Tensor:
    """The largest L(θ(α)) − ((1 − α)L(θ₁) + αL(θ₂)) for α in [0, 1] (Frankle et al. 2020).

    It is 0 or more, because both ends are among the points. A metric that is better when it is
    higher has the barrier of its negative.

    Args:
        alphas: [A], 0 and 1 among them.
        losses: [..., A].

    Returns:
        [...].
    """
    within = (alphas >= 0) & (alphas <= 1)
    first, second = losses[..., alphas == 0], losses[..., alphas == 1]
    assert first.shape[-1] == second.shape[-1] == 1, "0 and 1 are each among the alphas, once"
    chord = (1 - alphas) * first + alphas * second
    return torch.where(within, losses - chord, -torch.inf).amax(-1)
