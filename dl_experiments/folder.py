"""What lies in a run's folder, and what is to be done about it."""

import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Literal

from dl_experiments import agreement, claims, leases, stop
from dl_experiments.artifacts import FINISHED, RunDirectory
from dl_experiments.job import Job
from dl_experiments.schema import Config

Decision = Literal["skip", "resume", "start"]


class RunFailed(Exception):
    """A run raised; the message is one line, the traceback is in its ``run.log``."""


class RunTaken(RunFailed):
    """Another process has the run, has taken it over, or has finished it."""


def directory(config: Config) -> RunDirectory:
    """Where a config's run lies."""
    return RunDirectory(Job(config).path)


def decide(job: Job) -> Decision:
    """What there is to do for a job.

    Raises:
        ValueError: Its directory holds a status that cannot be read, or is another user's.
    """
    files = RunDirectory(job.path)
    try:
        status = files.read_status()
        if status is None:
            return "start"
        if status.state in FINISHED:
            return "skip"
        return "resume" if files.checkpoint.exists() else "start"
    except PermissionError as error:
        raise ValueError(
            f"{files.path} cannot be read; who has made the study may do so"
        ) from error


def check_unchanged(
    files: RunDirectory, old: agreement.Record | None, new: agreement.Record
) -> None:
    """Refuse to go on with other data or code than a run has been trained on.

    Args:
        files: The run's.
        old: What it was trained on; None: it was made before there were records.
        new: What there is now.

    Raises:
        ValueError: Names what has changed, and the two ways on.
    """
    if changed := agreement.differences(old or {}, new):
        verb = "differs" if len(changed) == 1 and changed[0].startswith("the code") else "differ"
        raise ValueError(
            f"{files.path}: {' and '.join(changed)} {verb} from what this run was trained on; put "
            "that back, or train it anew with rerun=true (its folder is moved aside)"
        )


def as_begun(job: Job) -> Job:
    """A job that goes on, with what its last digits depend on as it was when it was begun."""
    files = RunDirectory(job.path)
    try:
        begun = files.read_config()
        stack, threads = begun["sweep"]["stack"], begun["trainer"]["threads"]
    except (OSError, ValueError, KeyError, TypeError):
        return job
    facts = files.read_provenance()
    if "stack" in facts and "layout" not in facts:  # computed alone
        threads = facts.get("threads", threads)
    config = job.config.copy()
    config["sweep"] = {**config["sweep"], "stack": stack}
    config["trainer"] = {**config["trainer"], "threads": threads}
    return replace(job, config=config)


def set_aside(paths: Sequence[Path]) -> None:
    """Move what lies in runs' folders to ``<study>/.aside/``, so that they can be trained anew.

    Raises:
        RunFailed: Another process is training one of them; all are where they were.
    """
    with ExitStack() as held:
        there = [path for path in paths if path.exists()]
        for path in there:
            held.callback(_claim_from_the_dead(path).release)
        for path in there:
            aside = path.parent / ".aside"
            aside.mkdir(exist_ok=True)
            number = next(n for n in count(1) if not (aside / f"{path.name}-{n}").exists())
            path.rename(aside / f"{path.name}-{number}")
            (aside / f"{path.name}-{number}" / claims.CLAIM).unlink()


def _claim_from_the_dead(path: Path) -> claims.Claim:
    """Take a run's folder; where its owner seems gone, once a lease's time has shown that it is."""
    limit = time.monotonic() + 2 * leases.LEASE
    while True:
        try:
            return claim(path)
        except RunTaken:
            if not claims.left(path) or time.monotonic() > limit:
                raise
            stop.pause(1.0)


def is_finished(path: Path) -> bool:
    """Whether a run is completed or diverged."""
    with suppress(ValueError, OSError):
        status = RunDirectory(path).read_status()
        return status is not None and status.state in FINISHED
    return False


def tidy(path: Path) -> None:
    """Remove what whoever finished a run has left, if he was killed then.

    That is claim, checkpoint and what he was just writing.
    """
    files = RunDirectory(path)
    checkpoint = files.checkpoint
    if checkpoint.exists() or (path / claims.CLAIM).exists():
        with suppress(claims.Taken, ValueError, OSError):
            held = claims.take(path)
            if is_finished(path):
                checkpoint.unlink(missing_ok=True)
                files.sweep()
            held.release()


def clear(files: RunDirectory) -> None:
    """Remove what an attempt that cannot be resumed has left, except its log."""
    # The checkpoint first: it vouches for the others.
    for file in (files.checkpoint, files.summary, files.metrics):
        files.look(0.0)
        file.unlink(missing_ok=True)
    for folder in (files.measures, files.weights, files.tensorboard):
        files.look(0.0)
        shutil.rmtree(folder, ignore_errors=True)


def claim(path: Path) -> claims.Claim:
    """Take a run's folder.

    Raises:
        RunTaken: Another process has it.
        RunFailed: It cannot be had.
    """
    try:
        return claims.take(path)
    except claims.Taken as error:
        raise RunTaken(str(error)) from error
    except (OSError, ValueError) as error:
        raise RunFailed(line(path, error)) from error


def line(path: Path, error: BaseException) -> str:
    """What is said of a run that failed."""
    return f"{path}: {reason(error)}"


def reason(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
