"""What one evaluation of a loss takes, from which is chosen how many are made together.

Together, small evaluations share the cost of each operation's call. Beyond what a core's cache
holds, that is all lost again to memory.
"""

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from dl_experiments.measures.flat import Scalar

WORKING_SET = 6 * 2**20  # bytes of activations in flight: about what a core's cache holds


def saved_bytes(loss: Scalar, theta: Tensor) -> int:
    """Bytes that one evaluation of the loss at θ [P] keeps for its derivative; found by making it.

    A tensor that two operations keep counts twice.
    """
    saved = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal saved
        saved += tensor.nbytes
        return tensor

    with torch.enable_grad(), saved_tensors_hooks(count, lambda tensor: tensor):
        loss(theta.detach().requires_grad_())
    return saved
