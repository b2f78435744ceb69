"""Another process that has a run."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOLD = """
import sys
from pathlib import Path
from dl_experiments import claims
claim = claims.take(Path(sys.argv[1]))
print("held", flush=True)
if sys.stdin.read() == "release":
    claim.release()
"""


class Holder:
    """Has a run until it is told to give it back, or dies."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"

    def release(self) -> None:
        """Give the run back."""
        self.process.communicate("release")

    def kill(self) -> None:
        """End without a word."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def holding(path: Path) -> Iterator[Holder]:
    """Meanwhile another process has the run in this folder."""
    holder = Holder(path)
    try:
        yield holder
    finally:
        holder.kill()
