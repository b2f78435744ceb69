"""Shows a sweep while it runs: bars on a terminal, plain lines elsewhere."""

import math
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol, final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from dl_experiments.artifacts import Status

_BLANK = ("", "", "", "")  # count, speed, time left, loss
_TICK = 0.125  # seconds between two drawings; one takes a few milliseconds


class Reporter(Protocol):
    """What a unit (a stack of runs, or one run) tells whoever watches.

    Arguments can be pickled: a unit may run in another process.
    """

    def begin(self, title: str, members: int, epochs: int, updates: int) -> None:
        """A unit of so many runs starts; ``updates`` is what one run makes in one epoch."""

    def advance(self, epochs: float, loss: float | None = None) -> None:
        """So many epochs are done, a fraction included; may be called at every update.

        Args:
            epochs: Since the start of training; a resumed unit says first where it resumes.
            loss: The last training loss, the median of the members.
        """

    def ended(self, name: str, status: Status, seconds: float, values: Mapping[str, float]) -> None:
        """One run is finished: completed or diverged."""

    def failed(self, message: str) -> None:
        """One run raised."""

    def say(self, line: str) -> None:
        """Print a line."""

    def close(self) -> None:
        """The unit is over and its bar goes; a second call does nothing."""


class Silent:
    """Tells nobody; a base for what wants to hear of some things only."""

    def begin(self, title: str, members: int, epochs: int, updates: int) -> None:
        """See ``Reporter``."""

    def advance(self, epochs: float, loss: float | None = None) -> None:
        """See ``Reporter``."""

    def ended(self, name: str, status: Status, seconds: float, values: Mapping[str, float]) -> None:
        """See ``Reporter``."""

    def failed(self, message: str) -> None:
        """See ``Reporter``."""

    def say(self, line: str) -> None:
        """See ``Reporter``."""

    def close(self) -> None:
        """See ``Reporter``."""


@final
class Display:
    """The terminal's view of one command.

    On a terminal: a bar for the sweep (runs done, time left) and one for each unit in progress.
    Elsewhere: a line when a stack begins and when a run ends.

    Args:
        runs: How many runs will be trained.
        console: Where to write.

    Attributes:
        lock: Held whenever the display moves. Who holds it may fork: no lock below it, such as
            rich's or a stream's, is then held by a thread that the new process lacks.
    """

    def __init__(self, runs: int, console: Console | None = None) -> None:
        self.runs = runs
        self.console = console or Console(highlight=False)
        self._done = 0
        self._work = _Work(runs)
        self._units: dict[_Unit, TaskID] = {}
        self.lock = threading.RLock()
        self._over = threading.Event()
        self._progress = Progress(
            _Title(),
            BarColumn(24 if self.console.width >= 110 else 8),
            *(TextColumn(f"{{task.fields[cells][{i}]}}", markup=False) for i in range(4)),
            console=self.console,
            auto_refresh=False,  # rich's own thread may hold its locks while a worker is forked
            transient=True,
            disable=not self.console.is_interactive,
        )

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        with self.lock:
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def elsewhere(self, name: str) -> None:
        """One run was finished by another process."""
        self._count(f"{name}  finished by another process")

    def unit(self) -> Reporter:
        """A reporter with a bar of its own."""
        return _Unit(self)

    def stop(self) -> None:
        """Leave the terminal as it was; the bars do not come back."""
        with self.lock:
            if not self._over.is_set():
                self._progress.stop()
                self._over.set()

    def _begin(self, unit: "_Unit") -> None:
        with self.lock:
            self._work.begin(unit)
            if not self._progress.disable and not self._over.is_set():
                self._add_bar(unit)
            elif unit.members > 1:
                self.say(f"stack of {unit.members}: {unit.title}")

    def _add_bar(self, unit: "_Unit") -> None:
        if not self._progress.tasks:
            self._progress.start()
            threading.Thread(target=self._tick, daemon=True).start()
            shown = self.runs > 1
            self._sweep = self._progress.add_task("sweep", total=1, visible=shown, cells=_BLANK)
        title = f"{unit.members} × {unit.title}" if unit.members > 1 else unit.title
        self._units[unit] = self._progress.add_task(title, total=unit.epochs, cells=_BLANK)
        self._draw()

    def _end(self, unit: "_Unit") -> None:
        with self.lock:
            self._work.end(unit)
            if unit in self._units:
                self._progress.remove_task(self._units.pop(unit))

    def _count(self, line: str) -> None:
        """One run less to wait for; the bars go with the last, as rich cannot restart them."""
        with self.lock:
            self._done += 1
            self.say(f"[{self._done}/{self.runs}] {line}")
            if self._done == self.runs:
                self.stop()

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            with self.lock:
                if not self._over.is_set():
                    self._draw()

    def _draw(self) -> None:
        """Bring what the units said last to the bars, and those to the terminal."""
        cells = (f"{self._done}/{self.runs} runs", *self._work.clocks(), "")
        self._progress.update(self._sweep, completed=self._work.fraction(), cells=cells)
        tasks = {task.id: task for task in self._progress.tasks}
        for unit, bar in self._units.items():
            self._progress.update(bar, completed=unit.done)
            self._progress.update(bar, cells=unit.cells(tasks[bar]))
        self._progress.refresh()


