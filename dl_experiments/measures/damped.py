"""Damped Gauss-Newton (Levenberg-Marquardt) for a stack of independent least-squares problems."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from dl_experiments import stop

FIRST_DAMPING = 1e-3  # τ: λ starts at τ · max diag JᵀJ (Madsen et al. 2004, equation 3.14)
GIVE_UP = 1e16  # growth of λ over its start at which steps vanish against rounding
FLOOR = 1e-30  # least λ over its start: a smaller one changes no step


@final
class Linearised:
    """r(θ + d) ≈ r + J d for m problems; every attribute has one entry a problem.

    Args:
        jacobian: J [m, R, P].
        residual: r [m, R].
    """

    def __init__(self, jacobian: Tensor, residual: Tensor) -> None:
        self.jacobian, self.residual = jacobian, residual
        self.slope = _times(jacobian.mT, residual)  # Jᵀr
        # (JᵀJ + λI)⁻¹Jᵀ = Jᵀ(JJᵀ + λI)⁻¹: the smaller of the two matrices is solved
        self.gram = jacobian @ jacobian.mT if self._wide() else jacobian.mT @ jacobian

    def keep(self, at: Tensor) -> None:
        """Drop the problems that are not at these places [m]."""
        for name, value in vars(self).items():
            setattr(self, name, value[at])

    def put(self, at: Tensor, other: "Linearised") -> None:
        """Replace the problems at these places [m]."""
        for name, value in vars(self).items():
            value[at] = getattr(other, name)

    def step(self, damping: Tensor) -> tuple[Tensor, Tensor]:
        """The d = −(JᵀJ + λI)⁻¹ Jᵀr [m, P], by Cholesky, and whether it could be computed [m].

        The batched LU solver failed for stacks of some hundred rows. An eigendecomposition of a
        square J, which does not square its condition, gave the same convergence at a higher cost.
        """
        damped = self.gram + torch.diag_embed(damping[:, None].expand(self.gram.shape[:2]))
        factor, failed = torch.linalg.cholesky_ex(damped)
        right = self.residual if self._wide() else self.slope
        solution = torch.cholesky_solve(right[:, :, None], factor)[:, :, 0]
        step = -_times(self.jacobian.mT, solution) if self._wide() else -solution
        return step, (failed == 0) & step.isfinite().all(1)

    def _wide(self) -> bool:
        return self.jacobian.shape[1] < self.jacobian.shape[2]


@final
@dataclass(frozen=True)
class Descent:
    """Where each of M problems ended.

    Attributes:
        thetas: [M, P].
        iterations: [M], steps tried, rejected ones included.
        converged: [M], whether the gradient norm fell below the tolerance.
    """

    thetas: Tensor
    iterations: Tensor
    converged: Tensor


def descend(
    value: Callable[[Tensor], Tensor],
    linearise: Callable[[Tensor], Linearised],
    gradient_norm: Callable[[Linearised], Tensor],
    starts: Tensor,
    iterations: int,
    tolerance: float,
) -> Descent:
    """Step by d = −(JᵀJ + λI)⁻¹ Jᵀr wherever that lowers ‖r‖², each problem with its own λ.

    λ follows the ratio of actual to predicted decrease (Nielsen's rule: Madsen, Nielsen and
    Tingleff 2004, "Methods for non-linear least squares problems", algorithm 3.16). A problem stops
    when its gradient norm is below the tolerance, when λ has grown so far that no step lowers
    ‖r‖² any more, or after ``iterations``; those still going are solved together.

    Args:
        value: [m, P] -> ‖r‖² [m].
        linearise: [m, P] -> the m problems there.
        gradient_norm: The m problems -> [m], what the tolerance is compared with.
        starts: [M, P], float64.
        iterations: Most steps a problem may try.
        tolerance: Gradient norm below which a problem is done.
    """
    assert starts.dtype == torch.float64
    ends = starts.clone()
    tried = torch.zeros(len(starts), dtype=torch.int64, device=starts.device)
    converged = torch.zeros_like(tried, dtype=torch.bool)
    # everything below is of the problems still going, whose places are ``going``
    going = torch.arange(len(starts), device=starts.device)
    thetas, values, problems = starts.clone(), value(starts), linearise(starts)
    first = FIRST_DAMPING * problems.jacobian.square().sum(1).amax(1)
    damping, growth = first.clone(), torch.full_like(first, 2.0)
    for count in range(iterations + 1):
        stop.point()
        done = gradient_norm(problems) < tolerance
        stopped = done | ~(damping < GIVE_UP * first) | (count == iterations)
        if stopped.any():
            ends[going], tried[going], converged[going] = thetas, count, done
            stay = ~stopped
            going, thetas, values = going[stay], thetas[stay], values[stay]
            first, damping, growth = first[stay], damping[stay], growth[stay]
            problems.keep(stay)
        if not len(going):
            break
        step, solved = problems.step(damping)
        proposed = value(thetas + step)
        gain = (values - proposed) / (step * (damping[:, None] * step - problems.slope)).sum(1)
        better = solved & (gain > 0)  # not where a value is not finite
        less = (damping * (1 - (2 * gain - 1) ** 3).clamp(min=1 / 3)).clamp(min=FLOOR * first)
        damping = torch.where(better, less, damping * growth)
        growth = torch.where(better, 2.0, 2 * growth)
        if better.any():
            thetas[better] += step[better]
            values[better] = proposed[better]
            problems.put(better, linearise(thetas[better]))
    return Descent(ends, tried, converged)


def _times(matrices: Tensor, vectors: Tensor) -> Tensor:
    """[m, a, b] times [m, b] -> [m, a]."""
    return (matrices @ vectors[:, :, None])[:, :, 0]
