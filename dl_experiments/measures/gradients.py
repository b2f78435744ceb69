"""The gradient of a loss and its norm, over all parameters and layer by layer."""

import torch
from torch import Tensor

from dl_experiments.measures.flat import Layout, Scalar


def gradient(loss: Scalar, theta: Tensor) -> Tensor:
    """∇L(θ): one θ [P] -> [P], or a stack [M, P] -> [M, P], all in one pass.

    Of more data than fit one batch, the full-data gradient is
    ``mean_over(net.parts(loss, batches), lambda part: gradient(part, theta))``. Its norm is not the
    mean of the norms of the batches' gradients.

    Args:
        loss: θ [P] -> scalar; for a stack it must be one that ``torch.func.vmap`` takes.
        theta: [P] or [M, P].
    """
    one = torch.func.grad(loss)
    return one(theta) if theta.ndim == 1 else torch.func.vmap(one)(theta)


def norm(gradient: Tensor) -> Tensor:
    """‖g‖₂ over all parameters: [P] -> scalar, [M, P] -> [M]."""
    return torch.linalg.vector_norm(gradient, dim=-1)


def layer_norms(gradient: Tensor, layout: Layout) -> dict[str, Tensor]:
    """‖g‖₂ per layer, weight and bias together; Σ over layers of the squares is ‖g‖².

    Args:
        gradient: [P] or [M, P].
        layout: Of P parameters.
    """
    return {layer: norm(gradient[..., place]) for layer, place in layout.layers().items()}
