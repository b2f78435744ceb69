"""What hw1_2_gradient_norm reads from a run: losses and gradient norms as series over updates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import ndimage

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import data_name
from dl_experiments.analysis.runs.grid import Grid

LOSS, NORM = "train/loss", "gradient/norm"
TENTH = 0.1
WINDOW = 101  # updates of the running median
SPIKE = 10.0  # times the running median
ENOUGH = 10  # values from which on a spread is taken
STRETCHES = 8  # a decade of updates

Columns = dict[str, Grid]
"""Data set -> its runs: the columns of a figure."""


@final
@dataclass(frozen=True)
class Series:
    """Values [t] at numbers of updates [t], rising; finite and positive ones only."""

    steps: np.ndarray
    values: np.ndarray

    def between(self, low: float, high: float) -> np.ndarray:
        """The values of a part of the whole, whose ends are shares of its last step."""
        last = self.steps[-1] if len(self.steps) else 0
        return self.values[(self.steps >= low * last) & (self.steps <= high * last)]

    @property
    def early(self) -> float | None:
        """The median over the second tenth, None where there is nothing."""
        return _median(self.between(TENTH, 2 * TENTH))

    @property
    def end(self) -> float | None:
        """The median over the last tenth, None where there is nothing."""
        return _median(self.between(1 - TENTH, 1))

    @property
    def change(self) -> float | None:
        """log10 of the end over the early value."""
        early, end = self.early, self.end
        return None if early is None or end is None else float(np.log10(end / early))

    @property
    def oscillation(self) -> float | None:
        """Standard deviation of log10 over the last tenth, None where that has few values."""
        last = self.between(1 - TENTH, 1)
        return float(np.log10(last).std(ddof=1)) if len(last) >= ENOUGH else None

    @property
    def stretches(self) -> list[np.ndarray]:
        """Which values lie in each stretch of updates; equal ones of log time, from 1 (and 0)."""
        places = np.floor(STRETCHES * np.log10(np.maximum(self.steps, 1)))
        return [np.flatnonzero(places == place) for place in np.unique(places)]

    def binned(self) -> "Series":
        """The median of each stretch, at the geometric mean of its updates."""
        logs = np.log(np.maximum(self.steps, 1))
        pairs = [(np.exp(logs[at].mean()), np.median(self.values[at])) for at in self.stretches]
        return Series(*np.array(pairs).reshape(-1, 2).T)

    def over_running_median(self) -> np.ndarray:
        """Each value over the median of the ``WINDOW`` around it [t]; the ends are repeated."""
        return self.values / ndimage.median_filter(self.values, WINDOW, mode="nearest")


def recorded(run: Run, metric: str) -> Series:
    """A column of ``metrics.csv``."""
    return _series(*run.rows.curve(metric, along="step"))


def shared(run: Run, metric: str) -> Series:
    """The same where all runs that it is compared with have it: a spread depends on how often."""
    return _series(*run.shared(metric, along="step"))


def minibatch(run: Run) -> Series:
    """The norm of every update's mini-batch gradient; empty where there is no readable file."""
    arrays = run.measure("gradient_norms") or {}
    if not {"step", "norm"} <= set(arrays):
        return _series(np.empty(0), np.empty(0))
    return _series(arrays["step"].astype(float), arrays["norm"].astype(float))


def layers(runs: Sequence[Run]) -> list[str]:
    """The layers whose norms were recorded, from the input to the output."""
    names = dict.fromkeys(name for run in runs for name in run.rows.metrics)
    return [name.removeprefix(f"{NORM}/") for name in names if name.startswith(f"{NORM}/")]


def short_name(data: str) -> str:
    """A data set's written name without its formula."""
    return data_name(data).split(":")[0]


def _series(steps: np.ndarray, values: np.ndarray) -> Series:
    kept = np.isfinite(values) & (values > 0)
    return Series(steps[kept], values[kept])


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None
