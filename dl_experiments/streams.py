"""Standard output and error that outlive whoever reads them."""

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, final

_GONE = (errno.EPIPE, errno.EIO)  # a pipe that is closed, a terminal that is


@final
class _Lasting(io.FileIO):
    """Takes whatever is written, also when nobody reads it any more."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in (
                errno.EPIPE,
                errno.EIO,
            ):  # a closed pipe, a terminal that is gone
                raise
            return memoryview(data).nbytes


@contextmanager
def lasting() -> Iterator[None]:
    """A closed pipe (``| head -1``) or terminal silences what is printed, and ends nothing."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_lasting(stream) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


def _lasting(stream: TextIO) -> TextIO:
    stream.flush()
    raw = _Lasting(stream.fileno(), "w", closefd=False)
    terminal = stream.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=terminal or stream is sys.stderr,
    )
