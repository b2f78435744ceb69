"""What is read off a run, on which scale it lies, and how it is said.

Only completed runs have a value, and only a finite one counts; the others are for a claim to count
(see ``claims``).
"""

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import interval, number, percent
from dl_experiments.analysis.runs.scales import LINEAR, LOG, OFTEN, PERCENT, SHARE, SIZE, Scale
from dl_experiments.analysis.runs.statistics import Estimate, settled

Outcome = Callable[[Run], float | None]
Curve = Callable[[Run], tuple[np.ndarray, np.ndarray]]
"""Epochs [t] and values [t] of what a run has recorded, or of what follows from that."""


@typing.final
@dataclass(frozen=True)
class Quantity:
    """A number of a run.

    Attributes:
        name: As in "final test/loss".
        of: Reads it; None where the run has none.
        scale: On which its seeds lie evenly.
        unit: Of a level; empty where it has none.
        worst: What a diverged run counts as, at best; None where nothing tells.
    """

    name: str
    of: Outcome
    scale: Scale = LINEAR
    unit: str = ""
    worst: Outcome = lambda run: None

    def __call__(self, run: Run) -> float | None:
        """Its value of one run."""
        return self.of(run)

    def level(self, runs: Sequence[Run]) -> Estimate | None:
        """Over the seeds of a group, None where no completed run has one."""
        return self.over(by_seed(runs, self))

    def over(self, values: Mapping[int, float]) -> Estimate | None:
        """The same of values by seed."""
        return self.scale.level(np.array(list(values.values()))) if values else None

    def difference(self, ones: Sequence[Run], others: Sequence[Run]) -> Estimate | None:
        """How much more a group has than another, None where one of them has no value."""
        return self.between(by_seed(ones, self), by_seed(others, self))

    def between(self, a: Mapping[int, float], b: Mapping[int, float]) -> Estimate | None:
        """The same of values by seed."""
        if self.scale is LOG and not all(max(side.values(), default=0) > 0 for side in (a, b)):
            return None
        return self.scale.difference(a, b) if a and b else None

    def lost(self, runs: Sequence[Run]) -> dict[int, float | None]:
        """Seed -> what it counts as, at best, of the runs that diverged; see ``worst``."""
        counted = by_seed(runs, self)
        gone = [run for run in runs if run.status.state == "diverged" or _is_infinite(self, run)]
        return {run.seed: self.worst(run) for run in gone if run.seed not in counted}

    def counted(self, runs: Sequence[Run]) -> dict[int, float]:
        """Seed -> value, at its bound where the run diverged and has one."""
        bounds = {seed: value for seed, value in self.lost(runs).items() if value is not None}
        return bounds | by_seed(runs, self)

    def turned(
        self,
        into: Callable[[float], float | None],
        name: str,
        scale: Scale = LINEAR,
        unit: str = "",
    ) -> "Quantity":
        """What follows from it, of a run as of its bound."""

        def after(of: Outcome) -> Outcome:
            def outcome(run: Run) -> float | None:
                value = of(run)
                return None if value is None else into(value)

            return outcome

        return Quantity(name, after(self.of), scale, unit, after(self.worst))

    def words(self, runs: Sequence[Run]) -> str:
        """Its level for people, with what the number leaves out."""
        found = self.level(runs)
        if found and self.scale is OFTEN:
            return f"{round(found.value * found.n)} of {found.n}"
        text = interval(found, percent if self.scale is SHARE else number)
        done = sum(run.completed for run in runs)
        notes = [found.note, f"n = {found.n} of {done}" if found.n < done else ""] if found else []
        said = "; ".join(filter(None, notes))
        return f"{text} ({said})" if said else text

    @property
    def apart(self) -> str:
        """The unit of a difference of two."""
        return self.scale.apart or self.unit

    @property
    def label(self) -> str:
        """Its name for an axis, with its unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def title(self) -> str:
        """Its name for the head of a column."""
        return f"{self.name} (geometric mean)" if self.scale is LOG else self.name


def _is_infinite(quantity: Quantity, run: Run) -> bool:
    value = quantity.of(run) if run.completed else None
    return value is not None and not np.isfinite(value)


def of_runs(
    name: str,
    runs: Sequence[Run],
    values: Sequence[float],
    scale: Scale = LINEAR,
    unit: str = "",
) -> Quantity:
    """What was computed of some runs at once, a value each; nan: it has none."""
    own = {run.path: of for run, of in zip(runs, values, strict=True) if not np.isnan(of)}
    return Quantity(name, lambda run: own.get(run.path), scale, unit)


def worst_of(metric: str) -> Outcome:
    """What a diverged run has of a metric, at best: guessing's accuracy, the first loss."""
    if metric.endswith("accuracy"):
        return lambda run: run.chance

    def first(run: Run) -> float | None:
        values = run.curve(metric)[1][:1]
        return float(values[0]) if len(values) and np.isfinite(values[0]) else None

    return first if metric.endswith("loss") else lambda run: None


