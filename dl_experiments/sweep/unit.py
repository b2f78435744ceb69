"""Trains a unit of a sweep, one run alone or a stack of runs, and tells of it."""

import statistics
import time
from collections import defaultdict
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import final

import torch

from dl_experiments import build, run, settings, stop
from dl_experiments.attempt import Run
from dl_experiments.callbacks.checkpoint import Clock
from dl_experiments.folder import RunFailed, RunTaken, reason
from dl_experiments.job import Job
from dl_experiments.sweep import choice
from dl_experiments.sweep.batches import shapes
from dl_experiments.sweep.member import Divided, LastRow, Member, end, is_out_of_memory
from dl_experiments.sweep.progress import Reporter
from dl_experiments.sweep.stack import Stack


@final
@dataclass(frozen=True)
class Unit:
    """Jobs that are trained together as a stack, or one that is trained alone.

    Attributes:
        jobs: In the order of the sweep; all their runs start at one epoch.
        cores: Processor cores it may use.
        why: Why the one job is trained alone; empty: they are a stack, if of one.
    """

    jobs: Sequence[Job]
    cores: int
    why: str = ""

    def only(self, jobs: Sequence[Job]) -> "Unit":
        """Some of its jobs, trained in the same way."""
        return replace(self, jobs=jobs)

    def halves(self) -> list["Unit"]:
        """Two units of half the size."""
        middle = len(self.jobs) // 2
        return [self.only(half) for half in (self.jobs[:middle], self.jobs[middle:])]


def train(unit: Unit, reporter: Reporter) -> list[RunFailed | None]:
    """Train a unit's jobs to their ends.

    Returns:
        For each job what went wrong, or that another process has it; None where it is done.

    Raises:
        Divided: What went wrong may be one member's own, or a want of memory: their stack is to
            be tried again in parts; what was finished by then stays so.
        Stopped: The command is to end; all that is not finished is marked as interrupted.
    """
    try:
        if unit.why:
            return [_alone(job, unit, reporter) for job in unit.jobs]
        with settings.kept():
            return _together(unit.jobs, reporter)
    finally:
        reporter.close()


def catch_up(job: Job, reporter: Reporter) -> bool:
    """Take what a finished run lacks; see ``run.catch_up``."""
    with settings.kept():
        return run.catch_up(job)


def _alone(job: Job, unit: Unit, reporter: Reporter) -> RunFailed | None:
    config, name = job.config, job.path.name
    reporter.begin(name, 1, config["trainer"]["max_epochs"], build.data(config).updates)
    started, last = time.monotonic(), LastRow(reporter.advance)
    try:
        status = run.execute(job, last, reporter.advance, unit.cores, unit.why)
    except RunTaken as error:
        return error
    except RunFailed as error:
        reporter.failed(str(error))
        return error
    reporter.ended(name, status, time.monotonic() - started, last.values)
    return None


def _together(jobs: Sequence[Job], reporter: Reporter) -> list[RunFailed | None]:
    members = [Member(Run(job), reporter) for job in jobs]
    trouble = None
    with ExitStack() as held:
        for member in members:
            try:
                held.enter_context(member.run)
                if member.run.decision == "skip":
                    member.run.release()
                    member.error = RunTaken(f"{member.run.files.path}: it is finished")
            except RunFailed as error:
                member.error = error
                member.tell()
        todo = [member for member in members if member.error is None]
        try:
            train_members(todo, reporter)
        except Exception as error:
            trouble = error
            going_on = [member for member in todo if not member.run.over]
            for member in going_on:
                member.fail(error)
    if trouble is not None and len(jobs) > 1 and (len(going_on) > 1 or is_out_of_memory(trouble)):
        own = [member for member in members if member not in going_on and member.failed]
        for member in own:
            member.tell()
        failed = {member.run.job.path: str(member.error) for member in own}
        raise Divided(reason(trouble), failed)
    if trouble is not None:
        for member in going_on:
            member.tell()
    return [member.error for member in members]


def train_members(members: Sequence[Member], reporter: Reporter) -> None:
    """Train members whose runs are held, to their ends.

    Those whose data turn out to be of several shapes, or whose runs start at several epochs or have
    begun with several numbers of threads, are several stacks, one after the other.
    """
    groups: dict[tuple[Hashable, int, int, int], list[Member]] = defaultdict(list)
    for member in members:
        stop.point()
        member.prepare()
        if member.error is not None:
            member.finish()
        else:
            own = member.run
            threads = own.config["trainer"]["threads"] or 1
            alike = shapes(own.module), own.task.epoch, own.task.updates, threads
            groups[alike].append(member)
    for (*_, threads), group in groups.items():
        torch.set_num_threads(threads)
        _train(group, reporter)


def _train(members: Sequence[Member], reporter: Reporter) -> None:
    stack = _stack(members)
    first = members[0].run
    others = f" and {len(members) - 1} more" if len(members) > 1 else ""
    epochs = first.config["trainer"]["max_epochs"]
    reporter.begin(first.files.path.name + others, len(members), epochs, stack.batches.updates)
    reporter.advance(first.task.epoch)
    for member in members:
        member.begin(len(members), stack.layout)
    active = _still_on(members)
    clock = Clock(build.CHECKPOINT_SECONDS)
    while active:
        if len(active) <= len(stack.tasks) // 2:  # stop computing what nobody looks at
            stack = _stack(active)
        stack.epoch(reporter.advance)
        for member in active:
            task = member.run.task
            member.after_epoch(stack.batches.updates, stack.gradient_norms(task))
        clock.tick()
        for member in active:
            member.keep(clock)
        clock.held()
        if clock.ending and not all(member.over for member in active):
            raise stop.Stopped
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
