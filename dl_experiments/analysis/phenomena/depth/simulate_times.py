"""hw1_1_simulate: the epochs until the training loss is low."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter
from scipy.stats import CensoredData

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.phenomena.depth.groups import (
    LOSS,
    Functions,
    colours,
    keys,
    reached_levels,
)
from dl_experiments.analysis.runs.censored import missing, reaching, share_left
from dl_experiments.analysis.runs.describe import about, data_name, number
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.sections import Made

SHOWN = 3  # levels of a function: the highest, the lowest, one between
STRIP = 0.75  # width of the strip behind the last epoch, of the axis before it
APART = 0.13  # between the texts in it
EARLY: dict[str, Any] = {"ls": "", "marker": "|", "ms": 8}


def convergence(arm: str, functions: Functions) -> Made | None:
    """The share of nets that have got to a loss, against epoch; None where none got to any."""
    found = {name: _shown(reached_levels(flat(models))) for name, models in functions.items()}
    found = {name: levels for name, levels in found.items() if levels}
    if not found:
        return None
    runs = [run for name in found for run in flat(functions[name])]
    title = "Share of the nets whose training loss has become low"
    rows, size = max(map(len, found.values())), (4.1, 1.8)
    figure, axes = style.page(title, about(runs, arm), rows, len(found), size)
    limit = max(run.shared(LOSS)[0].max(initial=1.0) for run in runs)
    early = False
    for column, (function, levels) in zip(axes.T, found.items(), strict=True):
        names, models = colours(functions), functions[function]
        times = [
            {name: reaching(models.get(name, ()), LOSS, at) for name in names} for at in levels
        ]
        first = min(_first(of) for some in times for of in some.values() if of)
        for axis, level, some in zip(column, levels, times, strict=False):
            early |= _panel(axis, some, (first, limit), names)
            axis.set_title(f"{data_name(function).split(':')[0]}: loss at most {number(level)}")
        for axis in column[len(levels) :]:
            axis.remove()
        column[len(levels) - 1].set_xlabel("epoch (log scale)")
    for row in axes:
        row[0].set_ylabel("nets that got there")
    mark = {"ls": "", "marker": ">", "mfc": "none", "color": "#555555"}
    ends = style.key(f"not within {limit:,.0f} epochs (shaded)", **mark)
    words = "ended before the others, not there yet"
    sooner = [style.key(words, color="#555555", **EARLY)] if early else []
    style.legend_below(figure, [*keys(functions), *sooner, ends])
    caption = (
        "Share of the nets whose training loss has been at most so much at a recorded epoch, which "
        "is 1 minus the Kaplan-Meier estimate of those that have not. Triangles in the shaded "
        "strip, which begins at the last epoch: what had not got there by then, which is censored "
        "(it would take longer, nobody knows how much), a diverged net among it. Of the levels "
        "that any net of a function got to, the highest, the lowest and one between are shown."
    )
    return caption, figure


def _shown(levels: Sequence[float]) -> list[float]:
    at = np.linspace(0, len(levels) - 1, min(SHOWN, len(levels))).round().astype(int)
    return [levels[place] for place in at] if levels else []


def _first(times: CensoredData) -> float:
    """The epoch at which the first got there, or the last of all."""
    left = share_left(times)
    return float(left.quantiles[min(np.argmax(left.probabilities < 1), len(left.quantiles) - 1)])


def _panel(
    axis: Axes,
    times: Mapping[str, CensoredData | None],
    ends: tuple[float, float],
    names: Mapping[str, Any],
) -> bool:
    """Step curves of each net up to the last epoch, and behind that who is not there yet.

    Returns:
        Whether some that are not ended before the last epoch, each with a mark there.
    """
    first, limit = ends
    span = np.log10(limit / first) or 1.0
    low, high = first / 10 ** (0.06 * span), limit * 10 ** (STRIP * span)
    axis.axvspan(limit, high, color="#F1F1F1", zorder=0, lw=0)
    axis.set(xscale="log", xlim=(low, high), ylim=(-0.05, 1.07))
    texts, marked = [], False
    for name, of in times.items():
        if of is None:
            continue
        left = share_left(of)
        at, there = np.append(left.quantiles, limit), 1 - left.probabilities
        there = np.append(there, there[-1])
        axis.step([low, *at], [0.0, *there], where="post", color=names[name], lw=1.8, alpha=0.85)
        early = (np.diff(there, prepend=0.0) == 0) & (at < limit)  # censored before the others
        axis.plot(at[early], there[early], color=names[name], **EARLY)
        marked |= bool(early.any())
        if text := missing(of):
            texts.append((float(there[-1]), text, names[name]))
    for (share, text, colour), y in zip(texts, _apart([one[0] for one in texts]), strict=True):
        axis.plot([limit * 10 ** (0.04 * span)], [share], ">", color=colour, mfc="none", ms=6)
        axis.text(limit * 10 ** (0.09 * span), y, text, color=colour, size=8, va="center")
    _ticks(axis, low, limit)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    return marked


def _ticks(axis: Axes, low: float, limit: float) -> None:
    """Whole epochs up to the limit, which has one itself; none behind it."""
    digits = next((of for apart, of in panels.TICKS.items() if limit < apart * low), (1,))
    marks = [digit * 10.0**power for power in range(8) for digit in digits]
    near = 10 ** (0.17 * np.log10(limit / low))
    marks = [mark for mark in marks if low < mark < limit / near]
    panels.whole_numbers(axis.xaxis)
    axis.xaxis.set_major_locator(FixedLocator([*marks, limit]))
    axis.xaxis.set_minor_locator(NullLocator())


def _apart(places: Sequence[float]) -> list[float]:
    """The places of texts, moved until none covers another, within the axis."""
    order = np.argsort(places, kind="stable")
    moved = np.array(places, dtype=float)
    for one, other in pairwise(order):
        moved[other] = max(moved[other], moved[one] + APART)
    if len(moved):
        moved -= max(0.0, moved.max() - 1.0)
    return [float(place) for place in moved]
