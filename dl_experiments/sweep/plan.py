"""From the configs of a command to what is trained: all checked first, then one after another."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from dl_experiments import build, run
from dl_experiments.build import Config
from dl_experiments.identity import run_id
from dl_experiments.sweep.progress import Display


@final
@dataclass(frozen=True)
class Cell:
    """One job of a sweep: its resolved config, and the overrides that lead to it."""

    config: Config
    overrides: Sequence[str]


def check(cells: Sequence[Cell]) -> None:
    """Refuse a sweep with an impossible cell, before anything is trained or downloaded.

    Raises:
        ValueError: One line that names the cell, the key, the value and what is allowed.
    """
    for cell in cells:
        try:
            build.check(cell.config)
        except ValueError as error:
            label = " ".join(cell.overrides) if len(cells) > 1 else ""
            raise ValueError(f"{label}: {error}" if label else str(error)) from error
    _check_distinct(cells)
    for outputs in {cell.config["paths"]["outputs"] for cell in cells}:
        check_outputs(outputs)
    _show_fetching()
    fetched = set()
    for cell in cells:
        key = (cell.config["data"].get("name"), cell.config["paths"]["data"])
        if key not in fetched:
            build.data(cell.config).prepare_data()
            fetched.add(key)


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
        same = [" ".join(c.overrides) for c in cells if run_id(c.config) == identity]
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
    """Check a sweep whole, then say for each cell what to call, in any order and one at a time.

    Each call trains its run, unless that is finished, and returns the final test loss (None
    where that is not finite).

    Raises:
        ValueError: See ``check``.
    """
    check(cells)
    decisions = [run.decide(cell.config) for cell in cells]
    display = Display(len(cells) - decisions.count("skip"))
    noun = "run" if len(cells) == 1 else "runs"
    finished, resumed = decisions.count("skip"), decisions.count("resume")
    notes = [f"{finished} finished before"] * (finished > 0) + [f"{resumed} resumed"] * (
        resumed > 0
    )
    display.say(f"{len(cells)} {noun}{': ' if notes else ''}{', '.join(notes)}")
    return [_job(cell, display) for cell in cells]


def _job(cell: Cell, display: Display) -> Callable[[Any], float | None]:
    def call(_: Any) -> float | None:
        config = cell.config
        files = run.directory(config)
        if run.decide(config) == "skip":
            measured = run.catch_up(config)
            did = "measured what was missing" if measured else "skipped"
            display.say(f"{did}, finished before: {files.path}")
            return run.read_summary(files).get("test/loss")
        try:
            display.begin(files.path.name, config["trainer"]["max_epochs"])
            status = run.execute(config, cell.overrides, display)
        except run.RunFailed as error:
            display.fail(str(error))
            raise
        except BaseException:
            display.stop()
            raise
        display.end(files.path.name, status)
        return run.read_summary(files).get("test/loss")

    return call
