"""Runs the units of a sweep side by side, each in a process of its own."""

import os
import signal
import sys
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from socket import socket
from typing import Generic, final

from dl_experiments import stop
from dl_experiments.sweep.progress import Display, Reporter
from dl_experiments.sweep.worker import T, Work, main


@final
class Died(Exception):
    """A worker process ended without a result.

    Attributes:
        exit_code: What it exited with; None where a signal ended it.
        signal: The signal that ended it, or None.
    """

    def __init__(self, status: int) -> None:
        self.exit_code = status if status >= 0 else None
        self.signal = -status if status < 0 else None
        how = f"exited with code {status}"
        if self.signal is not None:
            names = {int(s): s.name for s in signal.Signals}
            how = f"was killed by {names.get(self.signal, f'signal {self.signal}')}"
            if self.signal == signal.SIGKILL:
                how += ", perhaps for want of memory"
        super().__init__(f"the worker process {how}")


@final
@dataclass(eq=False)
class _Worker(Generic[T]):
    """A process, as its parent sees it."""

    ticket: int
    process: BaseProcess
    reporter: Reporter
    outcome: tuple[T | Exception] | None = None
    told: bool = False

    def tell(self, number: int) -> None:
        """Ask it to end, once; it may be asked by others as well."""
        if not self.told:
            self.told = True
            if self.process.is_alive() and self.process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(self.process.pid, number)


@final
class Pool(Generic[T]):
    """Calls works, at most ``workers`` at once, and hands back what they return.

    With one worker a work runs in this process, inside ``wait``. With more (on Linux only) each
    runs in a fork of this process, so it may be a closure; what it returns must be picklable. The
    parent must not have run parallel torch kernels before: GNU OpenMP hangs in a fork of a process
    that has, unless the work sets one thread.

    A signal that asks this process or one of the workers to end (see ``stop``) reaches all workers,
    and their works end at their next point; a second one kills them. A worker does not outlive this
    process. For the main thread only.

    Args:
        display: Shows each work's reports.
        workers: How many works run at once.
    """

    def __init__(self, display: Display, workers: int) -> None:
        assert workers >= 1
        assert workers == 1 or sys.platform == "linux", "processes need Linux"
        self._display, self._workers = display, workers
        self._tickets = 0
        self._queue: deque[tuple[int, Work[T]]] = deque()
        self._running: dict[Connection, _Worker[T]] = {}
        self._done: deque[tuple[int, T | Exception]] = deque()
        self._watching = ExitStack()
        self._watching.enter_context(stop.watching())
        stop.defer()

    def __enter__(self) -> "Pool[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, work: Work[T]) -> int:
        """Queue a work; works start in this order.

        Returns:
            Its ticket.
        """
        self._tickets += 1
        self._queue.append((self._tickets, work))
        if self._workers > 1:
            self._fill()
        return self._tickets

    def wait(self) -> tuple[int, T | Exception]:
        """The next work that is done, of those submitted and not yet handed back.

        Returns:
            Its ticket, and what it returned, or what it raised (a ``RuntimeError`` with the same
            text where that cannot be pickled), or ``Died``.

        Raises:
            KeyboardInterrupt: This process or a work was asked to end; all works are over.
        """
        if self._workers == 1:
            return self._call(*self._queue.popleft())
        while not self._done and not stop.asked():
            self._fill()
            assert self._running, "nothing to wait for"
            self._pump()
        if stop.asked():
            self.close()
            raise KeyboardInterrupt
        return self._done.popleft()

    def close(self) -> None:
        """Ask the works that are running to end, wait for that, forget the others."""
        self._queue.clear()
        while self._running:
            for worker in self._running.values():
                worker.tell(stop.number() if stop.asked() else signal.SIGTERM)
                if stop.forced():
                    worker.process.kill()
            self._pump()
        self._watching.close()

    def _call(self, ticket: int, work: Work[T]) -> tuple[int, T | Exception]:
        reporter = self._display.unit()
        try:
            stop.point()
            return ticket, work(reporter)
        except Exception as error:
            return ticket, error
        except stop.Stopped:
            raise KeyboardInterrupt from None
        finally:
            reporter.close()

    def _fill(self) -> None:
        while self._queue and len(self._running) < self._workers and not stop.asked():
            self._start(*self._queue.popleft())

    def _start(self, ticket: int, work: Work[T]) -> None:
        fork = get_context("fork")
        receiver, sender = fork.Pipe(duplex=False)
        process = fork.Process(
            target=main, args=(work, sender, [receiver, *self._running], os.getpid())
        )
        with stop.blocked(), self._display.lock:  # a fork forgets what it was sent before
            process.start()
        self._running[receiver] = _Worker(ticket, process, self._display.unit())
        sender.close()

    def _pump(self) -> None:
        """Wait for messages and take one from each worker that has any; a signal ends it too."""
        with stop.attended() as wakers:
            ready = connection.wait([*self._running, *wakers])
        for receiver in ready:
            if isinstance(receiver, socket):
                stop.awake(receiver)
                continue
            assert isinstance(receiver, Connection)
            worker = self._running[receiver]
            try:
                name, values = receiver.recv()
            except (EOFError, OSError):  # the process is gone, perhaps in the middle of a message
                self._finish(receiver)
                continue
            if name == "outcome":
                worker.outcome = values
            elif name == "interrupted":
                stop.note(*values)
            else:
                getattr(worker.reporter, name)(*values)

    def _finish(self, receiver: Connection) -> None:
        worker = self._running[receiver]
        worker.process.join()
        status = worker.process.exitcode
        assert status is not None
        del self._running[receiver]
        receiver.close()
        worker.process.close()
        worker.reporter.close()
        (outcome,) = worker.outcome or (Died(status),)
        self._done.append((worker.ticket, outcome))
