"""Trains many runs of one shape at once; each leaves its own ordinary run directory."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import final

import torch
from torch import Tensor

from dl_experiments import randomness, stop
from dl_experiments.attempt import Run
from dl_experiments.data.loader import InMemory
from dl_experiments.sweep import optimizers
from dl_experiments.sweep.batches import Batches, Whole
from dl_experiments.sweep.layouts import Layout
from dl_experiments.tasks.task import Task

READ_AHEAD = 256
"""Updates for which the options of optimizers without a schedule are prepared at once."""


@final
class Stack:
    """The tensors of a stack of prepared runs, and what moves them.

    The members' own modules and optimizers stay in place: their weights and state are views into
    ``rows``, which follow the stack at the end of each epoch.

    Args:
        runs: Prepared, with their data in place; all at one epoch.
        layout: How to compute.
    """

    def __init__(self, runs: Sequence[Run], layout: Layout) -> None:
        self.tasks = [run.task for run in runs]
        first = self.tasks[0]
        self.layout, self.loss = layout, first.loss
        computed = [*runs, *[runs[-1]] * layout.spare]
        self.seeds = [run.task.seed for run in computed]
        self.batches = Batches([run.module.training_set() for run in computed])
        self.splits = {
            "train": Whole([run.module.train for run in computed]),
            "test": Whole([run.module.test for run in computed]),
        }
        self._epoch, self._updates = first.epoch, first.updates
        scheduled = any(task.schedule is not None for task in self.tasks)
        self._ahead = 1 if scheduled else max(1, READ_AHEAD // self.batches.updates)
        self._read = range(0)
        self._predicted: dict[str, Tensor] = {}
        self._norms: Tensor | None = None

        members = [run.task.optimizer for run in computed]
        kind = optimizers.rule(members[0])
        weights = _adopt([list(task.model.parameters()) for task in self.tasks], layout.spare)
        slots = {n: torch.zeros_like(weights) for n in kind.names(members[0].param_groups[0])}
        self._step = optimizers.attach([task.optimizer for task in self.tasks], slots)
        self.rows = {"weights": weights, **slots}
        self.packed = {name: layout.pack(rows) for name, rows in self.rows.items()}
        self.weights = self.packed["weights"]
        self.rule = kind(members, self.packed, layout.spread, self.weights)
        for number, (run, task) in enumerate(zip(runs, self.tasks, strict=True)):
            task.predictor = partial(self.predict, number, run)

    @torch.no_grad()
    def epoch(self, heartbeat: Callable[[float], None]) -> None:
        """One pass of every member over its training set."""
        masks = _Masks(self.seeds, self._epoch)
        norms: list[Tensor] = []
        watched = any(task.gradient_norms is not None for task in self.tasks)
        if self._updates not in self._read:
            self._read = range(self._updates, self._updates + self._ahead * self.batches.updates)
            self.rule.read(self._read)
        gathered = self.batches.epoch(self._epoch)
        batches = (batch for some in gathered for batch in self.layout.batches(*some))
        for number, batch in enumerate(batches):
            with torch.enable_grad():
                gradient = self.layout.gradient(self.weights, *batch, self.loss, masks)
            if watched:
                norms.append(self.layout.norms(gradient))
            self.rule.step(self.weights, gradient, self._updates + number)
            stop.point(stop.GRACE)
            heartbeat(self._epoch + (number + 1) / self.batches.updates)
        for name, packed in self.packed.items():
            if packed is not self.rows[name]:
                self.rows[name].copy_(self.layout.unpack(packed))
        self._norms = torch.stack(norms, 1) if norms else None
        self._predicted.clear()
        self._epoch += 1
        self._updates += self.batches.updates
        self._step.fill_(self._updates)

    def gradient_norms(self, task: Task) -> Tensor | None:
        """A member's gradient norms in the last epoch, [updates], where any is wanted."""
        return None if self._norms is None else self._norms[self.tasks.index(task)]

    def predict(self, member: int, run: Run, data: InMemory) -> Tensor:
        """A member's outputs; for its two sets they are computed for all members at once."""
        if data is not run.module.train and data is not run.module.test:
            return run.task.predict(data)
        split = "train" if data is run.module.train else "test"
        if split not in self._predicted:
            chunks = []
            for inputs in self.splits[split].chunks():
                stop.point(stop.GRACE)
                chunks.append(self.layout.outputs(self.weights, inputs))
            self._predicted[split] = torch.cat(chunks, 1)
        return self._predicted[split][member]


def _adopt(members: Sequence[Sequence[torch.nn.Parameter]], spare: int) -> Tensor:
    """Copy all parameters to one tensor; what they were becomes views into it.

    Returns:
        [M + spare, P]; the last are the last member's once more.
    """
    computed = [*members, *[members[-1]] * spare]
    rows = torch.stack([torch.cat([p.detach().flatten() for p in own]) for own in computed])
    for row, own in zip(rows, members, strict=False):
        begin = 0
        for parameter in own:
            end = begin + parameter.numel()
            parameter.data = row[begin:end].view(parameter.shape)
            begin = end
    return rows


@final
class _Masks:
    """Dropout's masks of one epoch: each member draws from the stream it has alone."""

    def __init__(self, seeds: Sequence[int], epoch: int) -> None:
        self.seeds, self.epoch = seeds, epoch

    @cached_property
    def draws(self) -> list[torch.Generator]:
        """One a member; most networks need none."""
        return [randomness.generator(seed, "dropout", self.epoch) for seed in self.seeds]

    def __call__(self, like: Tensor, p: float) -> Tensor:
        """What to multiply a hidden layer with, shaped like it: [M, B, ...]."""
        masks = torch.empty(like.shape, dtype=like.dtype)
        for mask, draw in zip(masks, self.draws, strict=True):
            mask.bernoulli_(1 - p, generator=draw)
        return masks.div_(1 - p)
