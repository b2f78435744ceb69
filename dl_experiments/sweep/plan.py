"""From the jobs of a command to what is trained: all checked first, then grouped."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from dl_experiments import build, run
from dl_experiments.artifacts import RunDirectory
from dl_experiments.folder import set_aside, tidy
from dl_experiments.job import Job
from dl_experiments.sweep import grouping, inspection
from dl_experiments.sweep.grouping import Planned
from dl_experiments.sweep.progress import Display
from dl_experiments.sweep.training import Training
from dl_experiments.sweep.unit import Unit


def check(jobs: Sequence[Job]) -> list[Planned]:
    """Refuse a sweep with an impossible job, before anything is trained.

    Raises:
        ValueError: One line that names the job, the key, the value and what is allowed.
    """
    parts = []
    for job in jobs:
        try:
            parts.append(build.check(job.config))
        except ValueError as error:
            label = job.words if len(jobs) > 1 else ""
            raise ValueError(f"{label}: {error}" if label else str(error)) from error
    _check_distinct(jobs)
    for outputs in {job.config["paths"]["outputs"] for job in jobs}:
        check_outputs(outputs)
    _show_fetching()
    return inspection.inspect(jobs, parts)


def _show_fetching() -> None:
    """Print what the data modules log (what is fetched from where), once a process."""
    logger = logging.getLogger("dl_experiments.data")
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())


def _check_distinct(jobs: Sequence[Job]) -> None:
    counts = Counter(job.id for job in jobs)
    identity, count = counts.most_common(1)[0]
    if count > 1:
        same = [job.words for job in jobs if job.id == identity]
        raise ValueError(
            f"{count} jobs of this sweep are the same run: {same[0]!r} and {same[1]!r}; "
            "what distinguishes them is overridden or changes nothing"
        )


def check_outputs(outputs: object) -> None:
    """Refuse an outputs folder that cannot be written.

    Raises:
        ValueError: It, or the folder it would be made in, cannot.
    """
    named = isinstance(outputs, str) and outputs
    if not named or not _writable(Path(str(outputs)).expanduser().absolute()):
        raise ValueError(f"paths.outputs={outputs} must be a folder that can be written")


def _writable(path: Path) -> bool:
    existing = next(p for p in (path, *path.parents) if os.path.exists(p))
    return os.path.isdir(existing) and os.access(existing, os.W_OK | os.X_OK)


def plan(jobs: Sequence[Job]) -> list[Callable[[Any], float | None]]:
    """Check a sweep whole, then say for each job what to call, one at a time.

    A call may train more than its own run, in a stack or in worker processes beside it; a later
    one then finds its run finished. Each returns its run's final test loss (None where that is
    not finite).

    Raises:
        ValueError: See ``check``; or a run that is to be trained anew is being trained.
    """
    torch.set_num_threads(1)  # a process that ran parallel kernels cannot be forked safely
    planned = check(jobs)
    todos = [one for one in planned if one.decision != "skip"]
    for one in todos:
        if not _writable(one.job.path.absolute()):
            raise ValueError(f"{one.job.path} cannot be written; who has made the study may do so")
    units = grouping.units(todos) if todos else []
    try:
        set_aside([job.path for job in jobs if job.config["rerun"]])
    except run.RunFailed as error:
        raise ValueError(str(error)) from error
    display = Display(len(todos))
    for line in [*_announcement(planned, units), *inspection.notes(planned)]:
        display.say(line)
    finished = [one.job for one in planned if one.decision == "skip"]
    for job in finished:
        tidy(job.path)
    lacking = [job for job in finished if run.lacks(job)]
    training = Training(units, lacking, display)
    return [partial(_call, job, training, display) for job in jobs]


def _announcement(planned: Sequence[Planned], units: Sequence[Unit]) -> list[str]:
    """What there is to do, and which runs are not in a stack and why."""
    decisions = Counter(one.decision for one in planned)
    notes = [f"{decisions['skip']} finished before"] * (decisions["skip"] > 0)
    notes += [f"{decisions['resume']} resumed"] * (decisions["resume"] > 0)
    stacks = [str(len(unit.jobs)) for unit in units if len(unit.jobs) > 1]
    notes += [f"in stacks of {', '.join(stacks)}"] * bool(stacks)
    noun = "run" if len(planned) == 1 else "runs"
    why = Counter(unit.why for unit in units if unit.why) if len(planned) > 1 else Counter()
    return [
        f"{len(planned)} {noun}{': ' if notes else ''}{', '.join(notes)}",
        *(f"{count} alone: {reason}" for reason, count in why.items()),
    ]


def _call(job: Job, training: Training, display: Display, _: Any) -> float | None:
    if job.path in training:
        error = training.result(job.path)
        if error is not None:
            raise run.RunFailed(error)
    else:
        display.say(f"skipped, finished before: {job.path}")
    return run.read_summary(RunDirectory(job.path)).get("test/loss")
