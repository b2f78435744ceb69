"""The units of a sweep on their way: done, tried again in halves, or left to another process."""

import resource
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import final

from dl_experiments import claims, leases, stop
from dl_experiments.folder import RunFailed, RunTaken, is_finished, line, tidy
from dl_experiments.job import Job
from dl_experiments.sweep import grouping, unit
from dl_experiments.sweep.member import Divided
from dl_experiments.sweep.progress import Display
from dl_experiments.sweep.unit import Unit
from dl_experiments.sweep.workers import Died, Pool

Outcome = list[RunFailed | None] | bool
"""Of a unit: what went wrong with each of its runs; of a measurement: whether one was missing."""
POLL = 1.0
"""Seconds between two looks at runs that another process trains."""


@final
class Training:
    """Trains units when the first result is asked for.

    What another process is training is left to that, and waited for at the end; if that process
    goes away before it has finished, it is trained here.

    Args:
        units: All that is to be trained.
        finished: Runs of which a measurement may be missing, which is taken.
        display: Shows it.
    """

    def __init__(self, units: Sequence[Unit], finished: Sequence[Job], display: Display) -> None:
        self._display = display
        self._errors: dict[Path, str | None] = {}
        self._paths = {job.path for one in units for job in one.jobs}
        self._paths |= {job.path for job in finished}
        self._units, self._finished = list(units), list(finished)
        self._submitted: dict[int, Unit] = {}
        self._measuring: dict[int, Job] = {}
        self._elsewhere: list[Unit] = []
        self._rounds = 0
        self._pool: Pool[Outcome] | None = None

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
            while self._units:
                self._submit(self._pool, self._units.pop(0))
            while self._finished:
                self._measure(self._pool, self._finished.pop(0))
            while path not in self._errors:
                if self._submitted or self._measuring:
                    self._take(self._pool, *self._pool.wait())
                else:
                    self._wait(self._pool)
            if self._paths <= self._errors.keys():
                self._pool.close()
        except BaseException:
            self._pool.close()
            self._display.stop()
            raise
        return self._errors[path]

    def _start(self) -> Pool[Outcome]:
        jobs = [*(one.jobs[0] for one in self._units), *self._finished]
        workers = grouping.worker_count(jobs[0].config, len(jobs))
        _allow_files()
        return Pool[Outcome](self._display, workers)

    def _submit(self, pool: Pool[Outcome], one: Unit) -> None:
        self._submitted[pool.submit(partial(unit.train, one))] = one

    def _measure(self, pool: Pool[Outcome], job: Job) -> None:
        self._measuring[pool.submit(partial(unit.catch_up, job))] = job

    def _take(self, pool: Pool[Outcome], ticket: int, outcome: Outcome | Exception) -> None:
        if ticket in self._measuring:
            self._measured(self._measuring.pop(ticket), outcome)
            return
        one = self._submitted.pop(ticket)
        if isinstance(outcome, Divided | Died):
            self._errors.update(outcome.failed if isinstance(outcome, Divided) else {})
            for job in one.jobs:
                if is_finished(job.path):
                    self._errors[job.path] = None
                    tidy(job.path)
            for folder in {job.path.parent for job in one.jobs}:
                leases.sweep(folder)  # of the worker, if it was killed when it had no run any more
            left = one.only([job for job in one.jobs if job.path not in self._errors])
            if len(one.jobs) > 1 or not left.jobs:
                if left.jobs:
                    size = len(one.jobs)
                    self._display.say(f"a stack of {size} is tried again in halves: {outcome}")
                for half in left.halves():
                    if half.jobs:
                        self._submit(pool, half)
                return
        if isinstance(outcome, Exception):
            outcome = [self._lost(line(job.path, outcome)) for job in one.jobs]
        assert isinstance(outcome, list)
        for job, error in zip(one.jobs, outcome, strict=True):
            if not isinstance(error, RunTaken):
                self._errors[job.path] = None if error is None else str(error)
        if taken := [j for j, e in zip(one.jobs, outcome, strict=True) if isinstance(e, RunTaken)]:
            self._elsewhere.append(one.only(taken))

    def _measured(self, job: Job, outcome: Outcome | Exception) -> None:
        error = None
        if isinstance(outcome, RunFailed):
            error = str(outcome)
        elif isinstance(outcome, Exception):
            error = line(job.path, outcome)
        elif outcome:
            self._display.say(f"measured what was missing, finished before: {job.path}")
        self._errors[job.path] = error

    def _wait(self, pool: Pool[Outcome]) -> None:
        """Look what has become of runs that other processes have; go on with those that are free.

        Raises:
            Stopped: The command is to end.
        """
        if self._rounds:
            stop.pause(POLL)
        self._rounds += 1
        for one in self._elsewhere:
            for job in one.jobs:
                if is_finished(job.path):
                    self._display.elsewhere(job.path.name)
                    self._measure(pool, job)  # which that command may not have been asked for
        over = {job.path for job in self._measuring.values()}
        left, self._elsewhere = self._elsewhere, []
        for one in left:
            waiting = [job for job in one.jobs if job.path not in over]
            free = [job for job in waiting if claims.free(job.path)]
            if free:
                self._submit(pool, one.only(free))
            if others := [job for job in waiting if job not in free]:
                self._elsewhere.append(one.only(others))
        if self._elsewhere and self._rounds == 1:
            count = sum(len(one.jobs) for one in self._elsewhere)
            self._display.say(f"waiting for {count} that another process is training")

    def _lost(self, message: str) -> RunFailed:
        self._display.unit().failed(message)
        return RunFailed(message)


def _allow_files() -> None:
    """As many open files as there may be, as a member has three; macOS takes no infinite number."""
    soft = most = resource.RLIM_INFINITY
    with suppress(ValueError, OSError):
        soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (most, 2**16, 10240):
        with suppress(ValueError, OSError):
            if soft != resource.RLIM_INFINITY and (wanted == most or wanted > soft):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
            return
