"""Drawing what runs reach against the size of their nets."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dl_experiments.analysis import style
from dl_experiments.analysis.phenomena._capacity import Sizes
from dl_experiments.analysis.quantities import Outcome, by_seed
from dl_experiments.analysis.statistics import geometric_mean

DOTS = "Dots: every completed seed; line: their mean (of a loss the geometric mean)."
SHORT = 300.0  # largest over smallest count, below which decades are too few ticks
TRAIN, TEST = style.COLOURS[0], style.COLOURS[4]


def against_size(
    axis: Axes, sizes: Sizes, outcome: Outcome, colour: Any, dashes: Any, log: bool = False
) -> None:
    """Every seed as a dot, a line through the means; a mark at the upper edge where a run diverged.

    Args:
        axis: Where; its x axis is the parameter count.
        sizes: Of one group.
        outcome: What is drawn of a run.
        colour: Of the group.
        dashes: ``style.TRAIN`` or ``style.TEST``.
        log: Whether the y axis is logarithmic: means are geometric, values <= 0 are not drawn.
    """
    places, centres = [], []
    for count, runs in sizes.items():
        values = np.array(list(by_seed(runs, outcome).values()))
        values = values[values > 0] if log else values
        if len(values):
            axis.plot(
                np.full(len(values), count), values, "o", color=colour, ms=3, alpha=0.5, mew=0
            )
            places.append(count)
            centres.append(geometric_mean(values) if log else values.mean())
        if any(run.status.state == "diverged" for run in runs):
            axis.plot(
                [count], [1.0], "X", color=colour, mec="black", ms=7, clip_on=False, zorder=6,
                transform=axis.get_xaxis_transform(),
            )  # fmt: skip
    axis.plot(places, centres, color=colour, ls=dashes, lw=1.6)


def size_axis(axis: Axes) -> None:
    """A logarithmic axis of parameter counts: 10k, 100k, 1M, or 10k, 20k, 50k over a short range.

    Call it when everything is drawn.
    """
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    if high < SHORT * low:
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: short(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("parameters (log scale)")


def short(count: float) -> str:
    """A parameter count in few letters: 800, 40k, 1.6M."""
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:.3g}{letter}"
    return f"{count:.0f}"


def split_keys() -> list[Line2D]:
    """Legend entries for the two sets, which differ in colour and dashes."""
    return [
        style.key("training set", color=TRAIN, ls=style.TRAIN),
        style.key("test set", color=TEST, ls=style.TEST),
    ]


def error(of: Callable[[str], Outcome], split: str) -> Outcome:
    """The share of wrong answers in %, from a reading's accuracy."""

    def outcome(run: Any) -> float | None:
        accuracy = of(f"{split}/accuracy")(run)
        return None if accuracy is None else 100 * (1 - accuracy)

    return outcome
