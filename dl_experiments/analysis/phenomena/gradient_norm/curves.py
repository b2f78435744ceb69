"""The curves of hw1_2_gradient_norm: the norm beneath the loss, and the norm of each layer."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dl_experiments.analysis.drawing import curves, panels, style
from dl_experiments.analysis.phenomena.gradient_norm.series import (
    LOSS,
    NORM,
    Columns,
    Series,
    layers,
    minibatch,
    recorded,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, data_name, loss_name, sized
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.quantities import longest
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.sections import Made

FULL, BATCH, MEDIAN = style.COLOURS[0], style.COLOURS[1], style.COLOURS[4]
SHADE = 0.3  # of the bands where those of all seeds lie on each other
STRETCHES, SHORTEST = 200, 10  # most stretches of a run, about the fewest updates in one
LONG = 100  # epochs from which on their axis is logarithmic


def norm_under_loss(arm: str, columns: Columns) -> Made:
    """Loss above, both gradient norms below, one iteration axis; returns caption and figure."""
    runs = flat(columns)
    title = "The gradient norm beneath the loss"
    size = (max(3.7, 7.6 / len(columns)), 2.5)
    figure, axes = style.page(title, about_net(runs, arm), 2, len(columns), size, sharex="col")
    for (upper, lower), (name, members) in zip(axes.T, columns.items(), strict=True):
        losses = [recorded(run, LOSS) for run in members]
        norms = [recorded(run, NORM) for run in members]
        cap = _cap(members, losses), _cap(members, norms)
        shade = 1 - (1 - SHADE) ** (1 / max(1, sum(run.completed for run in members)))
        for run, loss, norm in zip(members, losses, norms, strict=True):
            if run.completed:
                _envelope(lower, minibatch(run), shade)
            _line(upper, run, loss, cap[0])
            _line(lower, run, norm, cap[1])
        upper.set_title(data_name(name))
        lower.set_xlabel("iteration (updates)")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        lower.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        panels.values(upper, f"training loss\n({loss_name(runs)})", LOG)
        panels.values(lower, "gradient norm ‖g‖₂\n", LOG)
    entries = [
        style.key("full data, one line a seed", color=FULL, lw=1.3),
        style.key("mini-batch: median of a stretch of updates", color=MEDIAN, lw=1.1),
        style.key("mini-batch: lowest to highest of a stretch", color=BATCH, lw=7, alpha=SHADE),
    ]
    style.legend_below(figure, [*entries, *curves.state_keys(runs)])
    caption = (
        "Above: loss on the whole training set, in eval mode. Below: norm over all parameters of "
        "its gradient with the same weights (blue), and of the mini-batch gradient of every update "
        f"(orange). The updates of a run are cut into equal stretches, at most {STRETCHES} and of "
        f"about {SHORTEST} updates or more: the line joins the medians of the stretches, the "
        "band reaches from the lowest norm to the highest, so it holds every spike. Every seed is "
        "drawn."
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
    colours, long = style.colours(names), longest(runs) >= LONG
    for axis, (data, members) in zip(axes[0], columns.items(), strict=True):
        for name in names:
            curves.draw(axis, members, f"{NORM}/{name}", colours[name], log=True, start=int(long))
        panels.epochs(axis, log=long)
        panels.values(axis, "full-data ‖g‖₂ of a layer\n", LOG)
        axis.set_title(data_name(data))
    keys = [style.key(name, color=colour) for name, colour in colours.items()]
    style.legend_below(figure, [*keys, *curves.state_keys(runs)])
    caption = (
        "Norm of the full-data gradient over the weights and biases of each layer, from the input "
        "(first in the legend) to the output; the squares add up to that over all parameters. "
        "Line: geometric mean over completed seeds; band: their whole range."
    )
    return caption, figure


def about_net(runs: Sequence[Run], arm: str) -> str:
    """The line under a title, with the net and its parameters."""
    nets = " and ".join(dict.fromkeys(run.model for run in runs))
    return about(runs, arm, f"{nets}{sized(runs)}")


def _envelope(axis: Axes, norms: Series, shade: float) -> None:
    """A run's mini-batch norms, in stretches of equal numbers of updates."""
    count = min(STRETCHES, -(-len(norms.steps) // SHORTEST))
    if not count:
        return
    steps = [part.mean() for part in np.array_split(norms.steps, count)]
    parts = np.array_split(norms.values, count)
    low, high = [part.min() for part in parts], [part.max() for part in parts]
    axis.fill_between(steps, low, high, color=BATCH, alpha=shade, lw=0, zorder=1)
    axis.plot(steps, [np.median(part) for part in parts], color=MEDIAN, lw=0.8, zorder=4)


def _line(axis: Axes, run: Run, series: Series, cap: float) -> None:
    """What was recorded of a run; one that did not complete ends in the mark of its state."""
    over = np.flatnonzero(series.values > cap)
    end = over[0] if len(over) and not run.completed else len(series.values)
    steps, values = series.steps[:end], series.values[:end]
    axis.plot(steps, values, color=FULL, lw=0.8, alpha=0.85, zorder=3)
    if not run.completed:
        mark = style.MARKS[run.status.state]
        axis.plot(steps[-1:], values[-1:], mark, color=FULL, mec="black", ms=7, zorder=5)


def _cap(runs: Sequence[Run], series: list[Series]) -> float:
    """How high a run that did not complete is drawn."""
    done = [
        s.values.max()
        for run, s in zip(runs, series, strict=True)
        if run.completed and len(s.values)
    ]
    firsts = [s.values[0] for s in series if len(s.values)]
    return curves.ABOVE * float(max(done or firsts, default=1.0))
