"""A worker process's side: does one work, tells its parent of it, and stops when it must."""

import ctypes
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar, final

from rich.file_proxy import FileProxy

from dl_experiments import stop
from dl_experiments.artifacts import Status
from dl_experiments.sweep.progress import Reporter

T = TypeVar("T")
Work = Callable[[Reporter], T]

_PAUSE = 0.1  # seconds between two reports of how far a unit is
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def main(work: Work[T], sender: Connection, inherited: list[Connection], parent: int) -> None:
    """The life of a worker. Nothing here touches the display, whose thread stayed behind.

    Args:
        work: What to do.
        sender: Takes ``(method of a Reporter, its values)``; at the end what the work returned or
            raised as ``outcome``, or ``interrupted`` and the signal that did.
        inherited: The parent's ends of pipes, which are no business of this process.
        parent: The process to live no longer than.
    """
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:  # which died before it could be watched
        os._exit(1)
    stop.forked()
    for receiver in inherited:
        receiver.close()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, FileProxy):  # it would print above the parent's bars
            setattr(sys, name, stream.rich_proxied_file)
    reporter = _Sender(sender)
    try:
        reporter.send("outcome", _outcome(work, reporter))
    except (stop.Stopped, KeyboardInterrupt):
        reporter.send("interrupted", stop.number())


def _outcome(work: Work[T], reporter: Reporter) -> T | Exception:
    try:
        result = work(reporter)
        ForkingPickler.dumps(result)
        return result
    except Exception as error:
        try:
            copy = ForkingPickler.loads(ForkingPickler.dumps(error))
            faithful = type(copy) is type(error) and str(copy) == str(error)
        except Exception:
            faithful = False
        text = " ".join(f"{type(error).__name__}: {error}".split())
        portable = error if faithful else RuntimeError(text)
        portable.add_note("".join(traceback.format_exception(error)))
        return portable


@final
class _Sender:
    """A ``Reporter`` at the worker's end of a pipe; what ``advance`` says is thinned out."""

    def __init__(self, sender: Connection) -> None:
        self._sender = sender
        self._unsent: float | None = None
        self._loss: float | None = None
        self._sent = -math.inf

    def begin(self, title: str, members: int, epochs: int, updates: int) -> None:
        self.send("begin", title, members, epochs, updates)

    def advance(self, epochs: float, loss: float | None = None) -> None:
        stop.point(stop.GRACE)
        self._unsent = epochs
        self._loss = self._loss if loss is None else loss
        if time.monotonic() - self._sent >= _PAUSE:
            self._flush()

    def ended(self, name: str, status: Status, seconds: float, values: Mapping[str, float]) -> None:
        self.send("ended", name, status, seconds, dict(values))

    def failed(self, message: str) -> None:
        self.send("failed", message)

    def say(self, line: str) -> None:
        self.send("say", line)

    def close(self) -> None:
        self.send("close")

    def send(self, name: str, *values: Any) -> None:
        """Call a method of the reporter at the other end, after all that was said before."""
        self._flush()
        self._sender.send((name, values))

    def _flush(self) -> None:
        if self._unsent is not None:
            self._sender.send(("advance", (self._unsent, self._loss)))
            self._unsent, self._sent = None, time.monotonic()
