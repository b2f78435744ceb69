"""Scripts in processes of their own that start at once: what they import is there already."""

import atexit
import multiprocessing
import os
import runpy
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

IMPORTED = ["train", "analyze"]
IMPORTED += ["dl_experiments.sweep.plan", "dl_experiments.sweep.training"]  # once they are to train
IMPORTED += ["dl_experiments.analysis.pipeline"]  # once they are to draw

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(IMPORTED)


@dataclass(frozen=True)
class Said:
    """How a script has ended: its exit code, or less the signal's number, and what it said."""

    returncode: int
    stdout: str
    stderr: str


class Running:
    """``python script words``, leader of a group of its own.

    Args:
        script: What to run.
        words: Its arguments.
        cwd: Where.
        more: Variables of its environment; torch has been imported without them.
    """

    def __init__(self, script: Path, *words: str, cwd: Path, **more: str) -> None:
        self._folder = Path(tempfile.mkdtemp())
        self._said = [self._folder / name for name in ("out", "err")]
        rest = (script, words, cwd, {**os.environ, **more}, self._said)
        self._process = _SERVER.Process(target=_main, args=rest)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def is_alive(self) -> bool:
        """Whether it runs still."""
        return self._process.is_alive()

    def end(self, timeout: float | None = None) -> Said:
        """Wait for it; one that is not over in time is killed.

        Raises:
            TimeoutError: It was not over in time.
        """
        self._process.join(timeout)
        late = self.is_alive()
        out, err = (path.read_text() for path in self._said)
        self.close()
        if late:
            raise TimeoutError(out + err)
        assert self._process.exitcode is not None
        return Said(self._process.exitcode, out, err)

    def close(self) -> None:
        """Nothing of it is left."""
        if self.is_alive():
            os.killpg(self.pid, signal.SIGKILL)
            self._process.join()
        shutil.rmtree(self._folder, ignore_errors=True)


def command(script: Path, *words: str, cwd: Path, **more: str) -> Said:
    """One that is waited for; see ``Running``."""
    return Running(script, *words, cwd=cwd, **more).end()


def _main(
    script: Path, words: list[str], cwd: Path, environment: Mapping[str, str], said: list[Path]
) -> None:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(said, start=1):
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(handle, number)
        os.close(handle)
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [str(script.parent), *filter(None, paths)]
    sys.argv = [str(script), *words]
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        atexit._run_exitfuncs()
