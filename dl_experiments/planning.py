"""What a command asks for and what of it is there already; nothing heavy is imported for it.

A command all of whose runs are finished ends here. Anything else goes on in ``sweep/plan.py``.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, final

from dl_experiments import agreement, folder, schema_check, source, taken
from dl_experiments.artifacts import RunDirectory
from dl_experiments.job import Job

Call = Callable[[Any], float | None]


@final
@dataclass(frozen=True)
class Finished:
    """A job whose run is finished.

    Attributes:
        changed: What differs now from what it was trained on, in words.
    """

    job: Job
    changed: Sequence[str]


def check(jobs: Sequence[Job]) -> None:
    """Refuse a command by what its configs say, before anything is looked up or imported.

    Raises:
        ValueError: One line that names the job, the key, the value and what is allowed.
    """
    for job in jobs:
        try:
            schema_check.check(job.config)
        except ValueError as error:
            raise named(job, error, len(jobs)) from error
    _check_distinct(jobs)
    for outputs in {job.config["paths"]["outputs"] for job in jobs}:
        check_outputs(outputs)


def named(job: Job, error: ValueError, jobs: int) -> ValueError:
    """A refusal that says which one it is about of a command's so many jobs."""
    label = job.words if jobs > 1 else ""
    return ValueError(f"{label}: {error}" if label else str(error))


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
    told = isinstance(outputs, str) and outputs
    try:
        folder = Path(str(outputs)).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"paths.outputs={outputs}: there is no such home folder") from error
    if not told or not writable(folder):
        raise ValueError(f"paths.outputs={outputs} must be a folder that can be written")


def writable(path: Path) -> bool:
    """Whether a folder, or the one that it would be made in, can be written."""
    existing = next(p for p in (path, *path.parents) if os.path.exists(p))
    return os.path.isdir(existing) and os.access(existing, os.W_OK | os.X_OK)


def decision(job: Job) -> folder.Decision:
    """What there is to do for a job.

    Raises:
        ValueError: See ``folder.decide``.
    """
    return "start" if job.config["rerun"] else folder.decide(job)


def compared(job: Job, data: object = None) -> Finished:
    """A finished run, held against what there is now.

    Args:
        job: Its run is finished.
        data: The record of its data as they are now; None: they are not looked at.
    """
    now = {"data": data, "code": source.code(job.config)}
    was = RunDirectory(job.path).read_provenance()
    return Finished(job, agreement.differences(was, now))


def notes(finished: Iterable[Finished]) -> list[str]:
    """A line for each way in which finished runs contradict what there is now."""
    words = Counter(" and ".join(one.changed) for one in finished if one.changed)
    return [
        f"{count} of those finished before {'was' if count == 1 else 'were'} trained on something "
        f"else: {what} differ; put that back, or train anew with rerun=true"
        for what, count in words.items()
    ]


def announcement(runs: int, parts: Sequence[str]) -> str:
    """What there is to do, in a line."""
    noun = "run" if runs == 1 else "runs"
    return f"{runs} {noun}{': ' if parts else ''}{', '.join(parts)}"


def nothing_to_do(jobs: Sequence[Job]) -> bool:
    """Whether all runs of a command are finished and are known to lack nothing.

    Args:
        jobs: Their configs are checked, see ``check``.

    Raises:
        ValueError: See ``decision``.
    """
    return all(decision(job) == "skip" and is_whole(job) for job in jobs)


def is_whole(job: Job) -> bool:
    """Whether a finished run is known to lack no measurement."""
    return taken.whole(job.config, RunDirectory(job.path))


def skipped(jobs: Sequence[Job]) -> list[Call]:
    """For a command with nothing to do: say so, and what to call for each job."""
    print(announcement(len(jobs), [f"{len(jobs)} finished before"]))
    print(*(f"{line}\n" for line in notes(compared(job) for job in jobs)), sep="", end="")
    for job in jobs:
        folder.tidy(job.path)
    return [partial(skip, job, print) for job in jobs]


def skip(job: Job, say: Callable[[str], object], _: Any) -> float | None:
    """Say that a run was finished before; its final test loss, None where that is not finite."""
    say(f"skipped, finished before: {job.path}")
    return RunDirectory(job.path).read_summary().get("test/loss")
