"""Epochs until a loss is low, where some nets never get there.

Who has not reached a level by the last epoch is *censored*: it would take longer, nobody knows how
much. Such a net is neither dropped nor given a number. What is said of a group is its Kaplan-Meier
estimate (Kaplan & Meier 1958, "Nonparametric estimation from incomplete observations", JASA 53),
as SciPy has it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.runs.quantities import longest
from dl_experiments.analysis.runs.statistics import epochs_to_reach

FIRST = 1.0  # what epoch 0 counts as, where epochs have a logarithm


def reaching(runs: Sequence[Run], metric: str, level: float) -> stats.CensoredData | None:
    """Epochs until a metric is at most a level, one a finished run; None without any.

    A completed run that did not get there is censored at its last epoch, a diverged one, which
    never will, at the last that any of the runs has.
    """
    curves = [run.shared(metric) for run in runs if run.completed]
    pairs = [(epochs[-1], epochs_to_reach(epochs, v, level)) for epochs, v in curves if len(epochs)]
    reached = [max(epoch, FIRST) for _, epoch in pairs if epoch is not None]
    ends = [max(last, FIRST) for last, epoch in pairs if epoch is None]
    ends += [max(longest(runs), FIRST)] * sum(run.status.state == "diverged" for run in runs)
    return stats.CensoredData(reached, right=ends) if reached or ends else None


def share_left(times: stats.CensoredData) -> Any:
    """The share that has not reached it yet, after each epoch (SciPy's ``sf`` of `ecdf`)."""
    return stats.ecdf(times).sf


def median(times: stats.CensoredData) -> float | None:
    """The first epoch at which at most half are left; None where more than half never got there."""
    left = share_left(times)
    at = np.flatnonzero(left.probabilities <= 0.5 + 1e-12)
    return float(left.quantiles[at[0]]) if len(at) else None


def missing(times: stats.CensoredData) -> str:
    """As in "2 of 20 not reached"; empty where all got there."""
    never = times.num_censored()
    return f"{never} of {len(times)} not reached" if never else ""


def told(times: stats.CensoredData) -> str:
    """The median: "340", "340 (2 of 20 not reached)", or "> 800 (12 of 20 not reached)"."""
    middle, lost = median(times), missing(times)
    last = float(share_left(times).quantiles[-1])
    words = f"> {number(last)}" if middle is None else number(middle)
    return f"{words} ({lost})" if lost else words
