"""Shows a sweep while it runs: a bar for the run and a line for the sweep, or plain lines."""

import time
from collections.abc import Mapping, Sequence
from typing import final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from dl_experiments.artifacts import Status


@final
class Display:
    """The terminal's view of one command.

    On a terminal: one bar for the run in progress (its epochs, its last losses) under one for
    the sweep (runs done, time left). Elsewhere: a line when a run ends.

    Args:
        runs: How many runs will be trained.
        console: Where to write.
    """

    def __init__(self, runs: int, console: Console | None = None) -> None:
        self.runs = runs
        self.console = console or Console(soft_wrap=True, highlight=False)
        self._done = 0
        self._epoch = 0
        self._started = time.monotonic()
        self._values: Mapping[str, float] = {}
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._sweep = self._bars.add_task("sweep", total=runs, note="")
        self._run = self._bars.add_task("", total=1, note="", visible=False)

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self.console.print(line, markup=False)

    def begin(self, name: str, max_epochs: int) -> None:
        """A run starts."""
        self._bars.start()
        self._started, self._values, self._epoch = time.monotonic(), {}, 0
        described = f"run {self._done + 1} of {self.runs}  {name}"
        self._bars.reset(self._run, description=described, total=max_epochs, visible=True, note="")

    def end(self, name: str, status: Status) -> None:
        """The run ended."""
        seconds = time.monotonic() - self._started
        self._count()
        numbers = "".join(f"  {key} {value:.4g}" for key, value in self._values.items())
        self.say(
            f"[{self._done}/{self.runs}] {name}  {status.state} at epoch {status.epoch}"
            f"  {seconds:.1f} s{numbers}"
        )

    def fail(self, message: str) -> None:
        """The run raised."""
        self._count()
        self.say(f"[{self._done}/{self.runs}] failed  {message}")

    def _count(self) -> None:
        """One run less to wait for; the bars go with the last, as rich cannot restart them."""
        self._done += 1
        self._bars.update(self._sweep, completed=self._done)
        if self._done == self.runs:
            self.stop()

    def stop(self) -> None:
        """Leave the terminal as it was."""
        self._bars.stop()

    def open(self, columns: Sequence[str]) -> None:
        """See ``Sink``."""

    def row(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """See ``Sink``."""
        self._values, self._epoch = values, epoch
        loss = f"train/loss {values['train/loss']:.4g}"
        self._bars.update(self._run, completed=epoch, note=loss)

    def close(self) -> None:
        """See ``Sink``."""

    def heartbeat(self, epochs: float) -> None:
        """See ``run.Progress``."""
        self._bars.update(self._run, completed=round(epochs, 1))
