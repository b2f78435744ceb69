"""The units of a sweep on their way: which are done, and what is tried again in halves."""

import resource
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import final

from dl_experiments.sweep import grouping, unit
from dl_experiments.sweep.member import Divided
from dl_experiments.sweep.progress import Display
from dl_experiments.sweep.unit import Unit
from dl_experiments.sweep.workers import Died, Pool


@final
class Training:
    """Trains units when the first result is asked for.

    Args:
        units: All that is to be trained.
        display: Shows it.
    """

    def __init__(self, units: Sequence[Unit], display: Display) -> None:
        self._display = display
        self._errors: dict[Path, str | None] = {}
        self._paths = {job.path for one in units for job in one.jobs}
        self._todo = list(units)
        self._submitted: dict[int, Unit] = {}
        self._pool: Pool[list[str | None]] | None = None

    def __contains__(self, path: Path) -> bool:
        return path in self._paths

    def result(self, path: Path) -> str | None:
        """What went wrong with a run, in one line; None where nothing did.

        Raises:
            KeyboardInterrupt: All units are interrupted.
        """
        if self._pool is None:
            self._pool = self._start()
        try:
            while path not in self._errors:
                self._take(self._pool, *self._pool.wait())
        except BaseException:
            self._pool.close()
            self._display.stop()
            raise
        return self._errors[path]

    def _start(self) -> Pool[list[str | None]]:
        config = self._todo[0].jobs[0].config
        workers = grouping.worker_count(config, len(self._todo))
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a member has three files open
        pool = Pool[list[str | None]](self._display, workers)
        for one in self._todo:
            self._submit(pool, one)
        return pool

    def _submit(self, pool: Pool[list[str | None]], one: Unit) -> None:
        self._submitted[pool.submit(partial(unit.train, one))] = one

    def _take(
        self, pool: Pool[list[str | None]], ticket: int, outcome: list[str | None] | Exception
    ) -> None:
        one = self._submitted.pop(ticket)
        if isinstance(outcome, Divided | Died) and len(one.jobs) > 1:
            self._display.say(f"a stack of {len(one.jobs)} is tried again in halves: {outcome}")
            for half in one.halves():
                self._submit(pool, half)
            return
        if isinstance(outcome, Exception):
            text = " ".join(f"{type(outcome).__name__}: {outcome}".split())
            outcome = [self._lost(f"{job.path}: {text}") for job in one.jobs]
        for job, error in zip(one.jobs, outcome, strict=True):
            self._errors[job.path] = error

    def _lost(self, message: str) -> str:
        self._display.unit().failed(message)
        return message
