"""A sweep as its user starts it: ``python train.py -m ...``, a process of its own."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import ours
from benchmarks.harness import Contestant, count

ROOT = Path(__file__).resolve().parents[1]

_TRAIN = """
sys.argv[0] = "train.py"
runpy.run_path("train.py", run_name="__main__")
"""
UNTRIED = f"""
import runpy, sys
from dl_experiments.sweep import proof
proof.equal = lambda config, train: ""
{_TRAIN}"""
"""``train.py`` that takes what a stack does not know to be equal."""
CLAIMS_TIMED = f"""
import atexit, multiprocessing, resource, runpy, sys, time
from dl_experiments import claims
spent = multiprocessing.Value("d", 0.0)
def timed(act):
    def call(*arguments):
        started = time.thread_time()
        try:
            return act(*arguments)
        finally:
            with spent.get_lock():
                spent.value += time.thread_time() - started
    return call
claims.take, claims.free = timed(claims.take), timed(claims.free)
claims.Claim.look, claims.Claim.release = timed(claims.Claim.look), timed(claims.Claim.release)
def tell():
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    print(sum(sum(resource.getrusage(who)[:2]) for who in whose), spent.value)
atexit.register(tell)
{_TRAIN}"""
"""``train.py`` that says at its end what processor time it took, and what of that for claims."""
_COMPILE = """
import time, torch
from dl_experiments.sweep import kernel
started = time.perf_counter()
print(kernel.load(torch.float32) is not None, time.perf_counter() - started)
"""


def command(
    overrides: Sequence[str], seeds: int, short: int, long: int, compiles: bool = False
) -> Contestant:
    """Seconds a model and step of a sweep over seeds.

    Args:
        overrides: What is trained; without ``trainer.max_epochs`` and ``seed``.
        seeds: How many models.
        short: Epochs of a first command, whose time is taken off.
        long: Epochs of a second one.
        compiles: Whether it uses the compiled kernel.

    Raises:
        NotMeasured: The data cannot be had.
    """
    updates = ours.parts(overrides)[0].updates
    starts: list[float] = []

    def seconds() -> float:
        start, epoch = ours.start_and_epoch(partial(train, overrides, seeds), short, long)
        starts.append(start)
        return epoch / updates / seeds

    def once() -> Mapping[str, float]:
        compiling = compile_seconds() if compiles else None
        known = {} if compiling is None else {"compiling": compiling}
        return {"start-up": statistics.median(starts), **known}

    return Contestant(seconds, count(seeds, "model"), once)


def whole(overrides: Sequence[str], seeds: int, epochs: int, script: str = "") -> Contestant:
    """Seconds of a whole command over seeds, from the shell and back.

    Args:
        overrides: What is trained; without ``trainer.max_epochs`` and ``seed``.
        seeds: How many models.
        epochs: Of each.
        script: What stands in for ``train.py``.
    """
    start = ["-c", script] if script else []

    def seconds() -> float:
        started = time.perf_counter()
        train(overrides, seeds, epochs, start)
        return time.perf_counter() - started

    return Contestant(seconds, count(seeds, "model"))


def claims_cost(overrides: Sequence[str], seeds: int, epochs: int) -> Mapping[str, Contestant]:
    """Processor seconds of a whole command over seeds, with its claims and less what they took.

    Args:
        overrides: What is trained; without ``trainer.max_epochs`` and ``seed``.
        seeds: How many models.
        epochs: Of each.
    """
    spent: list[float] = []

    def seconds() -> float:
        said = train(overrides, seeds, epochs, ["-c", CLAIMS_TIMED])
        total, claims = map(float, said.splitlines()[-1].split())
        spent.append(total - claims)
        return total

    detail = count(seeds, "model")
    return {
        "claimed": Contestant(seconds, detail),
        "unclaimed": Contestant(lambda: spent[-1], detail),
    }


def train(overrides: Sequence[str], seeds: int, epochs: int, script: Sequence[str] = ()) -> str:
    """Run the command on the processor, in an outputs folder that is gone afterwards.

    Returns:
        What it said.
    """
    with tempfile.TemporaryDirectory() as outputs:
        sweep = [f"seed=range(0,{seeds})", f"trainer.max_epochs={epochs}"]
        where = ["trainer.accelerator=cpu", f"paths.outputs={outputs}"]
        said = _python([*(script or ["train.py"]), "-m", *overrides, *sweep, *where])
        completed = len(list(Path(outputs).glob("*/*/summary.json")))
        assert completed == seeds, f"{completed} of {seeds} runs are there"
    return said


def compile_seconds() -> float | None:
    """Seconds of making the kernel with an empty cache; None: there is no compiler."""
    with tempfile.TemporaryDirectory() as cache:
        made, seconds = _python(["-c", _COMPILE], XDG_CACHE_HOME=cache).split()
    return float(seconds) if made == "True" else None


def _python(arguments: Sequence[str], **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{arguments} exited with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
