"""The curves of hw1_2_gradient_norm: the norm beneath the loss, and the norm of each layer.

A norm jumps from update to update by more than it changes in all of training, and seeds lie on each
other: what is drawn are medians over stretches of log time (see ``Series.stretches``).
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from dl_experiments.analysis.drawing import curves, panels, style
from dl_experiments.analysis.phenomena.gradient_norm.series import (
    LOSS,
    NORM,
    STRETCHES,
    Columns,
    Series,
    layers,
    minibatch,
    recorded,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, data_name, loss_name, sized
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.sections import Made

FULL, BATCH, MEDIAN = style.COLOURS[0], style.COLOURS[1], style.COLOURS[4]
SHADE = 0.3  # of the bands where those of all seeds lie on each other
CUT = (
    f"Stretch: a decade of the logarithmic axis is cut into {STRETCHES} equal ones; the first one "
    "holds the untrained net too, and early ones hold a single value."
)


def norm_under_loss(arm: str, columns: Columns) -> Made:
    """Loss above, both gradient norms below, one iteration axis; returns caption and figure."""
    runs = flat(columns)
    title = "The gradient norm beneath the loss"
    size = (max(3.7, 7.6 / len(columns)), 2.5)
    figure, axes = style.page(title, about_net(runs, arm), 2, len(columns), size, sharex="col")
    for (upper, lower), (name, members) in zip(axes.T, columns.items(), strict=True):
        shade = 1 - (1 - SHADE) ** (1 / max(1, sum(run.completed for run in members)))
        for run in members:
            if run.completed:
                _envelope(lower, minibatch(run), shade)
        _lines(upper, members, LOSS, FULL)
        _lines(lower, members, NORM, FULL)
        upper.set_title(data_name(name))
        panels.counts(lower, "iteration, updates")
        panels.values(upper, f"training loss\n({loss_name(runs)})", LOG)
        panels.values(lower, "gradient norm ‖g‖₂\n", LOG)
    entries = [
        style.key("full data: median of a stretch, one line a seed", color=FULL, lw=1.3),
        style.key("mini-batch: median of a stretch, one line a seed", color=MEDIAN, lw=1.1),
        style.key("mini-batch: lowest to highest of a stretch", color=BATCH, lw=7, alpha=SHADE),
    ]
    style.legend_below(figure, [*entries, *curves.state_keys(runs)])
    caption = (
        "Above: loss on the whole training set, in eval mode. Below: norm over all parameters of "
        "its gradient with the same weights (blue), and of the mini-batch gradient of every update "
        "(orange). The band reaches from the lowest norm of a stretch to the highest, so it holds "
        f"every spike. {CUT}"
    )
    return caption, figure


def norm_by_layer(arm: str, columns: Columns) -> Made | None:
    """Full-data norm of each layer against epoch; None where no run has them."""
    runs = flat(columns)
    names = layers(runs)
    if not names:
        return None
    size = (max(3.6, 6.6 / len(columns)), 2.8)
    title = "The full-data gradient norm, layer by layer"
    figure, axes = style.page(title, about_net(runs, arm), 1, len(columns), size)
    colours = style.colours(names)
    for axis, (data, members) in zip(axes[0], columns.items(), strict=True):
        for name in names:
            _lines(axis, members, f"{NORM}/{name}", colours[name])
        panels.counts(axis, "iteration, updates")
        panels.values(axis, "full-data ‖g‖₂ of a layer\n", LOG)
        axis.set_title(data_name(data))
    keys = [style.key(name, color=colour) for name, colour in colours.items()]
    style.legend_below(figure, [*keys, *curves.state_keys(runs)])
    caption = (
        "Norm of the full-data gradient over the weights and biases of each layer, from the input "
        "(first in the legend) to the output; the squares add up to that over all parameters. "
        f"Medians of stretches, one line a seed. {CUT}"
    )
    return caption, figure


def about_net(runs: Sequence[Run], arm: str) -> str:
    """The line under a title, with the net and its parameters."""
    nets = " and ".join(dict.fromkeys(run.model for run in runs))
    return about(runs, arm, f"{nets}{sized(runs)}")


def _envelope(axis: Axes, norms: Series, shade: float) -> None:
    """A run's mini-batch norms, stretch by stretch."""
    middle = norms.binned()
    low, high = ([of(norms.values[at]) for at in norms.stretches] for of in (np.min, np.max))
    axis.fill_between(middle.steps, low, high, color=BATCH, alpha=shade, lw=0, zorder=1)
    axis.plot(middle.steps, middle.values, color=MEDIAN, lw=0.8, alpha=0.8, zorder=3)


def _lines(axis: Axes, runs: Sequence[Run], metric: str, colour: str) -> None:
    """What was recorded of runs; one that did not complete ends in the mark of its state."""
    whole = [recorded(run, metric) for run in runs]
    cap = _cap(runs, whole)
    for run, series in zip(runs, whole, strict=True):
        over = np.flatnonzero(series.values > cap)
        end = over[0] if len(over) and not run.completed else len(series.values)
        shown = Series(series.steps[:end], series.values[:end]).binned()
        axis.plot(shown.steps, shown.values, color=colour, lw=0.8, alpha=0.8, zorder=4)
        if not run.completed:
            mark = style.MARKS[run.status.state]
            ends = shown.steps[-1:], shown.values[-1:]
            axis.plot(*ends, mark, color=colour, mec="black", ms=7, zorder=5)


def _cap(runs: Sequence[Run], series: list[Series]) -> float:
    """How high a run that did not complete is drawn."""
    done = [
        s.values.max()
        for run, s in zip(runs, series, strict=True)
        if run.completed and len(s.values)
    ]
    firsts = [s.values[0] for s in series if len(s.values)]
    return curves.ABOVE * float(max(done or firsts, default=1.0))
