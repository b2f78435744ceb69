"""The batches of a stack: each member's own, gathered in one go."""

from collections.abc import Iterator, Sequence
from typing import final

import torch
from torch import Tensor

from dl_experiments.data.loader import EVALUATION_BATCH, InMemory, TrainingSet


@final
class Pool:
    """One tensor a member; members with equal ones share it.

    Args:
        tensors: Of one shape and type.

    Attributes:
        shared: Whether all are equal.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        distinct: list[Tensor] = []
        places = []
        for tensor in tensors:
            same = (i for i, seen in enumerate(distinct) if _equal(tensor, seen))
            places.append(next(same, len(distinct)))
            if places[-1] == len(distinct):
                distinct.append(tensor)
        self.shared = len(distinct) == 1
        self._values = distinct[0] if self.shared else torch.cat(distinct)
        starts = torch.tensor(places, device=self._values.device) * len(tensors[0])
        self._starts = starts[:, None]

    def gather(self, index: Tensor) -> Tensor:
        """[M, B] indices into the members' own -> [M, B, ...]."""
        index = index if self.shared else index + self._starts
        return self._values.index_select(0, index.flatten()).unflatten(0, index.shape)

    def part(self, begin: int, end: int) -> Tensor:
        """Entries ``begin`` to ``end``, [M, B, ...], or [1, B, ...] where all are equal."""
        if self.shared:
            return self._values[None, begin:end]
        span = torch.arange(begin, end, device=self._values.device)
        return self.gather(span.expand(len(self._starts), -1))


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.data_ptr() == b.data_ptr() or torch.equal(a, b)


@final
class Batches:
    """What the members of a stack train on.

    Args:
        sets: Each member's; of one size, with one batch size.
    """

    def __init__(self, sets: Sequence[TrainingSet]) -> None:
        self.sets = sets
        self.updates = sets[0].updates
        self._inputs = Pool([one.data.inputs for one in sets])
        self._targets = Pool([one.data.targets for one in sets])

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets [M, B, ...], batch by batch; the last may be smaller."""
        orders = {one.seed: one.order(number) for one in self.sets}
        order = torch.stack([orders[one.seed] for one in self.sets])
        changes = [one.augmentation(number) for one in self.sets]
        data = self.sets[0].data
        for index in order.to(data.targets.device).split(self.sets[0].batch_size, 1):
            inputs = self._inputs.gather(index)
            if self.sets[0].augment is not None:
                each = zip(changes, inputs, strict=True)
                inputs = torch.stack([change(own) for change, own in each])
            yield data.prepare(inputs), self._targets.gather(index)


@final
class Whole:
    """A set that the members of a stack are evaluated on.

    Args:
        sets: Each member's; of one size.
    """

    def __init__(self, sets: Sequence[InMemory]) -> None:
        self.data = sets[0]
        self._inputs = Pool([one.inputs for one in sets])

    def chunks(self) -> Iterator[Tensor]:
        """Inputs [M or 1, B, ...], in order."""
        for begin in range(0, len(self.data), EVALUATION_BATCH):
            end = min(begin + EVALUATION_BATCH, len(self.data))
            yield self.data.prepare(self._inputs.part(begin, end))
