"""What nets know of the test set where they are equally well trained."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.quantities import Quantity, worst_of
from dl_experiments.analysis.runs.scales import PERCENT


def at_equal_loss(ones: Sequence[Run], others: Sequence[Run]) -> Quantity:
    """Test accuracy in percent where two runs of a seed first have one training loss.

    That is the lowest which both reach. A run has no such number where its seed has no other.
    """
    sides = [{run.seed: run for run in runs if run.completed} for runs in (ones, others)]
    values: dict[Path, float] = {}
    for seed in set(sides[0]) & set(sides[1]):
        pair = [side[seed] for side in sides]
        common = max(_lowest(run) for run in pair)
        values |= {run.path: 100 * at_loss(run, common) for run in pair}
    worst = worst_of("test/accuracy")

    def bound(run: Run) -> float | None:
        chance = worst(run)
        return None if chance is None else 100 * chance

    name = "test accuracy at equal training loss"
    return Quantity(name, lambda run: values.get(run.path), PERCENT, "%", bound)


def alone(ones: Sequence[Run], others: Sequence[Run]) -> str:
    """As in "2 seeds without a partner left out"; empty where all have one."""
    sides = [{run.seed for run in runs if run.completed} for runs in (ones, others)]
    count = len(sides[0] ^ sides[1]) if all(sides) else 0
    return f"{count} seed{'s' * (count > 1)} without a partner left out" if count else ""


def at_loss(run: Run, loss: float) -> float:
    """The test accuracy where a run's training loss first comes down to a loss; nan: it does not.

    Between two records it is taken to go along with the logarithm of the loss.
    """
    at, losses = run.curve("train/loss")
    tested, accuracies = run.curve("test/accuracy")
    both = np.intersect1d(at, tested)
    losses, accuracies = losses[np.isin(at, both)], accuracies[np.isin(tested, both)]
    there = np.flatnonzero(losses <= loss)
    if not len(there):
        return float("nan")
    place = int(there[0])
    if place == 0 or losses[place] <= 0 or loss <= 0:
        return float(accuracies[place])
    ends = slice(place - 1, place + 1)
    return float(np.interp(-np.log(loss), -np.log(losses[ends]), accuracies[ends]))


def _lowest(run: Run) -> float:
    losses = run.curve("train/loss")[1]
    return float(np.min(losses, initial=np.inf))
