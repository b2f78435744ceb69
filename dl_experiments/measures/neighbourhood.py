"""The sampled minimal ratio: how many nearby points have a higher loss."""

import torch
from torch import Tensor
from torch.func import vmap

from dl_experiments import stop
from dl_experiments.measures.flat import Scalar


def sampled_minimal_ratio(
    loss: Scalar,
    theta: Tensor,
    radius: float,
    samples: int,
    generator: torch.Generator,
    together: int = 64,
) -> float:
    """Share of points θ + δ, δ uniform in the ball ‖δ‖₂ ≤ radius, with L(θ + δ) > L(θ).

    It is no estimate of n₊/P: at a critical point it is the chance that δᵀHδ > 0, which is 1 as
    soon as the positive curvature outweighs the negative one, however many eigenvalues are
    positive. In P dimensions nearly all of the ball is near its surface. Published solutions of
    the homework draw each weight from a cube instead, whose corners reach √P times as far.

    Args:
        loss: θ [P] -> scalar; evaluated by ``torch.func.vmap``.
        theta: [P].
        radius: Of the ball, in the units of θ.
        samples: Number of points.
        generator: On the processor, so that devices agree.
        together: Points evaluated in one pass.
    """
    higher = 0
    for start in range(0, samples, together):
        stop.point()
        offsets = ball(min(together, samples - start), len(theta), radius, generator)
        points = theta + offsets.to(theta)
        # the centre goes through the same pass, so that it is rounded as the points are
        losses = vmap(loss)(torch.cat([theta[None], points]))
        higher += int((losses[1:] > losses[0]).sum())
    return higher / samples


def ball(count: int, size: int, radius: float, generator: torch.Generator) -> Tensor:
    """Points uniform in the ball of this radius, [count, size], float64.

    A normal vector has a uniform direction; u^(1/P) with uniform u is the distance's law.
    """
    normal = torch.randn(count, size, generator=generator, dtype=torch.float64)
    distance = torch.rand(count, 1, generator=generator, dtype=torch.float64) ** (1 / size)
    return radius * distance * normal / torch.linalg.vector_norm(normal, dim=1, keepdim=True)
