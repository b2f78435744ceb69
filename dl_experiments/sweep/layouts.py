"""How a stack's tensors lie in memory, and its forward and backward pass: what layouts share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from torch import Tensor, nn

from dl_experiments.tasks.losses import Loss

Masks = Callable[[Tensor, float], Tensor]
"""(hidden layer [M, B, ...], p) -> what dropout multiplies it with, drawn for each member."""


def flat(network: nn.Module) -> list[nn.Module] | None:
    """The layers of a plain sequence, nested ones in line; None for any other network."""
    if not isinstance(network, nn.Sequential):
        return [network]
    if type(network).forward is not nn.Sequential.forward:
        return None
    parts = [flat(child) for child in network]
    return None if None in parts else [layer for part in parts if part for layer in part]


class Layout(ABC):
    """The passes of a stack of M members with P parameters each.

    Attributes:
        name: What the log calls it.
        compiler: What made its own kernel; empty: it has none.
        spare: Members to be added at the end, so that each of the others is the same bits in
            every stack.
    """

    name: str
    compiler: str = ""
    spare: int = 0

    @abstractmethod
    def pack(self, rows: Tensor) -> Tensor:
        """[M, P] -> the layout's own tensor of parameters (which may share memory)."""

    @abstractmethod
    def unpack(self, packed: Tensor) -> Tensor:
        """The way back: [M, P]."""

    @abstractmethod
    def spread(self, values: Tensor) -> Tensor:
        """[..., M] -> the same values, to broadcast against the layout's parameters."""

    @abstractmethod
    def norms(self, gradient: Tensor) -> Tensor:
        """‖g‖₂ of each member's gradient: shaped like the parameters -> [M]."""

    @abstractmethod
    def outputs(self, packed: Tensor, inputs: Tensor) -> Tensor:
        """[M, B, outputs] in eval mode, of inputs [M or 1, B, ...]."""

    @abstractmethod
    def batches(self, inputs: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """[M, c, B, ...] -> c batches, each as ``gradient`` takes it."""

    @abstractmethod
    def gradient(
        self, packed: Tensor, inputs: Tensor, targets: Tensor, loss: Loss, masks: Masks
    ) -> Tensor:
        """The gradient of each member's mean loss, shaped like ``packed``; the caller's to change.

        Args:
            packed: The parameters.
            inputs: As ``batches`` gives them.
            targets: Likewise.
            loss: A mean over the samples of a batch.
            masks: Draws dropout's masks, in the order of the layers.
        """


def total(loss: Loss, outputs: Tensor, targets: Tensor, members: int = 1) -> Tensor:
    """The sum over members of their mean losses, whose gradient holds that of each.

    As a loss is a mean over samples and all members have equally many, the sum over n members is n
    times the loss of all their samples in one batch. Only where n is a power of two does this
    round as one member's own mean does; so members are taken in such parts, and the gradient of
    each is the same bits in every stack.

    Args:
        loss: A mean over the samples of a batch.
        outputs: [n, ..., outputs].
        targets: [n, ...].
        members: How many an entry of the first dimension holds; a power of two.
    """
    sizes = [1 << bit for bit in range(len(outputs).bit_length()) if len(outputs) >> bit & 1]
    last = outputs.dim() - 2
    parts = zip(outputs.split(sizes), targets.split(sizes), strict=True)
    sums = [loss(o.flatten(0, last), t.flatten(0, last)) * (len(o) * members) for o, t in parts]
    return sum(sums[1:], start=sums[0])