@final
class _Unit:
    """A ``Reporter`` whose words reach a display in its own process."""

    def __init__(self, display: Display) -> None:
        self._display, self._open = display, False
        self.done = 0.0
        self.loss: float | None = None

    def begin(self, title: str, members: int, epochs: int, updates: int) -> None:
        """See ``Reporter``."""
        self.title, self.members, self.epochs, self.updates = title, members, epochs, updates
        self._open = True
        self._display._begin(self)

    def advance(self, epochs: float, loss: float | None = None) -> None:
        """See ``Reporter``; the display looks here a few times a second."""
        self.done, self.loss = epochs, self.loss if loss is None else loss

    def cells(self, task: Task) -> tuple[str, str, str, str]:
        """What stands beside the bar."""
        steps = (task.speed or 0) * self.updates * self.members
        return (
            f"{math.floor(self.done)}/{self.epochs} epochs",
            f"{_short(steps)} steps/s" if steps else "",
            f"{_clock(task.time_remaining)} left",
            "" if self.loss is None else f"loss {self.loss:.3g}",
        )

    def ended(self, name: str, status: Status, seconds: float, values: Mapping[str, float]) -> None:
        """See ``Reporter``."""
        numbers = "".join(f"  {key} {value:.4g}" for key, value in values.items())
        how = f"{status.state} at epoch {status.epoch}"
        self._display._count(f"{name}  {how}  {seconds:.1f} s{numbers}")

    def failed(self, message: str) -> None:
        """See ``Reporter``."""
        self._display._count(f"failed  {message}")

    def say(self, line: str) -> None:
        """See ``Reporter``."""
        self._display.say(line)

    def close(self) -> None:
        """See ``Reporter``."""
        if self._open:
            self._open = False
            self._display._end(self)


@final
class _Work:
    """How much of a sweep is done, in epochs of one run, and how long the rest will take.

    Runs that have not begun are taken to be as long as those that have; an ended unit counts
    whole, as what it left undone will not be done.
    """

    def __init__(self, runs: int) -> None:
        self._runs, self._begun_runs, self._begun, self._ended = runs, 0, 0, 0
        self._units: list[_Unit] = []
        self._started = time.monotonic()

    def begin(self, unit: _Unit) -> None:
        self._units.append(unit)
        self._begun_runs += unit.members
        self._begun += unit.members * unit.epochs

    def end(self, unit: _Unit) -> None:
        self._units.remove(unit)
        self._ended += unit.members * unit.epochs

    def fraction(self) -> float:
        done = self._ended + sum(unit.members * unit.done for unit in self._units)
        return done / self._begun * self._begun_runs / self._runs if self._begun else 0.0

    def clocks(self) -> tuple[str, str]:
        """The time since the start, and the time left."""
        elapsed, done = time.monotonic() - self._started, self.fraction()
        left = elapsed * (1 - done) / done if done else None
        return f"{_clock(elapsed)} elapsed", f"{_clock(left)} left"


@final
class _Title(ProgressColumn):
    """A bar's title, the one column that gives way on a narrow terminal."""

    def render(self, task: Task) -> Text:
        return Text(task.description, overflow="ellipsis", no_wrap=True)


def _clock(seconds: float | None) -> str:
    return "-:--:--" if seconds is None else str(timedelta(seconds=math.ceil(seconds)))


def _short(number: float) -> str:
    """Three digits and a unit: 61.2k."""
    for unit in ("", "k", "M"):
        if number < 999.5:
            return f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:.3g}G"
