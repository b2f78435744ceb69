"""Experiments analysed and their figures written, in several processes where there are many runs.

Figures take most of a report's time, and each experiment's have nothing to do with the others'.
"""

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import final

from matplotlib.figure import Figure

from dl_experiments.analysis import style
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.findings import FORMATS, Finding, save
from dl_experiments.analysis.freshness import Stamp, stamps
from dl_experiments.analysis.images import write_images
from dl_experiments.machine import available_cores

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


def draw(tasks: Sequence[Task]) -> list[Drawn]:
    """Each of them, in their order.

    Raises:
        AnalysisError: Of an analysis.
    """
    made = _in_processes(tasks) if _are_many(tasks) else [_draw(task) for task in tasks]
    return [
        replace(one, finding=replace(one.finding, runs=one.finding.runs or task.runs))
        for one, task in zip(made, tasks, strict=True)
    ]


def _are_many(tasks: Sequence[Task]) -> bool:
    several = min(available_cores(), len(tasks)) > 1
    return several and len({run.path for task in tasks for run in task.runs}) >= MANY


def _in_processes(tasks: Sequence[Task]) -> list[Drawn]:
    workers = min(MOST, available_cores(), len(tasks))
    with ProcessPoolExecutor(workers, get_context("spawn"), _leave_signals_to_others) as pool:
        try:
            return list(pool.map(_draw, tasks))
        except BaseException:
            for process in active_children():
                process.terminate()
            raise


def _leave_signals_to_others() -> None:
    """An interrupt is for the process that waits, which says so and ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
