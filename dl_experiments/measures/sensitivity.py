"""How much a net's outputs and its loss move with the input: norms of derivatives, one a sample.

Of a sample x with outputs z(x) [K], J = ∂z/∂x [K, inputs] and p = softmax(z):

* ``jacobian``: ‖J‖_F
* ``softmax_jacobian``: ‖∂p/∂x‖_F = ‖(diag(p) − p pᵀ) J‖_F (Novak et al. 2018, "Sensitivity and
  generalization in neural networks", section 3)
* ``loss_gradient``: ‖∂ℓ/∂x‖₂ = ‖(∂ℓ/∂z)ᵀ J‖₂, ℓ the loss of that sample alone

So the K rows of J give all three. None of them depends on how the samples are put into batches;
what does is ``batch_mean_norms``, which is here as the control. The input is what the net is given:
of images, normalised pixels.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from dl_experiments import stop
from dl_experiments.measures.flat import Batch, Loss

CHUNK_BYTES = 4 * 2**20
"""Most memory of a chunk's Jacobians (16 times as much was slower); activations come on top."""
PASS = 250
"""Samples that a pass of ``batch_mean_norms`` sees."""

Net = Callable[[Tensor], Tensor]


@final
@dataclass(frozen=True)
class Sensitivity:
    """One number a sample each [n], float64; see the top of the module."""

    loss_gradient: Tensor
    jacobian: Tensor
    softmax_jacobian: Tensor


@final
@dataclass(frozen=True)
class BatchMeanNorms:
    """Of ∂L/∂x [B, inputs], L the mean loss of B samples; a mean over the batches each.

    With gₙ the gradient of a sample's own loss, row n of it is gₙ/B.

    Attributes:
        whole: ‖∂L/∂x‖_F = (Σ‖gₙ‖²)^½ / B, which falls about as B^-½.
        row: Mean over the rows of their norms, Σ‖gₙ‖ / B², which falls as B⁻¹.
    """

    whole: float
    row: float


def sensitivity(module: nn.Module, batches: Iterable[Batch], loss: Loss) -> Sensitivity:
    """All three norms of every sample, in eval mode (no dropout), in the module's precision.

    In eval mode samples do not see one another, so the gradient of Σₙ z_k(xₙ) has row k of each
    sample's J: one backward pass a class for a whole chunk. Where the net begins with a dense layer
    h = W x, the pass ends at h: with the thin factorisation Wᵀ = QR, ‖a W‖ = ‖a Rᵀ‖ for any row a,
    and R is no larger than W.

    Args:
        module: The net; never touched.
        batches: (inputs [b, ...], targets); how they are cut changes rounding alone.
        loss: (outputs, targets) -> mean over the samples.
    """
    begin, rest, factor = _split(_frozen(module))
    parts: list[Sensitivity] = []
    with torch.enable_grad():
        for inputs, targets in batches:
            size = _chunk(begin, rest, factor, inputs)
            for x, y in zip(inputs.split(size), targets.split(size), strict=True):
                stop.point()
                outputs, jacobian = _jacobian(rest, begin(x))
                parts.append(
                    _norms(outputs, jacobian if factor is None else jacobian @ factor, y, loss)
                )
    return Sensitivity(
        *(torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0]))
    )


def batch_mean_norms(
    module: nn.Module, inputs: Tensor, targets: Tensor, loss: Loss, size: int
) -> BatchMeanNorms:
    """What comes of differentiating a batch's mean loss: a control, no sensitivity.

    Args:
        module: The net; never touched.
        inputs: [n, ...], cut into whole batches; what is left over is not used.
        targets: [n, ...].
        loss: (outputs, targets) -> mean over the samples.
        size: B, 1 to n.
    """
    assert 1 <= size <= len(inputs)
    net = _frozen(module)
    wholes, rows = [], []
    for start in range(0, len(inputs) - size + 1, size):
        stop.point()
        batch = slice(start, start + size)
        norms = []
        for x, y in zip(inputs[batch].split(PASS), targets[batch].split(PASS), strict=True):
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                share = loss(net(x).double(), _exact(y)) * (len(x) / size)
            (slope,) = torch.autograd.grad(share, x)
            norms.append(_norm(slope.flatten(1), 1))
        each = torch.cat(norms)
        wholes.append(_norm(each, 0))
        rows.append(each.mean())
    return BatchMeanNorms(float(torch.stack(wholes).mean()), float(torch.stack(rows).mean()))


