"""Runs that differ in the size of the net: by parameter count, when they are read, and trends.

What hw1_3_parameters and its variants, and hw1_3_double_descent, have in common.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from dl_experiments.analysis.claims.forms import Group
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import is_classification, usable
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.quantities import Quantity, last, scale_of
from dl_experiments.analysis.runs.quantities import final as settled

COUNT = "model/parameters"
LOSS = "train/loss"
NEAR = 0.2  # how far from the epoch asked for a reading may be taken
FEWEST = 3  # sizes that a trend takes, and a peak
QUARTER = 0.25

Sizes = dict[int, Grid]
"""Parameter count -> runs, the smallest net first."""

Samples = dict[int, Sizes]
"""Training images -> sizes, the fewest images first."""


@final
@dataclass(frozen=True)
class Reading:
    """When a run is read.

    Attributes:
        name: In words, as in "after 10 epochs".
        of: Metric -> what a run has there.
        aimed: Whether the training loss there is the one at which training was told to stop, so
            that it says nothing about the net.
        missing: Why there is nothing to read; empty where there is.
        through: That some runs had stopped by themselves before; empty where none had.
    """

    name: str
    of: Callable[[str], Quantity]
    aimed: bool = False
    missing: str = ""
    through: str = ""


def after(epochs: int, runs: Sequence[Run]) -> Reading:
    """After so many epochs, or the nearest within a fifth at which all runs have a row.

    A run that was through earlier is read where it stopped.
    """
    near = [at for run in runs if run.completed for at in run.shared(LOSS)[0]]
    near = [at for at in near if abs(at - epochs) <= NEAR * epochs]
    taken = int(min(near, key=lambda at: (abs(at - epochs), at))) if near else epochs
    done = [run for run in runs if run.completed]
    through = sum(run.stopped and run.rows[-1]["epoch"] < taken for run in done)

    def of(metric: str) -> Quantity:
        def outcome(run: Run) -> float | None:
            at, values = run.shared(metric)
            then = values[at == taken]
            if len(then):
                return float(then[0])
            return float(values[-1]) if run.stopped and len(at) and at[-1] < taken else None

        return Quantity(metric, outcome, scale_of(metric))

    missing = "" if near or through else f"epoch {epochs} was not recorded"
    said = f"{through} of {len(done)} runs had stopped at their target before" if through else ""
    name = f"after {taken} epoch{'' if taken == 1 else 's'}"
    return Reading(name, of, missing=missing, through=said)


def where_stopped(name: str) -> Reading:
    """The last recorded epoch, of runs that stop at a target."""
    return Reading(name, lambda metric: replace(last(metric), name=metric), aimed=True)


def at_the_end(runs: Sequence[Run]) -> Reading:
    """Where runs end that all have the same number of epochs."""
    limits = sorted({int(run.get("trainer.max_epochs")) for run in runs})
    return Reading(f"after {' or '.join(f'{limit:,}' for limit in limits)} epochs", settled)


def by_size(runs: Sequence[Run]) -> Sizes:
    """Runs by the parameter count of their net.

    Those whose net nobody has counted are left out, and of several nets with one count all but the
    first that a run is of: they are not one net.
    """
    counts = {_net(run): int(run.summary[COUNT]) for run in runs if COUNT in run.summary}
    first: dict[int, str] = {}
    for run in runs:
        if _net(run) in counts:
            first.setdefault(counts[_net(run)], _net(run))
    one_each = Grid(runs).only(lambda run: _net(run) in first.values())
    return one_each.along(lambda run: counts[_net(run)])


def image_runs(runs: Sequence[Run]) -> tuple[Grid, list[str]]:
    """The runs on images whose number and classes are known, and a sentence on the others."""

    def known(run: Run) -> bool:
        return is_classification(run) and bool(run.training_samples and run.classes)

    return usable(runs, known, "not on a known image set")


def by_images(runs: Sequence[Run]) -> Samples:
    """Runs by number of training images and by size; images without a counted net are left out."""
    found = Grid(runs).along(lambda run: run.training_samples)
    by_images = {samples: by_size(members) for samples, members in found.items()}
    return {samples: sizes for samples, sizes in by_images.items() if sizes}


def hidden(runs: Sequence[Run]) -> str:
    """The widths of a net's dense layers, as in "500" or "64, 32"; empty where it says none."""
    widths = runs[0].get("model.hidden")
    return ", ".join(f"{width:,}" for width in widths) if isinstance(widths, list) else ""


def nets(sizes: Sizes) -> list[Group]:
    """What is compared in a claim on all sizes."""
    return [Group(runs, f"{count:,} parameters") for count, runs in sizes.items()]


def few(sizes: Sizes) -> str:
    """Why there is neither trend nor peak: too few sizes; empty where there are enough."""
    return f"only {len(sizes)} sizes, and it takes {FEWEST}" if len(sizes) < FEWEST else ""


def last_gain(_: np.ndarray, values: np.ndarray) -> float | None:
    """Mean of the last quarter of values [n] less that of the quarter before; None below 3.

    A quarter of n is round(n/4) of them, at least one.
    """
    few = max(1, round(QUARTER * len(values)))
    if len(values) < FEWEST:
        return None
    return float(values[-few:].mean() - values[-2 * few : -few].mean())


def uncounted(runs: Sequence[Run], sizes: Mapping[int, Sequence[Run]]) -> list[str]:
    """Sentences on the runs that are in none of the sizes; none, none."""
    kept = {run.path for members in sizes.values() for run in members}
    lost = [run for run in runs if run.path not in kept]
    known = {_net(run) for run in runs if COUNT in run.summary}
    equal = sum(_net(run) in known for run in lost)
    reasons = {
        "whose net has no parameter count yet": len(lost) - equal,
        "whose net has as many parameters as another": equal,
    }
    return [
        f"Left out: {count} run{'' if count == 1 else 's'} {why}."
        for why, count in reasons.items()
        if count
    ]


def _net(run: Run) -> str:
    """What tells its net from others, whatever neutral keys its config is too old to have."""
    keys = {key: found for key, found in run.science.items() if key.startswith("model.")}
    return json.dumps([keys, run.data], sort_keys=True)
