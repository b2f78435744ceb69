"""The losses a task can minimise: all are means over the samples of a batch."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]


def squared_error_one_hot(logits: Tensor, classes: Tensor) -> Tensor:
    """Σ_k (z_k − 1[k = y])², averaged over samples (Belkin et al. 2019, squared loss).

    Args:
        logits: [batch, classes].
        classes: [batch] int64.
    """
    target = functional.one_hot(classes, logits.shape[1]).to(logits.dtype)
    return (logits - target).square().sum(1).mean()


REGRESSION: dict[str, Loss] = {
    "mse": functional.mse_loss,
    "l1": functional.l1_loss,
    "huber": functional.huber_loss,
}
CLASSIFICATION: dict[str, Loss] = {
    "cross_entropy": functional.cross_entropy,
    "mse": squared_error_one_hot,
}