def _frozen(module: nn.Module) -> nn.Module:
    return deepcopy(module).eval().requires_grad_(False)


def _split(net: nn.Module) -> tuple[Net, Net, Tensor | None]:
    """What precedes the first dense layer's outputs, what follows them, and Rᵀ (or W itself).

    Of another net: nothing, the net, and no factor.
    """
    layers = list(net) if isinstance(net, nn.Sequential) else []
    at = next((i for i, layer in enumerate(layers) if not isinstance(layer, nn.Flatten)), None)
    dense = None if at is None else layers[at]
    if at is None or not isinstance(dense, nn.Linear):
        return nn.Identity(), net, None
    weight = dense.weight.detach()
    if weight.shape[0] < weight.shape[1]:
        factor = torch.linalg.qr(weight.double().T, mode="r").R.T.to(weight)
    else:
        factor = weight
    return nn.Sequential(*layers[: at + 1]), nn.Sequential(*layers[at + 1 :]), factor


@torch.no_grad()
def _chunk(begin: Net, rest: Net, factor: Tensor | None, inputs: Tensor) -> int:
    """Samples whose Jacobians fit the memory."""
    hidden = begin(inputs[:1])
    numbers = max(hidden.numel(), 0 if factor is None else factor.shape[1])
    return max(1, CHUNK_BYTES // (rest(hidden).numel() * numbers * hidden.element_size()))


def _jacobian(net: Net, at: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs [b, K] and their Jacobians with respect to ``at`` [b, ...]: [b, K, numbers]."""
    at = at.detach().requires_grad_()
    outputs = net(at).flatten(1)
    count = outputs.shape[1]
    jacobian = at.new_empty(len(at), count, at[0].numel())
    for k, total in enumerate(outputs.sum(0)):
        (row,) = torch.autograd.grad(total, at, retain_graph=k + 1 < count)
        jacobian[:, k] = row.flatten(1)
    return outputs.detach(), jacobian


def _norms(outputs: Tensor, jacobian: Tensor, targets: Tensor, loss: Loss) -> Sensitivity:
    logits = outputs.double().requires_grad_()
    # a mean over the samples, so each has 1/b of its own gradient
    (slope,) = torch.autograd.grad(loss(logits, _exact(targets)) * len(logits), logits)
    turned = _softmax_slope(logits.detach())
    return Sensitivity(
        _norm((slope[:, None].to(jacobian) @ jacobian).flatten(1), 1),
        _norm(jacobian.flatten(1), 1),
        _norm((turned.to(jacobian) @ jacobian).flatten(1), 1),
    )


def _softmax_slope(logits: Tensor) -> Tensor:
    """∂p/∂z = diag(p) − p pᵀ [b, K, K] of logits [b, K].

    The diagonal p_k (1 − p_k) is summed from the rest of its row: 1 − p_k would be rounding alone
    where the net is sure.
    """
    p = logits.softmax(1)
    slope = -p[:, :, None] * p[:, None, :]
    slope.diagonal(dim1=1, dim2=2).zero_()
    slope.diagonal(dim1=1, dim2=2).copy_(-slope.sum(2))
    return slope


def _norm(values: Tensor, dim: int | Sequence[int]) -> Tensor:
    """‖·‖₂ in float64: in float32 the squares of a sure net's gradients vanish."""
    return torch.linalg.vector_norm(values, dim=dim, dtype=torch.float64)


def _exact(targets: Tensor) -> Tensor:
    return targets.double() if targets.is_floating_point() else targets
