"""Experiments analysed and their figures written, in several processes where there are many runs.

Figures take most of a report's time, and each experiment's have nothing to do with the others'.
"""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import final

from matplotlib.figure import Figure

from dl_experiments.analysis import style
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.findings import FORMATS, Finding, save
from dl_experiments.analysis.freshness import Stamp, stamps
from dl_experiments.analysis.images import write_images

Analysis = Callable[[Sequence[Run]], Finding]

MANY = 100  # runs from which on starting processes takes less time than it saves
MOST = 4  # processes, each of which holds half a gigabyte


@final
@dataclass(frozen=True)
class Task:
    """An experiment to be analysed.

    Attributes:
        analyse: Maps its runs to what there is to say; a function that another process can find.
        runs: Of its study.
        folder: Where its figures go.
        dpi: Resolution of the PNGs.
    """

    analyse: Analysis
    runs: Sequence[Run]
    folder: Path
    dpi: int


@final
@dataclass(frozen=True)
class Drawn:
    """An experiment whose figures are written, and only their widths left in the finding.

    Attributes:
        pictures: Name of a figure -> its PNG.
        files: All that was written, each with its stamp.
    """

    finding: Finding
    pictures: dict[str, Path]
    files: dict[Path, Stamp]


def draw(tasks: Sequence[Task], processes: int = 1) -> list[Drawn]:
    """Each of them, in their order.

    Args:
        tasks: What there is to draw.
        processes: How many may share the work of many runs; 1: it is all done in this one.

    Raises:
        AnalysisError: Of an analysis.
    """
    workers = min(MOST, processes, len(tasks))
    many = len({run.path for task in tasks for run in task.runs}) >= MANY
    made = _in_processes(tasks, workers) if many and workers > 1 else {}
    every = [made.get(place) or _draw(task) for place, task in enumerate(tasks)]
    return [
        replace(one, finding=replace(one.finding, runs=one.finding.runs or task.runs))
        for one, task in zip(every, tasks, strict=True)
    ]


def _in_processes(tasks: Sequence[Task], workers: int) -> dict[int, Drawn]:
    """Place in ``tasks`` -> what became of it; where a process was killed some are missing."""
    made: dict[int, Drawn] = {}
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin) as pool:
        try:
            for place, one in enumerate([pool.submit(_draw, task) for task in tasks]):
                with suppress(BrokenExecutor):
                    made[place] = one.result()
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
    """Analyse, and replace the folder's figures."""
    with style.applied():
        finding = task.analyse(task.runs)
        task.folder.mkdir(parents=True, exist_ok=True)
        for ending in FORMATS:
            for old in task.folder.glob(f"*.{ending}"):
                old.unlink()
        saved = {drawing.name: save(drawing, task.folder, task.dpi) for drawing in finding.drawings}
    table = task.folder / "numbers.csv"
    finding.numbers.to_csv(table, index=False)
    pictures = {name: paths[0] for name, paths in saved.items()}
    images = task.folder / "tensorboard"
    write_images(images, finding.name, pictures)
    files = [*(path for paths in saved.values() for path in paths), table, *images.iterdir()]
    left = [
        replace(drawing, figure=Figure((drawing.figure.get_figwidth(), 1)))
        for drawing in finding.drawings
    ]
    own = [] if finding.runs is task.runs else finding.runs
    return Drawn(replace(finding, drawings=left, runs=own), pictures, stamps(files))
