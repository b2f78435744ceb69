"""The full-data gradient norm against the loss, the figure that shows whether both go together."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.phenomena.gradient_norm.curves import CUT, about_net
from dl_experiments.analysis.phenomena.gradient_norm.series import (
    LOSS,
    NORM,
    Columns,
    Series,
    recorded,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import data_name, loss_name
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.statistics import geometric_mean
from dl_experiments.analysis.sections import Made

GREY = "#777777"


def norm_against_loss(arm: str, columns: Columns) -> Made | None:
    """Full-data norm against loss, all seeds; None where no run has both."""
    runs = flat(columns)
    found = {name: [_pairs(run) for run in members] for name, members in columns.items()}
    if not any(len(pair[0]) for pairs in found.values() for pair in pairs):
        return None
    size = (max(3.6, 6.6 / len(columns)), 3.4)
    title = "The full-data gradient norm against the loss"
    figure, axes = style.page(title, about_net(runs, arm), 1, len(columns), size)
    for axis, (name, pairs) in zip(axes[0], found.items(), strict=True):
        for loss, norm, progress in pairs:
            axis.plot(loss, norm, color=GREY, lw=0.5, alpha=0.5, zorder=1)
            look = {"cmap": style.ORDERED, "vmin": 0.0, "vmax": 1.0, "linewidths": 0}
            axis.scatter(loss, norm, s=16, c=progress, zorder=2, **look)
        for loss, norm, _ in pairs:
            axis.plot(loss[-1:], norm[-1:], "*", color="white", mec="black", ms=11, zorder=3)
        _root(axis, columns[name])
        panels.values(axis, f"training loss ({loss_name(runs)})", LOG, "x")
        panels.values(axis, "full-data gradient norm ‖g‖₂", LOG)
        axis.set_title(data_name(name))
    colours = figure.colorbar(_progress(), ax=list(axes[0]), pad=0.01, aspect=30)
    colours.set_label("first to last update (log)")
    colours.set_ticks([])
    entries = [
        style.key("a seed's last stretch", ls="", marker="*", color="white", mec="black", ms=11),
        style.key("‖g‖ ∝ √loss: a norm that vanishes with the loss", color="black", ls=":", lw=1.2),
    ]
    style.legend_below(figure, entries)
    caption = (
        "One dot a stretch of updates and seed, medians of what was recorded there with the same "
        "weights; a thin line joins the dots of a seed. Training goes from right to left. "
        f"{CUT} Dotted: the slope at which the norm "
        "falls in a quadratic bowl that ends at loss 0, from the medians over the second tenth of "
        "the updates (their geometric mean over seeds) on. A norm that vanished at a loss above 0 "
        "would drop straight down."
    )
    return caption, figure


def _pairs(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loss, norm and logarithm of the updates done, by stretches of a completed run with both.

    That is 0 at the first stretch and 1 at the last one.
    """
    loss, norm = recorded(run, LOSS), recorded(run, NORM)
    steps, one, other = np.intersect1d(loss.steps, norm.steps, return_indices=True)
    if not run.completed:
        steps, one, other = steps[:0], one[:0], other[:0]
    x, y = Series(steps, loss.values[one]).binned(), Series(steps, norm.values[other]).binned()
    time = np.log(x.steps)
    return x.values, y.values, (time - time[:1]) / max(np.ptp(time), 1e-9) if len(time) else time


def _root(axis: Axes, runs: Sequence[Run]) -> None:
    """The root of the loss, from where the runs are early on to the lowest loss."""
    both = [(recorded(run, LOSS), recorded(run, NORM)) for run in runs if run.completed]
    early = [(loss.early, norm.early) for loss, norm in both if loss.early and norm.early]
    if early:
        loss, norm = geometric_mean(np.array(early, dtype=float))
        ends = np.array([loss, min(loss, *(known.values.min(initial=np.inf) for known, _ in both))])
        axis.plot(ends, norm * np.sqrt(ends / loss), color="black", ls=":", lw=1.4, zorder=2.5)


def _progress() -> ScalarMappable:
    return ScalarMappable(Normalize(0, 1), style.ORDERED)
