"""Trains a unit of a sweep, one run alone or a stack of runs, and tells of it."""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import torch

from dl_experiments import build, record, run
from dl_experiments.attempt import Run, RunFailed
from dl_experiments.build import Config
from dl_experiments.sweep import choice
from dl_experiments.sweep.member import LastRow, Member, OutOfMemory, end, is_out_of_memory
from dl_experiments.sweep.progress import Reporter
from dl_experiments.sweep.stack import Stack


@final
@dataclass(frozen=True)
class Cell:
    """One job of a sweep.

    Attributes:
        config: Resolved.
        overrides: What leads to it.
        planned: The record of what it is to be trained on, as the command was planned.
    """

    config: Config
    overrides: Sequence[str]
    planned: record.Record | None = None

    @property
    def path(self) -> Path:
        """Its run directory."""
        return run.directory(self.config).path

    @property
    def words(self) -> str:
        """What tells it from other cells, for a message."""
        own = [word for word in self.overrides if not word.startswith(("hydra.", "paths.", "--"))]
        return " ".join(own)


@final
@dataclass(frozen=True)
class Unit:
    """Cells that are trained together, or one by itself.

    Attributes:
        cells: In the order of the sweep.
        cores: Processor cores it may use.
        why: Why it is no larger, of a single run that might have been in a stack.
        stacked: Whether a single cell is computed as in a stack all the same: it has been so far.
    """

    cells: Sequence[Cell]
    cores: int
    why: str = ""
    stacked: bool = False

    def halves(self) -> list["Unit"]:
        """Two units of half the size."""
        middle = len(self.cells) // 2
        return [replace(self, cells=half) for half in (self.cells[:middle], self.cells[middle:])]


def train(unit: Unit, reporter: Reporter) -> list[str | None]:
    """Train a unit's cells to their ends.

    Returns:
        For each cell what went wrong, in one line; None where nothing did.

    Raises:
        OutOfMemory: Of a stack only; what was finished by then stays so.
        KeyboardInterrupt: All that is not finished is marked as interrupted.
    """
    try:
        if len(unit.cells) == 1 and not unit.stacked:
            return [_alone(unit.cells[0], unit, reporter)]
        try:
            return _together(unit.cells, reporter)
        except choice.Alone as reason:
            reporter.say(f"{len(unit.cells)} runs are trained one by one: {reason}")
            one_by_one = replace(unit, why=str(reason))
            return [_alone(cell, one_by_one, reporter) for cell in unit.cells]
    finally:
        reporter.close()


def _alone(cell: Cell, unit: Unit, reporter: Reporter) -> str | None:
    config, name = cell.config, cell.path.name
    reporter.begin(name, 1, config["trainer"]["max_epochs"], build.data(config).updates)
    started, last = time.monotonic(), LastRow(reporter.advance)
    try:
        status = run.execute(
            config, cell.overrides, last, reporter.advance, unit.cores, unit.why, cell.planned
        )
    except RunFailed as error:
        reporter.failed(str(error))
        return str(error)
    reporter.ended(name, status, time.monotonic() - started, last.values)
    return None


def _together(cells: Sequence[Cell], reporter: Reporter) -> list[str | None]:
    torch.set_num_threads(cells[0].config["trainer"]["threads"] or 1)
    members = [Member(Run(cell.config, cell.overrides, cell.planned), reporter) for cell in cells]
    trouble = None
    with ExitStack() as held:
        for member in members:
            try:
                held.enter_context(member.run)
            except RunFailed as error:
                member.error = str(error)
                reporter.failed(member.error)
        todo = [m for m in members if m.error is None and m.run.decision != "skip"]
        try:
            if todo:
                _train(todo, reporter)
        except Exception as error:
            trouble = error
            going_on = [member for member in todo if not member.run.over]
            for member in going_on:
                member.fail(error)
    if isinstance(trouble, choice.Alone):
        raise trouble
    if trouble is not None and is_out_of_memory(trouble):
        raise OutOfMemory(" ".join(str(trouble).split()))
    if trouble is not None:
        for member in going_on:
            reporter.failed(str(member.error))
    return [member.error for member in members]


def _train(members: Sequence[Member], reporter: Reporter) -> None:
    for member in members:
        member.prepare()
        if member.error is not None:
            member.finish()
    members = [member for member in members if member.error is None]
    if not members:
        return
    stack = _stack(members)
    first = members[0].run
    others = f" and {len(members) - 1} more" if len(members) > 1 else ""
    epochs = first.config["trainer"]["max_epochs"]
    reporter.begin(first.files.path.name + others, len(members), epochs, stack.batches.updates)
    reporter.advance(first.task.epoch)
    for member in members:
        member.begin(len(members), stack.layout.name)
    active = _still_on(members)
    while active:
        if len(active) <= len(stack.tasks) // 2:  # stop computing what nobody looks at
            stack = _stack(active)
        stack.epoch(reporter.advance)
        for member in active:
            task = member.run.task
            member.after_epoch(stack.batches.updates, stack.gradient_norms(task))
        losses = [member.last.values["train/loss"] for member in active]
        reporter.advance(active[0].run.task.epoch, statistics.median(losses))
        active = _still_on(active)


def _still_on(members: Sequence[Member]) -> list[Member]:
    """Those with epochs left to train; the others are ended."""
    end([member for member in members if member.over])
    return [member for member in members if not member.over]


def _stack(members: Sequence[Member]) -> Stack:
    first = members[0].run
    layout = choice.layout(first.task.model, first.module, len(members), build.dtype(first.config))
    return Stack([member.run for member in members], layout)
