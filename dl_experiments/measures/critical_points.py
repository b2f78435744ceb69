"""What is to know of points that may be critical: eigenvalues, their signs, the neighbourhood."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dl_experiments.measures.flat import Scalar
from dl_experiments.measures.hessian import hessian
from dl_experiments.measures.neighbourhood import sampled_minimal_ratio
from dl_experiments.measures.spectrum import (
    RELATIVE_TOLERANCES,
    eigenvalues,
    rounding_tolerance,
    signature,
    tolerance_sweep,
)

TOLERANCES = (*RELATIVE_TOLERANCES, 0.0)


def describe(
    loss: Scalar,
    points: Sequence[Tensor],
    radius: float,
    samples: int,
    generators: Sequence[torch.Generator],
    memory_gib: float,
) -> dict[str, np.ndarray]:
    """The spectra of K points, as arrays for a file.

    Args:
        loss: θ [P] -> scalar, differentiable twice by ``torch.func``.
        points: K times θ [P], float64.
        radius: Of the ball the sampled ratio is taken in, in the units of θ.
        samples: Points of the ball.
        generators: K, one a point.
        memory_gib: As for ``hessian``.

    Returns:
        ``eigenvalues`` [K, P] ascending; ``asymmetry`` [K] and ``tolerance`` [K] (see
        ``rounding_tolerance``); ``counts`` [K, 3], n₊, n₀, n₋ at that tolerance; ``swept``
        [K, T, 3], the same at each of ``relative_tolerances`` [T] times max|λ|, 0 last;
        ``sampled_ratio`` [K].

    Raises:
        ValueError: A Hessian does not fit the memory.
    """
    rows: dict[str, list[np.ndarray]] = {}
    for point, generator in zip(points, generators, strict=True):
        found = hessian(loss, point, memory_gib)
        spectrum = eigenvalues(found)
        tolerance = rounding_tolerance(spectrum, found.asymmetry)
        row = {
            "eigenvalues": spectrum.cpu().numpy(),
            "asymmetry": np.array(found.asymmetry),
            "tolerance": np.array(tolerance),
            "counts": signature(spectrum, tolerance).counts,
            "swept": np.stack([one.counts for one in tolerance_sweep(spectrum)]),
            "sampled_ratio": np.array(
                sampled_minimal_ratio(loss, point, radius, samples, generator)
            ),
        }
        for name, value in row.items():
            rows.setdefault(name, []).append(value)
    arrays = {name: np.stack(values) for name, values in rows.items()}
    return arrays | {"relative_tolerances": np.array(TOLERANCES)}
