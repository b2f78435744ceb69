"""What a command costs before or without any training, against ``import torch`` alone."""

import atexit
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from benchmarks.command import ROOT
from benchmarks.harness import Comparison, Contestant, Row, Target

TURNS = 5
_TORCH = "import torch"
# Row -> what it is, the words, the exit code, and the most it may take of torch's time.
_ROWS: dict[str, tuple[str, list[str], int, float]] = {
    "start-help": ("`train.py --help`", ["--help"], 0, 0.5),
    "start-typo": ("a typo in a key of ours", ["trainer.max_epoch=3"], 2, 1.0),
    "start-node": ("a typo in a key of torch's", ["+optimizer.momentun=1"], 2, 2.0),
    "start-finished": ("a run that is finished", [], 0, 1.0),
    "start-500-finished": ("500 runs that are finished", ["-m", "seed=range(0,500)"], 0, 2.5),
    "start-500": ("500 runs of one epoch on sinc", ["-m", "seed=range(0,500)"], 0, 8.0),
}
_TINY = ["data=sinc", "trainer.max_epochs=1", "trainer.accelerator=cpu"]


def _contestant(words: Sequence[str], code: int, finished: bool) -> Contestant:
    """Seconds of a whole command, from the shell and back.

    Args:
        words: Of the command line.
        code: The exit code that is due.
        finished: Whether its runs are there already.
    """

    def seconds() -> float:
        if finished:
            return _run(["train.py", *words, *_TINY, f"paths.outputs={_finished(*words)}"], code)
        with tempfile.TemporaryDirectory() as outputs:
            more = [] if "--help" in words else [*_TINY, f"paths.outputs={outputs}"]
            return _run(["train.py", *words, *more], code)

    return Contestant(seconds)


@cache
def _finished(*words: str) -> Path:
    """A folder in which these runs are finished; gone when the benchmark ends."""
    outputs = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, outputs)
    _run(["train.py", *words, *_TINY, f"paths.outputs={outputs}"], 0)
    return Path(outputs)


def _run(arguments: Sequence[str], code: int) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - started
    if done.returncode != code:
        raise RuntimeError(f"{arguments} exited with {done.returncode}: {done.stderr[-2000:]}")
    return took


def starts(quick: bool) -> Mapping[str, Contestant]:
    """All of them, and torch's import."""
    found = {"torch": Contestant(lambda: _run(["-c", _TORCH], 0))}
    for name, (_, words, code, _) in _ROWS.items():
        few = [word.replace("500", "3") if quick else word for word in words]
        found[name] = _contestant(few, code, name.endswith("finished"))
    return found


FRONT_DOOR = [
    Comparison(
        [
            Row(
                name,
                f"{title}: the whole command over `python -c 'import torch'`",
                name,
                "torch",
                Target("at most", most),
            )
            for name, (title, _, _, most) in _ROWS.items()
        ],
        starts,
        TURNS,
    )
]
