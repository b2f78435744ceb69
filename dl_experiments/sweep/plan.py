"""From the jobs of a command to what is trained: all checked first, then grouped."""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from dl_experiments import build, planning, run, targets
from dl_experiments.artifacts import RunDirectory
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.folder import set_aside, tidy
from dl_experiments.job import Job
from dl_experiments.planning import Call, Finished
from dl_experiments.sweep import grouping, inspection
from dl_experiments.sweep.grouping import Planned
from dl_experiments.sweep.progress import Display
from dl_experiments.sweep.training import Training
from dl_experiments.sweep.unit import Unit
from dl_experiments.tasks.task import Task

Parts = tuple[InMemoryDataModule, Task]


def check(jobs: Sequence[Job]) -> tuple[list[Planned], list[Finished]]:
    """Refuse a sweep with an impossible job, before anything is trained.

    Returns:
        What is to be trained, and what is finished, each in the order of the jobs.

    Raises:
        ValueError: One line that names the job, the key, the value and what is allowed.
    """
    planning.check(jobs)
    todos: list[Planned] = []
    finished: list[Job] = []
    made: dict[str, Parts] = {}
    for job in jobs:
        try:
            if (decision := planning.decision(job)) != "skip":
                todos.append(inspection.begun(job, *_parts(job, made), decision))
                continue
            finished.append(job)
            if not planning.is_whole(job):
                build.check(job.config)
        except ValueError as error:
            raise planning.named(job, error, len(jobs)) from error
    _show_fetching()
    return inspection.inspect(todos, finished)


def _parts(job: Job, made: dict[str, Parts]) -> Parts:
    """Data and task to look at; one for all jobs of ours that differ in seed alone."""
    if targets.has_foreign(job.config):  # a user's code may do anything with its seed
        return build.check(job.config)
    alike = json.dumps({**job.config, "seed": None}, sort_keys=True)
    if alike not in made:
        made[alike] = build.check(job.config)
    return made[alike]


def _show_fetching() -> None:
    """Print what the data modules log (what is fetched from where), once a process."""
    logger = logging.getLogger("dl_experiments.data")
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())


def plan(jobs: Sequence[Job]) -> list[Call]:
    """Check a sweep whole, then say for each job what to call, one at a time.

    A call may train more than its own run, in a stack or in worker processes beside it; a later
    one then finds its run finished. Each returns its run's final test loss (None where that is
    not finite).

    Raises:
        ValueError: See ``check``; or a run that is to be trained anew is being trained.
    """
    torch.set_num_threads(1)  # a process that ran parallel kernels cannot be forked safely
    todos, finished = check(jobs)
    for one in todos:
        if not planning.writable(one.job.path.absolute()):
            raise ValueError(f"{one.job.path} cannot be written; who has made the study may do so")
    units = grouping.units(todos) if todos else []
    try:
        set_aside([job.path for job in jobs if job.config["rerun"]])
    except run.RunFailed as error:
        raise ValueError(str(error)) from error
    display = Display(len(todos))
    for line in [*_announcement(len(jobs), todos, units), *planning.notes(finished)]:
        display.say(line)
    for done in finished:
        tidy(done.job.path)
    lacking = [done.job for done in finished if run.lacks(done.job)]
    training = Training(units, lacking, display)
    return [partial(_call, job, training, display) for job in jobs]


def _announcement(runs: int, todos: Sequence[Planned], units: Sequence[Unit]) -> list[str]:
    """What there is to do, and which runs are not in a stack and why."""
    finished, resumed = runs - len(todos), sum(one.decision == "resume" for one in todos)
    notes = [f"{finished} finished before"] * (finished > 0)
    notes += [f"{resumed} resumed"] * (resumed > 0)
    stacks = [str(len(unit.jobs)) for unit in units if len(unit.jobs) > 1]
    notes += [f"in stacks of {', '.join(stacks)}"] * bool(stacks)
    why = Counter(unit.why for unit in units if unit.why) if runs > 1 else Counter()
    alone = [f"{count} alone: {reason}" for reason, count in why.items()]
    return [planning.announcement(runs, notes), *alone]


def _call(job: Job, training: Training, display: Display, _: Any) -> float | None:
    if job.path not in training:
        return planning.skip(job, display.say, None)
    error = training.result(job.path)
    if error is not None:
        raise run.RunFailed(error)
    return RunDirectory(job.path).read_summary().get("test/loss")
