"""The batches of a stack: each member's own, gathered in one go."""

from collections.abc import Hashable, Iterator, Sequence
from typing import final

import torch
from torch import Tensor

from dl_experiments.data.loader import EVALUATION_BATCH, InMemory, InMemoryDataModule, TrainingSet

GATHERED_BYTES = 2**20
"""About how much of an epoch's inputs is gathered at a time."""


def shapes(module: InMemoryDataModule) -> Hashable:
    """Data that are loaded for which this is equal can share a stack."""
    return tuple(
        (tensor.shape, tensor.dtype)
        for data in (module.train, module.test)
        for tensor in (data.inputs, data.targets)
    )


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
class Normalisation:
    """What turns gathered inputs into a network's: one for all members, or each one's own.

    Args:
        sets: Each member's.
    """

    def __init__(self, sets: Sequence[InMemory]) -> None:
        self._first = sets[0]
        self._shared = all(_alike(one, sets[0]) for one in sets)
        if not self._shared:
            self._mean = torch.stack([_own(one, one.mean, 0.0) for one in sets])
            self._scale = torch.stack([_own(one, one.scale, 1.0) for one in sets])

    def __call__(self, inputs: Tensor) -> Tensor:
        """[M or 1, B, ...] as stored -> [M, B, ...], or [1, B, ...] where all are equal."""
        if self._shared:
            return self._first.prepare(inputs)
        return (inputs.to(self._first.dtype) - self._mean) * self._scale


def _alike(one: InMemory, other: InMemory) -> bool:
    pairs = ((one.mean, other.mean), (one.scale, other.scale))
    return all(a is b or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)


def _own(data: InMemory, given: Tensor | None, neutral: float) -> Tensor:
    """A member's mean or scale, [1, ...] like one of its inputs."""
    like = data.inputs[:1]
    if given is None:
        return torch.full(like.shape, neutral, dtype=data.dtype, device=like.device)
    return given.expand(like.shape)


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
        self._prepare = Normalisation([one.data for one in sets])
        first, self._augmented = sets[0], any(one.augment is not None for one in sets)
        batch = (
            len(sets) * first.batch_size * first.data.inputs[0].numel() * first.data.dtype.itemsize
        )
        # an augmentation draws batch by batch
        self._together = max(1, GATHERED_BYTES // batch) if not self._augmented else 1

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets [M, c, B, ...]: c batches at a time, all of an epoch in order.

        Small ones are gathered many at a time. The last batch of an epoch may be smaller.
        """
        orders = {one.seed: one.order(number) for one in self.sets}
        order = torch.stack([orders[one.seed] for one in self.sets])
        changes = [one.augmentation(number) for one in self.sets]
        data, size = self.sets[0].data, self.sets[0].batch_size
        order = order.to(data.targets.device)
        whole = len(data) // size * size
        runs = list(order[:, :whole].unflatten(1, (-1, size)).split(self._together, 1))
        if whole < len(data):
            runs.append(order[:, None, whole:])
        for index in runs:
            inputs = self._inputs.gather(index.flatten(1))
            if self._augmented:
                each = zip(changes, inputs, strict=True)
                inputs = torch.stack([change(own) for change, own in each])
            targets = self._targets.gather(index.flatten(1))
            shape = index.shape[1:]
            yield self._prepare(inputs).unflatten(1, shape), targets.unflatten(1, shape)


@final
class Whole:
    """A set that the members of a stack are evaluated on.

    Args:
        sets: Each member's; of one size.
    """

    def __init__(self, sets: Sequence[InMemory]) -> None:
        self._size = len(sets[0])
        self._inputs = Pool([one.inputs for one in sets])
        self._prepare = Normalisation(sets)

    def chunks(self) -> Iterator[Tensor]:
        """Inputs [M or 1, B, ...], in order."""
        for begin in range(0, self._size, EVALUATION_BATCH):
            end = min(begin + EVALUATION_BATCH, self._size)
            yield self._prepare(self._inputs.part(begin, end))
