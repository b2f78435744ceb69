"""How a command is asked to end: a signal sets a flag, which is looked at at chosen points.

INT, TERM and HUP ask. Before anything trains, the first ends the command on the spot. From then on
(``defer``) nothing is raised by a handler, which may be called inside a ``__del__`` or between any
two lines: those who train come to a ``point`` now and then, and end there with a checkpoint. The
second signal ends at once. One handler stands from ``watching`` to its end, in this process and in
its forks, so there is no instant in which a signal does something else.
"""

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import final

from dl_experiments import streams

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = "interrupted; the same command goes on from here"
GRACE = 1.0
"""Seconds within which an epoch may still end, so that none of it is lost."""


@final
class Stopped(BaseException):
    """The command is to end. No ``KeyboardInterrupt``, as Lightning makes its own end of that."""


@dataclass
class _Watch:
    """What stands while a command is watched.

    Attributes:
        process: The one that watches; its forks only note what they are sent.
        number: The first signal.
        count: How many have come.
        since: When the first came, on the monotonic clock.
        deferred: Whether the handler raises nothing.
        attended: Whether somebody waits who will see to the second signal as well.
        waker: Can be read when a signal has come.
    """

    process: int
    waker: socket.socket
    number: int = 0
    count: int = 0
    since: float = 0.0
    deferred: bool = False
    attended: bool = False


_watch: _Watch | None = None


@contextmanager
def watching() -> Iterator[None]:
    """Be asked by signals from here on; within another ``watching`` nothing more happens.

    A signal that is ignored (as in a background job, or under ``nohup``) stays so. Signals can only
    be handled in the main thread; elsewhere this does nothing.
    """
    global _watch
    if _watch is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    receiver, sender = socket.socketpair()
    receiver.setblocking(False)
    sender.setblocking(False)
    _watch = _Watch(os.getpid(), receiver)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    waker = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    _handle_all()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(waker)
        _watch = None
        receiver.close()
        sender.close()


@contextmanager
def command() -> Iterator[None]:
    """The life of a command: it is asked to end by signals, and outlives who reads what it says."""
    with streams.lasting(), watching():
        try:
            yield
        except (KeyboardInterrupt, Stopped):
            print(INTERRUPTED, file=sys.stderr)
            raise SystemExit(128 + number()) from None


def _handle_all() -> None:
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def _handle(number: int, frame: FrameType | None) -> None:
    watch = _watch
    if watch is None:
        return
    _note(watch, number)
    if os.getpid() != watch.process:
        return
    if not watch.deferred:
        raise Stopped
    if watch.count > 2 or (watch.count == 2 and not watch.attended):
        if os.isatty(2):
            os.write(2, b"\033[?25h")  # the cursor, which bars had hidden
        os._exit(128 + watch.number)


def _note(watch: _Watch, number: int) -> None:
    if watch.count == 0:
        watch.number, watch.since = number, time.monotonic()
    watch.count += 1


def note(number: int) -> None:
    """A worker says that it was asked to end by this signal; that counts for all."""
    if _watch is not None and not asked():
        _note(_watch, number)


def defer() -> None:
    """Training begins: from here on signals are only noted."""
    if _watch is not None:
        _watch.deferred = True


def restore() -> None:
    """Handle the signals again, where somebody else (Lightning's Trainer) has taken them."""
    if _watch is not None and threading.current_thread() is threading.main_thread():
        _handle_all()


@contextmanager
def blocked() -> Iterator[None]:
    """Fork in here: what is sent meanwhile comes afterwards, in the fork with ``forked``."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def forked() -> None:
    """In a fork that was made in ``blocked``: its signals come, and wake nobody but itself."""
    if _watch is not None:
        signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def asked() -> bool:
    """Whether the command is to end."""
    return _watch is not None and _watch.count > 0


def forced() -> bool:
    """Whether it is to end at once."""
    return _watch is not None and _watch.count > 1


def number() -> int:
    """The signal that asked first; INT where none did."""
    return (_watch.number if _watch is not None else 0) or int(signal.SIGINT)


def point(grace: float = 0.0) -> None:
    """Nothing is half done here.

    Args:
        grace: Seconds since the signal within which there is a better point still to come.

    Raises:
        Stopped: The command is to end.
    """
    if _watch is not None and _watch.count and time.monotonic() - _watch.since >= grace:
        raise Stopped


def pause(seconds: float) -> None:
    """Wait.

    Raises:
        Stopped: The command is to end.
    """
    with attended() as wakers:
        point()
        if wakers:
            ready, _, _ = select.select(wakers, [], [], seconds)
            for waker in ready:
                awake(waker)
        else:
            time.sleep(seconds)
    point()


@contextmanager
def attended() -> Iterator[list[socket.socket]]:
    """Wait in here and look at ``forced`` whenever woken.

    Yields:
        What can be read when a signal has come, to be given to ``awake``.
    """
    watch = _watch
    if watch is None or os.getpid() != watch.process:
        yield []
        return
    before, watch.attended = watch.attended, True
    try:
        yield [watch.waker]
    finally:
        watch.attended = before


def awake(waker: socket.socket) -> None:
    """Take what has woken whoever waited."""
    with suppress(BlockingIOError):
        waker.recv(4096)
