"""Experiments analysed and their figures written, in several processes where there are many runs.

Figures take most of a report's time, and each experiment's have nothing to do with the others'.
"""

import os
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
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
from dl_experiments.analysis.schema import AnalysisError

MANY = 100  # runs from which on starting processes takes less time than it saves
MOST = 4  # processes, each of which holds half a gigabyte
FORMATS = ("png", "svg")

Say = Callable[[str], None]
"""Takes a line on what is being done."""


@final
@dataclass(frozen=True)
class Task:
    """An experiment to be analysed.

    Attributes:
        experiment: With its analysis, a function that another process can find.
        runs: Of its study.
        options: What the analysis is told.
        folder: Where its figures go.
        dpi: Resolution of the PNGs.
    """

    experiment: Experiment
    runs: Sequence[Run]
    options: Mapping[str, Any]
    folder: Path
    dpi: int


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


def draw(tasks: Sequence[Task], processes: int = 1, say: Say = lambda line: None) -> list[Drawn]:
    """Each of them, in their order.

    Args:
        tasks: What there is to draw.
        processes: How many may share the work of many runs; 1: it is all done in this one.
        say: Told of each that is drawn.

    Raises:
        AnalysisError: Of an analysis.
    """
    workers = min(MOST, processes, len(tasks))
    many = len({run.path for task in tasks for run in task.runs}) >= MANY
    made = _in_processes(tasks, workers, say) if many and workers > 1 else {}
    return [made.get(place) or _told_of(task, say) for place, task in enumerate(tasks)]


def _told_of(task: Task, say: Say) -> Drawn:
    say(f"drawing {task.experiment.name}")
    return _draw(task)


def _in_processes(tasks: Sequence[Task], workers: int, say: Say) -> dict[int, Drawn]:
    """Place in ``tasks`` -> what became of it; where a process was killed some are missing."""
    made: dict[int, Drawn] = {}
    say(f"drawing {len(tasks)} experiments in {workers} processes")
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin) as pool:
        longest = sorted(range(len(tasks)), key=lambda place: -len(tasks[place].runs))
        places = {pool.submit(_draw, tasks[place]): place for place in longest}
        try:
            for ended in as_completed(places):
                with suppress(BrokenExecutor):
                    made[places[ended]] = ended.result()
                    name = tasks[places[ended]].experiment.name
                    say(f"drawn {len(made)} of {len(tasks)}: {name}")
        except BaseException:
            for process in active_children():
                process.terminate()
            raise
    return made


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
    for old in _drawn_before(task.folder):
        old.unlink()
    try:
        with style.applied():
            finding = task.experiment(task.runs, **task.options)
            pictures = [_save(drawing, task.folder, task.dpi) for drawing in finding.drawings]
        section, trace = told(task.experiment, finding), ""
    except AnalysisError:  # the user can put it right
        raise
    except Exception as error:
        section, trace = failed(task.experiment, task.runs, error), traceback.format_exc()
        pictures = []
    images = task.folder / "tensorboard"
    write_images(images, task.experiment.name, {path.stem: path for path in pictures})
    table = write_cells(section.table, task.folder / "numbers.csv")
    files = [*_drawn_before(task.folder), *images.iterdir(), table, section.write(task.folder)]
    return Drawn(section, stamps(files), trace)


def _drawn_before(folder: Path) -> list[Path]:
    return [path for ending in FORMATS for path in sorted(folder.glob(f"*.{ending}"))]


def _save(drawing: Drawing, folder: Path, dpi: int) -> Path:
    """Write a figure as PNG and SVG; the same figure gives the same bytes."""
    for ending in FORMATS:
        buffer = BytesIO()
        metadata = {"Date": None} if ending == "svg" else {"Software": None}
        drawing.figure.savefig(buffer, format=ending, dpi=dpi, metadata=metadata)
        drawing.figure.set_layout_engine("none")  # laid out once, which is half of the work
        (folder / f"{drawing.name}.{ending}").write_bytes(buffer.getvalue())
    return folder / f"{drawing.name}.png"
