"""One number a run, and those of a group by seed: what claims and tables are computed from.

Only completed runs have an outcome. Where a seed was trained twice, the last
directory by name counts.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.statistics import Estimate, mean, settled

Outcome = Callable[[Run], float | None]


def final(metric: str) -> Outcome:
    """Where a metric ends: the median over the last tenth of the epochs."""
    return lambda run: settled(*run.curve(metric))


def log10_final(metric: str) -> Outcome:
    """log10 of where a loss ends; None where that is not positive."""

    def outcome(run: Run) -> float | None:
        value = settled(*run.curve(metric))
        return None if value is None or value <= 0 else float(np.log10(value))

    return outcome


def in_percent(outcome: Outcome) -> Outcome:
    """A share as a percentage."""

    def scaled(run: Run) -> float | None:
        value = outcome(run)
        return None if value is None else 100 * value

    return scaled


def last_epoch(run: Run) -> float | None:
    """The last recorded epoch."""
    return float(run.rows[-1]["epoch"]) if run.rows else None


def by_seed(runs: Sequence[Run], outcome: Outcome) -> dict[int, float]:
    """Seed -> outcome of the completed runs that have one."""
    found = {run.seed: outcome(run) for run in runs if run.completed}
    return {seed: value for seed, value in sorted(found.items()) if value is not None}


def estimate(runs: Sequence[Run], outcome: Outcome) -> Estimate | None:
    """The mean outcome over seeds, None where there is none."""
    values = by_seed(runs, outcome)
    return mean(np.array(list(values.values()))) if values else None


def geometric(runs: Sequence[Run], metric: str) -> Estimate | None:
    """The geometric mean over seeds of where a loss ends, None where there is none.

    Mean and interval are taken of log10 loss, then raised, so that no end is below 0.
    """
    ends = np.array([loss for loss in by_seed(runs, final(metric)).values() if loss > 0])
    if not len(ends):
        return None
    first = ends[0]  # what losses are divided by, so that equal ones have exactly their mean
    logs = mean(np.log10(ends / first))
    value, low, high = (
        None if log is None else float(first * 10 ** np.clip(log, -200, 200))
        for log in (logs.value, logs.low, logs.high)
    )
    assert value is not None
    return Estimate(value, low, high, logs.n)


def longest(runs: Sequence[Run]) -> float:
    """The largest epoch any run recorded; 0 without any."""
    return max((last_epoch(run) or 0.0 for run in runs), default=0.0)
