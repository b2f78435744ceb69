"""The loss on a line or a plane in parameter space, and directions that are comparable there."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import vmap

from dl_experiments.measures.cost import WORKING_SET, saved_bytes
from dl_experiments.measures.flat import Layout, Scalar

STACKED = 2**20  # bytes of activations of one point up to which points share a pass
FEWEST = 16  # points in a shared pass
ON_A_LINE = 1e-6  # of the distance to a point, by which it must lie beside the line of two others


def random_direction(theta: Tensor, layout: Layout, generator: torch.Generator) -> Tensor:
    """A normal direction [P], filter-normalised to θ [P]; drawn on the processor in float64."""
    direction = torch.randn(len(theta), generator=generator, dtype=torch.float64)
    return filter_normalised(direction.to(theta), theta, layout)


def filter_normalised(direction: Tensor, theta: Tensor, layout: Layout) -> Tensor:
    """d_ij ← d_ij / ‖d_ij‖ · ‖θ_ij‖ for filter j of layer i (Li et al. 2018, section 4).

    A filter is what makes one output channel, or one neuron of a dense layer: a row of the weight.
    Tensors of one dimension (biases, batch-norm) do not move: their direction is 0, as in the
    paper's published figures. So the plane does not depend on how a ReLU net is rescaled.

    Args:
        direction: [P].
        theta: [P].
        layout: Of P parameters.
    """
    towards = layout.unflatten(theta)
    parts = []
    for name, part in layout.unflatten(direction).items():
        if part.ndim < 2:
            parts.append(torch.zeros_like(part).flatten())
            continue
        rows = part.flatten(1)
        length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        wanted = torch.linalg.vector_norm(towards[name].flatten(1), dim=1, keepdim=True)
        parts.append((rows * torch.where(length > 0, wanted / length, 0)).flatten())
    return torch.cat(parts)


def plane_through(points: Tensor) -> tuple[Tensor, Tensor]:
    """The plane of three points [3, P] -> orthonormal axes [2, P], and their places on it [3, 2].

    The first point is the origin, the second lies on the first axis (Garipov et al. 2018, "Loss
    surfaces, mode connectivity, and fast ensembling of DNNs", section 3.1).

    Raises:
        ValueError: They lie on one line.
    """
    first, second = points[1:] - points[0]
    along = first / first.norm()
    aside = second - (second @ along) * along
    aside = aside - (aside @ along) * along  # once more, for rounding
    if not aside.norm() > ON_A_LINE * second.norm():
        raise ValueError("three nets that lie on one line in weight space make no plane")
    axes = torch.stack([along, aside / aside.norm()])
    return axes, (points - points[0]) @ axes.T


def on_line(loss: Scalar, start: Tensor, end: Tensor, alphas: Tensor) -> Tensor:
    """L((1 − α)θ₁ + αθ₂) for each α [A] -> [A] (Goodfellow, Vinyals and Saxe 2015).

    At α = 0 and α = 1 it is ``loss(start)`` and ``loss(end)`` bit for bit.

    Args:
        loss: θ [P] -> scalar.
        start: θ₁ [P].
        end: θ₂ [P].
        alphas: Any values; outside [0, 1] the line goes on.
    """

    def points(at: Tensor) -> Tensor:
        return (1 - at) * start + at * end

    alphas = alphas.to(start)[:, None]
    return _losses(loss, points, alphas, (alphas[:, 0] == 0) | (alphas[:, 0] == 1))


def on_plane(
    loss: Scalar, origin: Tensor, first: Tensor, second: Tensor, a: Tensor, b: Tensor
) -> Tensor:
    """L(θ + aᵢ d₁ + bⱼ d₂) on a grid [A, B] (Li et al. 2018, equation 1).

    At a = b = 0 it is ``loss(origin)`` bit for bit.

    Args:
        loss: θ [P] -> scalar.
        origin: θ [P].
        first: d₁ [P].
        second: d₂ [P].
        a: Steps along d₁ [A].
        b: Steps along d₂ [B].
    """

    def points(at: Tensor) -> Tensor:
        return origin + at[:, :1] * first + at[:, 1:] * second

    grid = torch.cartesian_prod(a.to(origin), b.to(origin))
    return _losses(loss, points, grid, (grid == 0).all(1)).view(len(a), len(b))


def _losses(
    loss: Scalar, points: Callable[[Tensor], Tensor], coefficients: Tensor, alone: Tensor
) -> Tensor:
    """L at the points of coefficients [K, c] -> [K].

    Small nets are evaluated several points a pass, which may round otherwise than one point does;
    points marked ``alone`` [K] are not.
    """
    losses = coefficients.new_empty(len(coefficients))
    with torch.no_grad():
        saved = saved_bytes(loss, points(coefficients[:1])[0])
        if saved <= STACKED:
            shared = (~alone).nonzero()[:, 0]
            for places in shared.split(max(FEWEST, WORKING_SET // max(saved, 1))):
                losses[places] = vmap(loss)(points(coefficients[places])).to(losses)
        else:
            alone = torch.ones_like(alone)
        for place in alone.nonzero()[:, 0].tolist():
            losses[place] = loss(points(coefficients[place : place + 1])[0]).to(losses)
    return losses
