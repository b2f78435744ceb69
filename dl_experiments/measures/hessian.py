"""The Hessian H = ∇²L(θ): its product with a vector, and the whole matrix for small nets.

Both differentiate backwards twice: every loss torch has supports that (its forward derivative is
missing for some, ``mse_loss`` among them), and it was the faster way for nets of this size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, func
from torch.autograd import grad

from dl_experiments import stop
from dl_experiments.measures.cost import WORKING_SET, saved_bytes
from dl_experiments.measures.flat import NetLoss, Scalar

GIB = 2**30
FEWEST_ROWS = 16  # fewer rows at once are slowed by the cost of each operation's call
ROW_COST = 4  # memory of one row of H, in activations that one evaluation of the loss saves


@final
@dataclass(frozen=True)
class Hessian:
    """A symmetrised Hessian and how far it was from symmetric.

    Attributes:
        matrix: (H + Hᵀ)/2 [P, P], float64; equal to its transpose bit for bit.
        asymmetry: ‖(H − Hᵀ)/2‖_F of the matrix as computed: exactly symmetric without rounding,
            so this is the size of the rounding error in its entries, in the units of H.
    """

    matrix: Tensor
    asymmetry: float


def gradient_and_product(loss: Scalar, theta: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
    """∇L(θ) and H v, without forming H (Pearlmutter 1994, "Fast exact multiplication").

    Args:
        loss: θ [P] -> scalar.
        theta: [P], or a stack [M, P] that is evaluated in one pass.
        vector: v of the same shape.

    Returns:
        Gradient and product, both of the shape of ``theta``.
    """

    def one(theta: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
        gradient, pull = func.vjp(func.grad(loss), theta)[:2]
        return gradient, pull(vector)[0]  # vᵀH = Hv

    return one(theta, vector) if theta.ndim == 1 else func.vmap(one)(theta, vector)


def hessian_vector_product(loss: Scalar, theta: Tensor, vector: Tensor) -> Tensor:
    """H v; as ``gradient_and_product``."""
    return gradient_and_product(loss, theta, vector)[1]


def hessian(loss: Scalar, theta: Tensor, memory_gib: float = 1.0) -> Hessian:
    """The full Hessian, some rows e_iᵀH at a time, symmetrised.

    Of more data than fit one batch:
    ``mean_over(net.parts(...), lambda part: hessian(part, theta).matrix)``.

    Args:
        loss: θ [P] -> scalar.
        theta: [P] in float64.
        memory_gib: Most memory, in GiB, for the matrix, the copy its eigensolver makes, and the
            rows in flight. The data and the loss's own first two passes are not counted.

    Raises:
        ValueError: The matrix does not fit the memory.
    """
    assert theta.dtype == torch.float64
    _, matrix = gradient_and_matrix(loss, theta, rows_at_once(loss, theta, memory_gib))
    return Hessian(matrix, symmetrise(matrix))


def gradient_and_matrix(loss: Scalar, theta: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """∇L(θ) [P] and H [P, P] as computed, not symmetrised, ``rows`` rows at a time.

    The rows of a net's loss are those of one tensor at a time: e_i is zero in all others, and what
    would be multiplied by those zeros is never formed. That saves 40 % of the time.
    """
    split, of = (loss.split, loss.of) if isinstance(loss, NetLoss) else (_whole, _of_whole(loss))
    tensors = [tensor.detach().requires_grad_() for tensor in split(theta)]
    with torch.enable_grad():
        gradient = grad(of(tensors), tensors, create_graph=True, materialize_grads=True)
    matrix = theta.new_zeros(len(theta), len(theta))
    sizes = [tensor.numel() for tensor in tensors]
    for part, band in zip(gradient, matrix.split(sizes), strict=True):
        for start in range(0, len(band) if part.requires_grad else 0, rows):
            stop.point()
            target = band[start : start + rows]
            basis = theta.new_zeros(len(target), len(band))
            basis.diagonal(start).fill_(1)
            found = grad(
                part,
                tensors,
                basis.view(-1, *part.shape),
                retain_graph=True,
                is_grads_batched=True,
                allow_unused=True,
            )
            for place, block in zip(target.split(sizes, dim=1), found, strict=True):
                if block is not None:  # else the two tensors do not meet: zeros
                    place.copy_(block.flatten(1))
    return torch.cat([part.detach().flatten() for part in gradient]), matrix


def _whole(theta: Tensor) -> list[Tensor]:
    return [theta]


def _of_whole(loss: Scalar) -> Callable[[Sequence[Tensor]], Tensor]:
    return lambda tensors: loss(tensors[0])


def rows_at_once(loss: Scalar, theta: Tensor, memory_gib: float) -> int:
    """Rows of H to compute together: as many as stay in cache, fewer where memory is short.

    Raises:
        ValueError: There is not enough for a single one.
    """
    size = len(theta)
    matrices = 2 * size**2 * theta.element_size()
    row = ROW_COST * max(saved_bytes(loss, theta), 1)
    if matrices + row > memory_gib * GIB:
        raise ValueError(
            f"memory_gib={memory_gib:g} is less than the {(matrices + row) / GIB:.3g} GiB that "
            f"the full Hessian of {size:,} parameters takes; raise it, or estimate its spectrum "
            "by Lanczos (dl_experiments.measures.lanczos), which never forms the matrix"
        )
    affordable = int((memory_gib * GIB - matrices) // row)
    quickest = max(FEWEST_ROWS, ROW_COST * WORKING_SET // row)
    return min(size, affordable, quickest)


def symmetrise(matrix: Tensor, block: int = 256) -> float:
    """Replace H by (H + Hᵀ)/2 in place, block by block; return ‖(H − Hᵀ)/2‖_F."""
    squares = matrix.new_zeros(())
    for start in range(0, len(matrix), block):
        stop = start + block
        across, down = matrix[start:stop, start:], matrix[start:, start:stop].T
        off = (across - down) / 2
        # the square block on the diagonal holds both of (i, j) and (j, i), the rest one of them
        squares += 2 * off.square().sum() - off[:, : len(off)].square().sum()
        mean = (across + down) / 2
        matrix[start:stop, start:] = mean
        matrix[start:, start:stop] = mean.T
    return float(squares.sqrt())