def scale_of(metric: str) -> Scale:
    """The scale of a metric by its name."""
    if metric.endswith("accuracy"):
        return SHARE
    return LOG if metric.endswith("loss") else LINEAR


def final(metric: str, curve: Curve | None = None) -> Quantity:
    """Where a metric ends: the median over the last tenth of the epochs; nan if one is not finite.

    Of a run that ended by itself, at a loss or an accuracy it was to reach, the last value: the
    tenth before is of its way there.
    """
    read = curve or (lambda run: run.shared(metric))

    def of(run: Run) -> float | None:
        epochs, values = read(run)
        if run.stopped and len(values):
            return float(values[-1])
        end = settled(epochs, values)
        return np.nan if end is None and len(values) else end

    return Quantity(f"final {metric}", of, scale_of(metric), worst=worst_of(metric))


def last(metric: str) -> Quantity:
    """The value on the last row: what is measured at the end belongs to the same weights."""

    def of(run: Run) -> float | None:
        return run.rows[-1].get(metric) if run.rows else None

    return Quantity(f"last {metric}", of, scale_of(metric), worst=worst_of(metric))


def decades(quantity: Quantity) -> Quantity:
    """log10 of a quantity; None where that is not positive."""

    def log10(value: float) -> float | None:
        return float(np.log10(value)) if value > 0 else None

    return quantity.turned(log10, f"log10 of {quantity.name}", unit="decades")


def in_percent(quantity: Quantity) -> Quantity:
    """A share as a percentage."""
    scale = {SHARE: PERCENT, SIZE: SIZE}.get(quantity.scale, LINEAR)
    return quantity.turned(lambda value: 100 * value, quantity.name, scale, "%")


METRICS = ("train/loss", "test/loss", "train/accuracy", "test/accuracy")


def columns(quantities: Iterable[Quantity]) -> dict[str, Quantity]:
    """Each under its title, for a table."""
    return {quantity.title: quantity for quantity in quantities}


def last_epoch(run: Run) -> float | None:
    """The last recorded epoch."""
    return float(run.rows[-1]["epoch"]) if run.rows else None


LAST_EPOCH = Quantity("last epoch", last_epoch, SIZE)


def by_seed(runs: Sequence[Run], outcome: Outcome) -> dict[int, float]:
    """Seed -> outcome of the completed runs that have a finite one."""
    found = {run.seed: outcome(run) for run in runs if run.completed}
    return {
        seed: value
        for seed, value in sorted(found.items())
        if value is not None and np.isfinite(value)
    }


def above_zero(quantity: Quantity, runs: Sequence[Run]) -> Quantity:
    """The same for logarithms: 0 counts as the lowest value above it that some runs have."""
    seen = [quantity(run) for run in runs if run.completed]
    least = min((value for value in seen if value is not None and value > 0), default=None)

    def floored(value: float) -> float:
        return least if value == 0 and least is not None else value

    return quantity.turned(floored, quantity.name, quantity.scale, quantity.unit)


def longest(runs: Sequence[Run]) -> float:
    """The largest epoch any run recorded; 0 without any."""
    return max((last_epoch(run) or 0.0 for run in runs), default=0.0)


def shortest(runs: Sequence[Run]) -> float:
    """The last epoch of the completed run that has the fewest; of any without a completed one."""
    done = [run for run in runs if run.completed] or runs
    return min((last_epoch(run) or 0.0 for run in done), default=0.0)


def in_all(runs: Sequence[Run], metric: str) -> np.ndarray:
    """The epochs [t] at which all completed runs have a metric that do have it, however long."""
    found = [at for run in runs if run.completed and len(at := run.curve(metric)[0])]
    return reduce(np.intersect1d, found) if found else np.empty(0)
