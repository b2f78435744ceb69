"""Waiting for processes, and whether they live; quick to import."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 60.0  # seconds; a limit for what hangs, not for what is slow


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether ``condition`` came true before patience ran out."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    """Whether a process runs still; nobody may have waited for one that does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def killed() -> None:
    """In place of what a process begins with."""
    os.kill(os.getpid(), signal.SIGKILL)
