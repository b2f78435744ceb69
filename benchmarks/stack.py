"""Stacks of any number of members, trained in this process by what a sweep's workers call."""

import tempfile
import time
from collections.abc import Sequence
from typing import final

from benchmarks import ours
from benchmarks.harness import Contestant
from dl_experiments import build
from dl_experiments.job import Job
from dl_experiments.sweep import unit
from dl_experiments.sweep.grouping import MOST_MEMBERS
from dl_experiments.sweep.progress import Silent
from dl_experiments.sweep.unit import Unit


def stack(overrides: Sequence[str], members: int, short: int, long: int) -> Contestant:
    """Seconds a model and step of a stack on one core, or on a GPU.

    The clock runs between two epochs of one training, so that starting up is not in it.

    Args:
        overrides: What is trained; without ``trainer.max_epochs`` and ``seed``. Both ends of the
            time must be logged epochs: then nothing is under way on a GPU.
        members: How many models; one after the other in stacks of what a sweep allows.
        short: Epochs done when the clock starts.
        long: Epochs in all.

    Raises:
        NotMeasured: The data cannot be had.
    """
    module, network, _ = ours.parts(overrides)
    device = next(network.parameters()).device.type

    def seconds() -> float:
        with tempfile.TemporaryDirectory() as outputs:
            where = [f"trainer.max_epochs={long}", f"paths.outputs={outputs}"]
            config = ours.config([*overrides, *where])
            jobs = [Job(config | {"seed": seed}, overrides) for seed in range(members)]
            most = MOST_MEMBERS[build.device(config).type]
            elapsed = sum(
                _elapsed(jobs[begin : begin + most], short, long)
                for begin in range(0, members, most)
            )
        return elapsed / (long - short) / module.updates / members

    return Contestant(seconds, "1 core" if device == "cpu" else "1 GPU")


def _elapsed(jobs: Sequence[Job], short: int, long: int) -> float:
    clock = _Clock(short, long)
    errors = [error for error in unit.train(Unit(jobs, 1), clock) if error is not None]
    assert not errors, errors[0]
    return clock.times[long] - clock.times[short]


@final
class _Clock(Silent):
    """Notes when epochs are done and evaluated."""

    def __init__(self, *epochs: int) -> None:
        self.epochs = epochs
        self.times: dict[float, float] = {}

    def advance(self, epochs: float, loss: float | None = None) -> None:
        """See ``Reporter``; a loss comes with what is evaluated."""
        if loss is not None and epochs in self.epochs:
            self.times.setdefault(epochs, time.perf_counter())
