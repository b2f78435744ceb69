"""Lanczos: the spectrum of a symmetric matrix known only by its products, for large nets.

The matrix is a function v [P] -> Hv [P], such as
``lambda v: hessian_vector_product(loss, theta, v)``, or ``mean_over`` of it on many batches.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]

STEPS = 90  # Ghorbani et al. 2019, section 3: m = 90 steps, k = 10 probes


@final
@dataclass(frozen=True)
class Ritz:
    """What m Lanczos steps from one vector v say of H, ascending, float64.

    Attributes:
        values: Estimates of eigenvalues [m].
        weights: (first entry of the eigenvector of T)² [m]; they sum to 1. Σ w f(value) is
            Gaussian quadrature for vᵀf(H)v, exact for polynomials of degree below 2m.
        errors: ‖Hu − value·u‖ of each Ritz vector u [m], plus m·ε·max|value| for rounding in the
            steps: an eigenvalue of H lies so near. Rounding in the products is not counted.
    """

    values: Tensor
    weights: Tensor
    errors: Tensor


def lanczos(product: Product, start: Tensor, steps: int) -> Ritz:
    """T = QᵀHQ tridiagonal, Q an orthonormal basis of the Krylov space of ``start``.

    Every vector is made orthogonal to all before it, twice (Golub and Van Loan 2013, section
    10.3.5): without it, copies of eigenvalues appear. Stops early where the space is exhausted,
    and is exact then. Memory: steps · P, in the precision of ``start``.

    Args:
        product: v -> Hv.
        start: v [P], not zero.
        steps: m; at most P are made.
    """
    size = len(start)
    basis = start.new_zeros(min(steps, size), size)
    basis[0] = start / torch.linalg.vector_norm(start)
    diagonal, beside = [], []
    precision = torch.finfo(start.dtype).eps
    for step in range(len(basis)):
        following = product(basis[step])
        diagonal.append(float(following @ basis[step]))
        known = basis[: step + 1]
        for _ in range(2):
            following = following - known.T @ (known @ following)
        length = float(torch.linalg.vector_norm(following))
        beside.append(length)
        largest = max(map(abs, diagonal + beside))
        if length <= 10 * steps * precision * largest or step + 1 == len(basis):
            break
        basis[step + 1] = following / length
    off = torch.tensor(beside[:-1], dtype=torch.float64)
    main = torch.tensor(diagonal, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(main.diag() + off.diag(1) + off.diag(-1))
    rounding = steps * precision * values.abs().max()
    return Ritz(values, vectors[0].square(), beside[-1] * vectors[-1].abs() + rounding)


def extreme_eigenvalues(
    product: Product, like: Tensor, generator: torch.Generator, steps: int = STEPS
) -> tuple[Ritz, tuple[float, float]]:
    """The smallest and largest eigenvalue, from one random start.

    Args:
        product: v -> Hv.
        like: A vector [P] of the precision and device of the products.
        generator: On the processor.
        steps: m. The ``errors`` of the result say whether they were enough.

    Returns:
        All Ritz values with their errors, and (smallest, largest).
    """
    ritz = lanczos(product, _probe(like, generator), steps)
    return ritz, (float(ritz.values[0]), float(ritz.values[-1]))


def _probe(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)
