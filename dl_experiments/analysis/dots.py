"""Final values as dots: every seed, the mean with its interval, and what has no final value."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.outcomes import Outcome, by_seed
from dl_experiments.analysis.statistics import bootstrap

CAPTION = (
    "Dots: every completed seed; bar: their mean with its 95 % bootstrap interval "
    "(expanded percentile, over seeds)."
)
GREY = "#777777"


def column(
    axis: Axes, at: float, runs: Sequence[Run], outcome: Outcome, colour: Any, width: float = 0.5
) -> None:
    """Draw one group's outcomes at an x position; dots lie side by side in order of the seed."""
    values = np.array(list(by_seed(runs, outcome).values()))
    if len(values):
        spread = np.linspace(-0.3, 0.3, len(values)) if len(values) > 1 else np.zeros(1)
        axis.plot(at + width * spread, values, "o", color=colour, ms=5, alpha=0.75, mew=0)
        mean = bootstrap(values)
        axis.plot([at - width / 2, at + width / 2], [mean.value] * 2, color="black", lw=1.6)
        if mean.low is not None and mean.high is not None:
            axis.plot([at, at], [mean.low, mean.high], color="black", lw=1.2)
    _diverged(axis, at, runs, colour)


def scatter(axis: Axes, at: float, runs: Sequence[Run], outcome: Outcome) -> None:
    """Draw runs that differ in more than their seed: dots, and no mean of unlike things."""
    values = [v for run in runs if run.completed and (v := outcome(run)) is not None]
    places = at + np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else [at] * len(values)
    axis.plot(places, values, "o", color=GREY, ms=4, alpha=0.6, mew=0)
    _diverged(axis, at, runs, GREY)


def _diverged(axis: Axes, at: float, runs: Sequence[Run], colour: Any) -> None:
    lost = [run for run in runs if run.status.state == "diverged"]
    if lost:
        axis.plot(
            [at], [1.0], "X", color=colour, mec="black", ms=8, clip_on=False, zorder=6,
            transform=axis.get_xaxis_transform(),
        )  # fmt: skip
