"""Standard output and error that outlive whoever reads them."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, final


@final
class _Lasting(io.FileIO):
    """Takes whatever is written, also where it goes nowhere: no reader, or a full disk."""

    def write(self, data: Any) -> Any:
        try:
            return super().write(data)
        except BlockingIOError:
            raise
        except OSError:
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


def _lasting(stream: TextIO | None) -> TextIO:
    if stream is None:  # the shell has closed it
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    raw = _Lasting(stream.fileno(), "w", closefd=False)
    terminal = stream.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=terminal or stream is sys.stderr,
    )
