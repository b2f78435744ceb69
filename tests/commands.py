"""A script in a process of its own, which starts at once: what it imports is there already."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["train", "analyze"])


def command(
    script: Path, *words: str, cwd: Path, **more: str
) -> "subprocess.CompletedProcess[str]":
    """What ``python script words`` does; what is read while torch is imported has been.

    Args:
        script: What to run.
        words: Its arguments.
        cwd: Where.
        more: Variables of its environment.
    """
    with tempfile.TemporaryDirectory() as said:
        outs = [Path(said, name) for name in ("out", "err")]
        environment = {**os.environ, **more}
        process = _SERVER.Process(target=_main, args=(script, words, cwd, environment, outs))
        process.start()
        process.join()
        assert process.exitcode is not None
        out, err = (path.read_text() for path in outs)
    return subprocess.CompletedProcess([str(script), *words], process.exitcode, out, err)


def _main(
    script: Path,
    words: tuple[str, ...],
    cwd: Path,
    environment: Mapping[str, str],
    outs: list[Path],
) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(outs, start=1):
        handle = os.open(path, os.O_CREAT | os.O_WRONLY)
        os.dup2(handle, number)
        os.close(handle)
    paths = environment.get("PYTHONPATH", "")
    sys.path[:0] = [str(script.parent), *(path for path in paths.split(os.pathsep) if path)]
    sys.argv = [str(script), *words]
    runpy.run_path(str(script), run_name="__main__")
