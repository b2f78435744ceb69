"""From the configs of a command to what is trained: all checked first, then grouped."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from dl_experiments import build, run
from dl_experiments.attempt import set_aside
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.identity import run_id
from dl_experiments.sweep import grouping, inspection
from dl_experiments.sweep.grouping import Todo
from dl_experiments.sweep.inspection import Seen
from dl_experiments.sweep.progress import Display
from dl_experiments.sweep.training import Training
from dl_experiments.sweep.unit import Cell as Cell
from dl_experiments.sweep.unit import Unit
from dl_experiments.tasks.task import Task


def check(cells: Sequence[Cell]) -> tuple[list[tuple[InMemoryDataModule, Task]], list[Seen]]:
    """Refuse a sweep with an impossible cell, before anything is trained.

    Returns:
        Each cell's data and task, see ``build.check``, and what was seen of it.

    Raises:
        ValueError: One line that names the cell, the key, the value and what is allowed.
    """
    parts = []
    for cell in cells:
        try:
            parts.append(build.check(cell.config))
        except ValueError as error:
            label = cell.words if len(cells) > 1 else ""
            raise ValueError(f"{label}: {error}" if label else str(error)) from error
    _check_distinct(cells)
    for outputs in {cell.config["paths"]["outputs"] for cell in cells}:
        check_outputs(outputs)
    _show_fetching()
    return parts, inspection.inspect(cells)


def _show_fetching() -> None:
    """Print what the data modules log (what is fetched from where), once a process."""
    logger = logging.getLogger("dl_experiments.data")
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())


def _check_distinct(cells: Sequence[Cell]) -> None:
    counts = Counter(run_id(cell.config) for cell in cells)
    identity, count = counts.most_common(1)[0]
    if count > 1:
        same = [c.words for c in cells if run_id(c.config) == identity]
        raise ValueError(
            f"{count} jobs of this sweep are the same run: {same[0]!r} and {same[1]!r}; "
            "what distinguishes them is overridden or changes nothing"
        )


def check_outputs(outputs: object) -> None:
    """Refuse an outputs folder that cannot be written.

    Raises:
        ValueError: It, or the folder it would be made in, cannot.
    """
    if isinstance(outputs, str) and outputs:
        path = Path(outputs).expanduser().absolute()
        existing = next(p for p in (path, *path.parents) if p.exists())
        if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
            return
    raise ValueError(f"paths.outputs={outputs} must be a folder that can be written")


def plan(cells: Sequence[Cell]) -> list[Callable[[Any], float | None]]:
    """Check a sweep whole, then say for each cell what to call, one at a time.

    A call may train more than its own run, in a stack or in worker processes beside it; a later
    one then finds its run finished. Each returns its run's final test loss (None where that is
    not finite).

    Raises:
        ValueError: See ``check``.
    """
    torch.set_num_threads(1)  # a process that ran parallel kernels cannot be forked safely
    parts, seen = check(cells)
    todos = [
        Todo(one.cell, *part, one.epoch)
        for one, part in zip(seen, parts, strict=True)
        if one.decision != "skip"
    ]
    units = grouping.units(todos) if todos else []
    for cell in cells:
        if cell.config["rerun"]:
            set_aside(cell.config)
    display = Display(len(todos))
    for line in [*_announcement([one.decision for one in seen], units), *inspection.notes(seen)]:
        display.say(line)
    training = Training(units, display)
    return [partial(_call, cell, training, display) for cell in cells]


def _announcement(decisions: Sequence[run.Decision], units: Sequence[Unit]) -> list[str]:
    """What there is to do, and which runs are not in a stack and why."""
    cells, finished, resumed = len(decisions), decisions.count("skip"), decisions.count("resume")
    notes = [f"{finished} finished before"] * (finished > 0)
    notes += [f"{resumed} resumed"] * (resumed > 0)
    stacks = [str(len(unit.cells)) for unit in units if len(unit.cells) > 1]
    notes += [f"in stacks of {', '.join(stacks)}"] * bool(stacks)
    noun = "run" if cells == 1 else "runs"
    why = Counter(unit.why for unit in units if unit.why) if stacks else Counter()
    return [
        f"{cells} {noun}{': ' if notes else ''}{', '.join(notes)}",
        *(f"{count} alone: {reason}" for reason, count in why.items()),
    ]


def _call(cell: Cell, training: Training, display: Display, _: Any) -> float | None:
    if cell.path in training:
        error = training.result(cell.path)
        if error is not None:
            raise run.RunFailed(error)
    else:
        measured = run.catch_up(cell.config)
        did = "measured what was missing" if measured else "skipped"
        display.say(f"{did}, finished before: {cell.path}")
    return run.read_summary(run.directory(cell.config)).get("test/loss")
