"""Ways to critical points at many loss levels: from where a net starts, and what it does first.

Every way ends with the minimisation of ‖∇L‖² (``minimisation.py``). What differs is its start:

* ``newton``: a point of the net's own training. From early ones it ends at high saddles.
* ``descent``: the end of training, after Levenberg-Marquardt steps on the loss. It ends close to
  minima.
* ``embedded``: a critical point of a narrower net, which is one of the wide net too, at the
  narrower net's loss (``embedding.py``). The levels between the other two.
* ``published``: the end of training, and then Adam in place of Newton's method.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from dl_experiments.measures.embedding import Narrowed
from dl_experiments.measures.flat import FlatNet
from dl_experiments.measures.minimisation import (
    TOLERANCE,
    Minimised,
    adam_on_gradient_norm,
    minimise_gradient_norm,
    minimise_loss,
)


@final
@dataclass(frozen=True)
class Found:
    """Where M nets ended on one way.

    Attributes:
        arm: The way: newton, descent, embedded or published.
        steps: Levenberg-Marquardt steps that a net could make before ‖∇L‖² was minimised.
        widths: Units in use, one number a hidden layer; None: all.
        end: Of the M nets; ``iterations`` are those on ‖∇L‖².
    """

    arm: str
    steps: int
    widths: Sequence[int] | None
    end: Minimised


@final
class Search:
    """The mean squared error of one net shape on one data set, and the ways down its gradient.

    Args:
        net: f, in float64.
        inputs: [samples, ...].
        targets: Of the shape of the outputs.
        iterations: Most steps of damped Newton on ‖∇L‖².
        memory_gib: For a Hessian.
    """

    def __init__(
        self, net: FlatNet, inputs: Tensor, targets: Tensor, iterations: int, memory_gib: float
    ) -> None:
        self.net, self.inputs, self.targets = net, inputs, targets
        self.iterations, self.memory_gib = iterations, memory_gib
        self.loss = net.loss(functional.mse_loss, inputs, targets)

    def newton(self, thetas: Tensor) -> Found:
        """Straight from the points θ [M, P]."""
        return Found("newton", 0, None, self._minimise(thetas))

    def descent(self, thetas: Tensor, steps: int) -> Found:
        """From where at most so many Levenberg-Marquardt steps lead from θ [M, P]."""
        near = minimise_loss(self.net, self.inputs, self.targets, thetas, steps)
        return Found("descent", steps, None, self._minimise(near.thetas))

    def embedded(self, thetas: Tensor, widths: Sequence[int], steps: int) -> Found:
        """From the narrower net within θ [M, P], its loss and gradient minimised as such first.

        Raises:
            ValueError: The widths do not fit the net.
        """
        within = Narrowed(self.net, widths)
        near = minimise_loss(within, self.inputs, self.targets, within.narrow(thetas), steps)
        inner = minimise_gradient_norm(
            lambda z: self.loss(within.widen(z)), near.thetas, self.iterations
        )
        wide = within.widen(inner.thetas)  # its gradient is that of the narrower net and zeros
        losses = torch.func.vmap(self.loss)(wide)
        norms = torch.linalg.vector_norm(torch.func.vmap(torch.func.grad(self.loss))(wide), dim=1)
        end = Minimised(wide, losses, norms, inner.iterations, norms < TOLERANCE)
        return Found("embedded", steps, tuple(widths), end)

    def published(self, thetas: Tensor, steps: int, learning_rate: float) -> Found:
        """So many steps of Adam on ‖∇L‖² from θ [M, P]."""
        end = adam_on_gradient_norm(self.loss, thetas, steps, learning_rate)
        return Found("published", 0, None, end)

    def _minimise(self, thetas: Tensor) -> Minimised:
        return minimise_gradient_norm(
            self.loss, thetas, self.iterations, memory_gib=self.memory_gib
        )
