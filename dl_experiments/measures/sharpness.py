"""How far a loss rises near the weights: relative sharpness over balls, largest curvature.

    S(ε) = max over ‖δ‖₂ ≤ ε of (L(θ + δ) − L(θ)) / (1 + L(θ))

Keskar et al. 2017 ("On large-batch training for deep learning", metric 2.1) take the maximum over a
box in all parameters; here it is over an isotropic ball of all of them, biases included. Both ways
below only try points of the ball, so both are lower bounds of S: random points are far below it in
many dimensions, gradient ascent comes close. A ball's points are in every larger ball too, so the
bound for a radius counts those tried for the smaller ones. δ = 0 is in the ball, so S ≥ 0.

S changes when the weights of a ReLU net are rescaled, though the function does not (Dinh et al.
2017); it compares nets of one architecture and similar weights.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import final

import torch
from torch import Tensor
from torch.func import grad_and_value

from dl_experiments.measures.flat import Batch, FlatNet, Loss, Scalar, mean_over
from dl_experiments.measures.hessian import hessian_vector_product
from dl_experiments.measures.lanczos import Product, extreme_eigenvalues
from dl_experiments.measures.neighbourhood import ball

Slope = Callable[[Tensor], tuple[Tensor, Tensor]]
"""θ [P] -> (L(θ), ∇L(θ) [P])."""

STEP = 10.0  # of an ascent, in radii


@final
class Landscape:
    """L(θ) = the mean loss over batches, its gradient and its Hessian's products.

    Batch by batch, so that the memory is one batch's. Outputs are computed in the net's precision
    and the loss of them in float64, as everywhere a loss is recorded.

    Args:
        net: The network as a function of θ [P].
        batches: (inputs, targets), at least one.
        loss: (outputs, targets) -> mean over the samples.
    """

    def __init__(self, net: FlatNet, batches: Sequence[Batch], loss: Loss) -> None:
        self.net, self.batches, self._loss = net, batches, loss

    @torch.no_grad()
    def value(self, theta: Tensor) -> Tensor:
        """L(θ), float64."""
        return mean_over(self._parts(), lambda loss: loss(theta))

    def slope(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """L(θ), float64, and ∇L(θ) [P]."""

        def both(loss: Scalar) -> Tensor:
            gradient, value = grad_and_value(loss)(theta)
            return torch.cat([value[None], gradient.to(value)])

        found = mean_over(self._parts(), both)
        return found[0], found[1:].to(theta)

    def product(self, theta: Tensor) -> Product:
        """The Hessian as a function v [P] -> ∇²L(θ) v [P]."""
        return lambda v: mean_over(
            self._parts(), lambda loss: hessian_vector_product(loss, theta, v)
        )

    def _parts(self) -> Iterator[tuple[int, Scalar]]:
        return self.net.parts(self._exact, self.batches)

    def _exact(self, outputs: Tensor, targets: Tensor) -> Tensor:
        exact = targets.double() if targets.is_floating_point() else targets
        return self._loss(outputs.double(), exact)


def sampled_sharpness(
    loss: Scalar, theta: Tensor, radii: Sequence[float], samples: int, generator: torch.Generator
) -> Tensor:
    """S(ε) over points uniform in the isotropic ball (in many dimensions: near its surface).

    The same points, scaled, serve all radii.

    Args:
        loss: θ [P] -> scalar.
        theta: [P].
        radii: ε, ascending.
        samples: Points a radius.
        generator: On the processor, so that devices agree.

    Returns:
        One number a radius, float64.

    Raises:
        ValueError: A radius is not above 0.
    """
    check_radii("radii", radii)
    centre = loss(theta)
    highest = centre.double().repeat(len(radii))
    for _ in range(samples):
        unit = ball(1, len(theta), 1.0, generator)[0].to(theta)
        losses = torch.stack([loss(theta + radius * unit) for radius in radii])
        highest = torch.fmax(highest, losses.double())
    return _relative(highest, centre)


def ascended_sharpness(
    slope: Slope,
    theta: Tensor,
    radii: Sequence[float],
    steps: int,
    starts: int,
    generator: torch.Generator,
) -> Tensor:
    """S(ε) by projected gradient ascent, the best point seen.

    δ ← Π(δ + 10ε · g/‖g‖), Π the projection onto the ball, g = ∇L(θ + δ). The first start is ε in
    the direction of ∇L(θ), the others are random on the sphere; a further one is where the ascent
    in the ball before ended best, scaled. The step is long: at a minimum it is nearly that of the
    power method, and on trained nets 8 steps came as far as 20 of half a radius.

    Args:
        slope: θ [P] -> (loss, gradient [P]).
        theta: [P].
        radii: ε, ascending.
        steps: Of each start.
        starts: For a radius, at least 1.
        generator: On the processor, so that devices agree.

    Returns:
        One number a radius, float64.

    Raises:
        ValueError: A radius is not above 0.
    """
    check_radii("radii", radii)
    centre, uphill = slope(theta)
    best: list[Tensor] = []
    carried: list[Tensor] = []
    for radius in radii:
        drawn = (_random(theta, generator) for _ in range(starts - 1))
        highest, at = centre, torch.zeros_like(theta)
        for first in chain([uphill], drawn, carried):
            top, where = _climb(slope, theta, first, radius, steps)
            if top > highest:
                highest, at = top, where
        carried = [at]
        best.append(highest.double())
    return _relative(torch.stack(best), centre)


def _climb(
    slope: Slope, theta: Tensor, first: Tensor, radius: float, steps: int
) -> tuple[Tensor, Tensor]:
    """The highest loss seen on the way, and its δ."""
    offset = _scaled(first, radius)
    highest, best = theta.new_tensor(-torch.inf, dtype=torch.float64), offset
    for count in range(steps + 1):
        value, gradient = slope(theta + offset)
        if value > highest:
            highest, best = value, offset
        if count < steps:
            moved = offset + _scaled(gradient, STEP * radius)
            offset = moved * (radius / torch.linalg.vector_norm(moved)).clamp(max=1)
    return highest, best


def largest_eigenvalue(
    product: Product, like: Tensor, generator: torch.Generator, steps: int
) -> tuple[float, float]:
    """λ_max of the Hessian by Lanczos from a random start, and its error bound.

    Args:
        product: v [P] -> Hv [P].
        like: A vector [P] of the precision and device of the products.
        generator: On the processor.
        steps: Of Lanczos.
    """
    ritz, (_, largest) = extreme_eigenvalues(product, like, generator, steps)
    return largest, float(ritz.errors[-1])


def check_radii(key: str, radii: Sequence[float]) -> None:
    """Refuse a radius that is not above 0, and radii that do not ascend.

    Raises:
        ValueError: Names the key, the value and what is allowed.
    """
    for radius in radii:
        if not 0 < radius < float("inf"):
            raise ValueError(f"{key}={list(radii)}: the radius {radius} is not a number above 0")
    if not len(radii) or sorted(set(radii)) != list(radii):
        raise ValueError(f"{key}={list(radii)} is not a list of ascending numbers above 0")


def _relative(highest: Tensor, centre: Tensor) -> Tensor:
    """S from the highest losses seen [R], each ball counting those within it."""
    return (highest.cummax(0).values - centre) / (1 + centre)


def _random(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)


def _scaled(vector: Tensor, length: float) -> Tensor:
    """The vector at a length; a zero vector stays."""
    norm = torch.linalg.vector_norm(vector)
    return vector * torch.where(norm > 0, length / norm, 0)
