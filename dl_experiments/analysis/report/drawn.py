"""Experiments analysed and their figures written, in several processes where there are many runs.

Figures take most of a report's time, and each experiment's have nothing to do with the others'.
"""

import os
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import Any, final

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.experiments import Experiment
from dl_experiments.analysis.findings import Drawing
from dl_experiments.analysis.report.event_files import write_images
from dl_experiments.analysis.report.freshness import Stamp, stamps
from dl_experiments.analysis.report.tables import write_cells
from dl_experiments.analysis.report.told import Told, failed, told
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.places import data_at
from dl_experiments.analysis.schema import AnalysisError

MANY = 100  # runs from which on starting processes takes less time than it saves
MOST = 4  # processes, each of which holds half a gigabyte
WRITTEN: dict[str, dict[str, Any]] = {
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}},
    "svg": {"metadata": {"Date": None}},
}
"""Format -> how; a tenth more bytes of a PNG take a third less time."""

Say = Callable[[str], None]
"""Takes a line on what is being done."""


@final
@dataclass(frozen=True)
class Task:
    """An experiment to be analysed.

    Attributes:
        experiment: With its analysis.
        runs: Of its study.
        options: What the analysis is told.
        folder: Where its figures go.
        dpi: Resolution of the PNGs.
        data: Where data sets are now; None: where the runs had them.
    """

    experiment: Experiment
    runs: Sequence[Run]
    options: Mapping[str, Any]
    folder: Path
    dpi: int
    data: str | None = None


@final
@dataclass(frozen=True)
class Drawn:
    """A section whose figures are written.

    Attributes:
        files: All that was written, each with its stamp.
        trace: What the analysis raised, with where; empty where it came to its end.
    """

    told: Told
    files: dict[Path, Stamp]
    trace: str = ""


@final
class Drawers:
    """Processes that draw, none of which lives longer than the ``with`` that it is used in.

    They load what drawing needs from when they start, which may be before there is anything to
    draw.

    Args:
        most: How many may share the work; 1: there are none.
    """

    def __init__(self, most: int = 1) -> None:
        self.count = min(MOST, most)
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Drawers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool and kind:
            for process in active_children():
                process.terminate()
        if self._pool:
            self._pool.shutdown()

    @property
    def pool(self) -> ProcessPoolExecutor:
        """The processes, which start with the first question."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.count, get_context("spawn"), _begin)
            for _ in range(self.count):
                self._pool.submit(_load)
        return self._pool

    def start(self, runs: int) -> None:
        """Start them if so many runs are worth it."""
        if runs >= MANY and self.count > 1:
            _ = self.pool


def draw(
    tasks: Sequence[Task], drawers: Drawers, say: Say = lambda line: None
) -> Iterator[tuple[int, Drawn]]:
    """Each of them with its place among them, as soon as it is drawn.

    Args:
        tasks: What there is to draw.
        drawers: Who may share the work of many runs.
        say: Told of each that is drawn.

    Raises:
        AnalysisError: Of an analysis.
    """
    left = dict(enumerate(tasks))
    shared = {place: task for place, task in left.items() if task.experiment.packaged}
    many = len({run.path for task in shared.values() for run in task.runs}) >= MANY
    if many and min(drawers.count, len(shared)) > 1:
        for place, drawn in _in_processes(shared, drawers, say):
            del left[place]
            yield place, drawn
    for place, task in left.items():
        say(f"drawing {task.experiment.name}")
        yield place, _draw(task)


def _in_processes(
    tasks: Mapping[int, Task], drawers: Drawers, say: Say
) -> Iterator[tuple[int, Drawn]]:
    """Their places, and what became of them; where a process was killed some are missing."""
    say(f"drawing {len(tasks)} experiments in {drawers.count} processes")
    longest = sorted(tasks, key=lambda place: -len(tasks[place].runs))
    with suppress(BrokenExecutor):
        places = {drawers.pool.submit(_draw, tasks[place]): place for place in longest}
        for count, ended in enumerate(as_completed(places), start=1):
            with suppress(BrokenExecutor):
                drawn = ended.result()
                name = tasks[places[ended]].experiment.name
                say(f"drawn {count} of {len(tasks)}: {name}")
                yield places[ended], drawn


def _load() -> None:
    """What most analyses load."""
    import torch  # noqa: F401


def _begin() -> None:
    """A process that lives no longer than the one that waits for it, which minds signals."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None
    Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _draw(task: Task) -> Drawn:
    """Analyse, and replace the folder's figures; what the analysis raises is told instead."""
    task.folder.mkdir(parents=True, exist_ok=True)
    try:
        with style.applied(), data_at(task.data):
            finding = task.experiment(task.runs, **task.options)
            _clear(task.folder)
            pictures = [_save(drawing, task.folder, task.dpi) for drawing in finding.drawings]
        return _write(task, told(task.experiment, finding), pictures)
    except AnalysisError:  # the user can put it right
        raise
    except Exception as error:
        trace = traceback.format_exc()
        _clear(task.folder)
        return _write(task, failed(task.experiment, task.runs, error), [], trace)


def _write(task: Task, section: Told, pictures: Sequence[Path], trace: str = "") -> Drawn:
    images = task.folder / "tensorboard"
    write_images(images, task.experiment.name, {path.stem: path for path in pictures})
    table = write_cells(section.table, task.folder / "numbers.csv")
    files = [*_drawn_before(task.folder), *images.iterdir(), table, section.write(task.folder)]
    return Drawn(section, stamps(files), trace)


def _clear(folder: Path) -> None:
    for old in _drawn_before(folder):
        old.unlink()


def _drawn_before(folder: Path) -> list[Path]:
    return [path for ending in WRITTEN for path in sorted(folder.glob(f"*.{ending}"))]


def _save(drawing: Drawing, folder: Path, dpi: int) -> Path:
    """Write a figure as PNG and SVG; the same figure gives the same bytes."""
    for ending in WRITTEN:
        buffer = BytesIO()
        drawing.figure.savefig(buffer, format=ending, dpi=dpi, **WRITTEN[ending])
        drawing.figure.set_layout_engine("none")  # laid out once, which is half of the work
        (folder / f"{drawing.name}.{ending}").write_bytes(buffer.getvalue())
    return folder / f"{drawing.name}.png"
