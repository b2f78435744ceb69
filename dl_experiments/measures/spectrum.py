"""Eigenvalues of a Hessian and how many are positive, zero or negative."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from dl_experiments.measures.hessian import Hessian

RELATIVE_TOLERANCES = tuple(10.0**-power for power in range(4, 18))


@final
@dataclass(frozen=True)
class Signature:
    """n₊, n₀, n₋: eigenvalues above, within and below ±tolerance; their sum is P."""

    positive: int
    zero: int
    negative: int
    tolerance: float

    @property
    def counts(self) -> np.ndarray:
        """n₊, n₀, n₋ [3]."""
        return np.array([self.positive, self.zero, self.negative])


def minimal_ratio(counts: np.ndarray) -> np.ndarray:
    """n₊ / P of counts n₊, n₀, n₋ [..., 3], which sum to P."""
    return np.asarray(counts[..., 0] / counts.sum(-1))


def negative_share(counts: np.ndarray) -> np.ndarray:
    """n₋ / P, the index α of Dauphin et al. 2014, section 3; counts as for the minimal ratio."""
    return np.asarray(counts[..., 2] / counts.sum(-1))


def ratio_with_zeros(counts: np.ndarray) -> np.ndarray:
    """(n₊ + n₀) / P: what the minimal ratio becomes where zero counts as positive."""
    return np.asarray((counts[..., 0] + counts[..., 1]) / counts.sum(-1))


def eigenvalues(hessian: Hessian) -> Tensor:
    """All eigenvalues [P], ascending, by the symmetric eigensolver (float64)."""
    return torch.linalg.eigvalsh(hessian.matrix)


def rounding_tolerance(eigenvalues: Tensor, asymmetry: float = 0.0) -> float:
    """P · ε · max|λ| + ‖(H − Hᵀ)/2‖_F: what is smaller cannot be told from zero.

    The first term is the solver's error: a backward stable one returns the exact eigenvalues of
    H + E with ‖E‖₂ ≤ p(P)·ε·‖H‖₂, p a modest polynomial for which P is the customary value (as in
    the default of ``matrix_rank``). The second is the error H came with. Its antisymmetric part can
    be seen; its symmetric part, of the same origin, cannot (summing the data in another order moved
    H by one to seven times as much, far less than the first term). By Weyl's inequality an error E
    moves no eigenvalue by more than ‖E‖₂ ≤ ‖E‖_F. Both terms scale with the loss, so the counts do
    not change when the loss is multiplied by a constant.

    Eigenvalues above it are real but may still be tiny: spectra of nets have no gap at zero, which
    is why ``tolerance_sweep`` belongs beside every count.

    Args:
        eigenvalues: [P].
        asymmetry: Of the ``Hessian`` they are of.
    """
    precision = torch.finfo(eigenvalues.dtype).eps
    return float(len(eigenvalues) * precision * eigenvalues.abs().max() + asymmetry)


def signature(eigenvalues: Tensor, tolerance: float) -> Signature:
    """Count eigenvalues [P]: λ > tolerance, |λ| ≤ tolerance, λ < −tolerance.

    With ``tolerance=0`` rounding alone decides the sign of an eigenvalue that is zero.
    """
    positive = int((eigenvalues > tolerance).sum())
    negative = int((eigenvalues < -tolerance).sum())
    return Signature(positive, len(eigenvalues) - positive - negative, negative, tolerance)


def tolerance_sweep(
    eigenvalues: Tensor, relative: Iterable[float] = RELATIVE_TOLERANCES
) -> list[Signature]:
    """The signature at tolerances r · max|λ| for each r, and last at 0 (by sign alone)."""
    largest = float(eigenvalues.abs().max())
    return [signature(eigenvalues, share * largest) for share in (*relative, 0.0)]
