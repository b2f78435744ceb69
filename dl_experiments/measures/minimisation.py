"""Minimising the squared gradient norm ‖∇L‖² of a stack of nets: the search for critical points.

Two damped least-squares problems, each with its own objective:

* ``minimise_loss``: the mean squared error itself, residuals f − y, Jacobian of the outputs. It
  takes a net close to a minimum, which the second cannot do from far away.
* ``minimise_gradient_norm``: ‖∇L‖², residuals ∇L, whose Jacobian is the Hessian. It goes to
  critical points of any kind, saddles included (Dauphin et al. 2014 search for them along a
  training's path), and may end where it can go no further though the gradient is not zero: where
  ∇L lies in the kernel of H (Frye et al. 2021, "gradient-flat regions").

``adam_on_gradient_norm`` has the same objective as the second and takes first-order steps, as
published solutions of the homework do.

Everything is full data in float64; the members of a stack do not influence one another.
"""

from dataclasses import dataclass
from typing import Protocol, final

import torch
from torch import Tensor
from torch.func import grad, grad_and_value, jacrev, vmap

from dl_experiments import stop
from dl_experiments.measures.damped import Descent, Linearised, descend
from dl_experiments.measures.flat import Scalar
from dl_experiments.measures.hessian import gradient_and_matrix, rows_at_once, symmetrise

TOLERANCE = 1e-8
CHUNK = 2**27  # bytes of Jacobians made in one pass


@final
@dataclass(frozen=True)
class Minimised:
    """Where each of M nets ended.

    Attributes:
        thetas: [M, P].
        losses: L(θ) [M].
        gradient_norms: ‖∇L(θ)‖₂ [M].
        iterations: Steps tried [M], rejected ones included.
        converged: ‖∇L‖ below the tolerance [M]. Others stopped with no step that helps, or at the
            last iteration.
    """

    thetas: Tensor
    losses: Tensor
    gradient_norms: Tensor
    iterations: Tensor
    converged: Tensor


class Net(Protocol):
    """f(θ, x), such as ``FlatNet``."""

    dtype: torch.dtype

    def outputs(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """θ [P], inputs [batch, ...] -> [batch, ...]."""


def minimise_loss(
    net: Net,
    inputs: Tensor,
    targets: Tensor,
    thetas: Tensor,
    iterations: int,
    tolerance: float = TOLERANCE,
) -> Minimised:
    """Levenberg-Marquardt on L = mean (f_θ(x) − y)² = ‖r‖², r = (f − y)/√n, ∇L = 2Jᵀr.

    Args:
        net: f, in float64.
        inputs: [samples, ...].
        targets: Of the shape of the outputs; n counts all of their elements.
        thetas: Starts [M, P]; left as they are.
        iterations: Most steps a net may try.
        tolerance: ‖∇L‖ below which it stops.
    """
    inputs, targets = inputs.to(net.dtype), targets.to(net.dtype)

    def sample(theta: Tensor, one: Tensor) -> tuple[Tensor, Tensor]:
        output = net.outputs(theta, one[None])[0].flatten()
        return output, output

    # sample by sample: differentiating the outputs of the whole set would cost n times as much
    samples = vmap(jacrev(sample, has_aux=True), (None, 0))
    together = max(1, CHUNK // (targets.numel() * thetas[0].nbytes))
    stack = vmap(samples, (0, None), chunk_size=together)
    root = targets.numel() ** 0.5

    def linearise(thetas: Tensor) -> Linearised:
        jacobian, outputs = (part.flatten(1, 2) for part in stack(thetas, inputs))
        return Linearised(jacobian / root, (outputs - targets.flatten()) / root)

    def loss(theta: Tensor) -> Tensor:
        return (net.outputs(theta, inputs) - targets).square().mean()

    def norm(problems: Linearised) -> Tensor:
        return 2 * torch.linalg.vector_norm(problems.slope, dim=1)

    return _report(loss, descend(vmap(loss), linearise, norm, thetas, iterations, tolerance))


def minimise_gradient_norm(
    loss: Scalar,
    thetas: Tensor,
    iterations: int,
    tolerance: float = TOLERANCE,
    memory_gib: float = 1.0,
) -> Minimised:
    """Damped Newton on F(θ) = ‖∇L(θ)‖², ∇F = 2H∇L: steps d = −(H² + λI)⁻¹ H∇L.

    Args:
        loss: L on full data; any that can be differentiated twice.
        thetas: Starts [M, P], float64; left as they are.
        iterations: Most steps a net may try.
        tolerance: ‖∇L‖ below which it stops.
        memory_gib: As for ``hessian``, of each net; the stack keeps two such matrices a net.

    Raises:
        ValueError: A Hessian does not fit the memory.
    """
    rows = rows_at_once(loss, thetas[0], memory_gib)

    def value(thetas: Tensor) -> Tensor:
        return vmap(grad(loss))(thetas).square().sum(1)

    def linearise(thetas: Tensor) -> Linearised:
        gradients, matrices = [], []
        for theta in thetas:  # the rows of one Hessian fill the cache by themselves
            gradient, matrix = gradient_and_matrix(loss, theta, rows)
            symmetrise(matrix)
            gradients.append(gradient)
            matrices.append(matrix)
        return Linearised(torch.stack(matrices), torch.stack(gradients))

    def norm(problems: Linearised) -> Tensor:
        return torch.linalg.vector_norm(problems.residual, dim=1)

    return _report(loss, descend(value, linearise, norm, thetas, iterations, tolerance))


def adam_on_gradient_norm(
    loss: Scalar,
    thetas: Tensor,
    steps: int,
    learning_rate: float,
    tolerance: float = TOLERANCE,
) -> Minimised:
    """So many steps of Adam (its customary β and ε) on F(θ) = ‖∇L(θ)‖², ∇F = 2H∇L.

    Args:
        loss: L on full data; any that can be differentiated twice.
        thetas: Starts [M, P], float64; left as they are.
        steps: All are made.
        learning_rate: Of Adam.
        tolerance: ‖∇L‖ below which a net counts as converged.
    """
    moving = thetas.clone()  # Adam is elementwise: each net moves as it would alone
    optimizer = torch.optim.Adam([moving], lr=learning_rate)
    slope = vmap(grad(lambda theta: grad(loss)(theta).square().sum()))
    for _ in range(steps):
        stop.point()
        moving.grad = slope(moving)
        optimizer.step()
    tried = torch.full((len(thetas),), steps, dtype=torch.int64, device=thetas.device)
    norms = torch.linalg.vector_norm(vmap(grad(loss))(moving), dim=1)
    return _report(loss, Descent(moving, tried, norms < tolerance))


def _report(loss: Scalar, end: Descent) -> Minimised:
    gradients, losses = vmap(grad_and_value(loss))(end.thetas)
    norms = torch.linalg.vector_norm(gradients, dim=1)
    return Minimised(end.thetas, losses, norms, end.iterations, end.converged)
