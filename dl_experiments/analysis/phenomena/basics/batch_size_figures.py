"""The figures of basics_batch_size, and the time an epoch of updates took."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, loss_name, parameters, run_count
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import Quantity, by_seed, final
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.sections import Made

SIZE = "data.batch_size"
NOISE = "noise/batch_loss"
MEASURING = ("time/evaluation_seconds", "time/batch_noise_seconds")

Sizes = dict[int, Grid]
"""Batch size -> runs, in order of the size."""


def seconds_an_epoch(run: Run) -> float | None:
    """The time an epoch of updates took, measurements left out; None where it is not known."""
    took, epochs = run.summary.get("time/fit_seconds"), run.summary.get("epoch")
    if took is None or not epochs:
        return None
    took -= sum(run.summary.get(name, 0.0) for name in MEASURING)
    return took / epochs if took > 0 else None


TIME = Quantity("seconds an epoch", seconds_an_epoch, LOG)


def learning(arm: str, sizes: Sizes) -> Made:
    """Loss and accuracy, by epoch and by step."""
    runs, colours = flat(sizes), _colours(sizes)
    title, shared = "Loss and accuracy by epoch and by step", {"sharex": "col", "sharey": "row"}
    figure, axes = style.page(title, about(runs, arm), 2, 2, (4.6, 2.7), **shared)
    for column, along in zip(axes.T, ("epoch", "step"), strict=True):
        curves.learning(column[0], column[1], sizes, colours, start=1, along=along)
    curves.percent_axis(axes[1, 0], runs)
    panels.epochs(axes[1, 0])
    panels.counts(axes[1, 1], "step: updates")
    keys = [
        style.key(f"batch {number:,}, {run_count(found)}", color=colours[number])
        for number, found in sizes.items()
    ]
    style.legend_below(figure, [*keys, *curves.split_keys(), *curves.state_keys(runs)])
    caption = (
        "Loss (above) and accuracy (below) against epochs (left) and against steps, that is "
        "updates (right), recorded once an epoch; solid: training set, dashed: test set, both in "
        f"eval mode. {curves.band(accuracy=True)} An epoch shows every image once; with smaller "
        f"batches it has more steps. Initial weights are left out. Each net has {parameters(runs)} "
        "parameters."
    )
    return caption, figure


def noise(arm: str, sizes: Sizes) -> Made | None:
    """The spread of the mini-batch loss; None where it was not recorded."""
    runs, colours = flat(sizes), _colours(sizes)
    if not any(len(run.curve(NOISE)[0]) for run in runs):
        return None
    title = "How noisy the loss of a mini-batch is"
    figure, (row,) = style.page(title, about(runs, arm), 1, 2, (4.6, 3.1))
    for number, found in sizes.items():
        curves.draw(row[0], found, NOISE, colours[number], log=True)
    panels.values(row[0], f"spread of the mini-batch\n{loss_name(runs)}", LOG)
    panels.epochs(row[0])
    _against_size(row[1], sizes, colours)
    entries = [style.key(f"batch {number:,}", color=colours[number]) for number in sizes]
    for label, mark in (("initial weights (right)", "o"), ("at the end (right)", "s")):
        entries.append(style.key(label, color=style.TRUTH, ls="", marker=mark))
    entries.append(style.key("∝ 1/√batch size", color=style.TRUTH, ls=":"))
    style.legend_below(figure, [*entries, *curves.state_keys(runs)])
    caption = (
        "Standard deviation of the loss over the mini-batches of one epoch, the weights held as "
        "they are at that moment. Left: while training. Line: geometric mean over completed "
        "seeds; band: their whole range. Right: at the initial weights (circles), which all batch "
        "sizes share, and at the end (squares), every seed. Averaging over independent samples "
        "makes the spread fall as one over the root of the batch size (dotted, through the "
        "smallest batch at the initial weights); where it does not, the nets differ."
    )
    return caption, figure


def _against_size(axis: Axes, sizes: Sizes, colours: dict[int, Any]) -> None:
    start: list[float] = []
    for number, found in sizes.items():
        firsts = [float(run.curve(NOISE)[1][0]) for run in found if len(run.curve(NOISE)[1])]
        start = start or firsts
        ends = list(by_seed(found, final(NOISE)).values())
        look: dict[str, Any] = {"color": colours[number], "ls": "", "alpha": 0.75, "mew": 0}
        axis.plot([number] * len(firsts), firsts, marker="o", ms=5, **look)
        axis.plot([number] * len(ends), ends, marker="s", ms=5, **look)
    if start:
        along = np.array(list(sizes), dtype=float)
        line = np.mean(start) * np.sqrt(along[0] / along)
        axis.plot(along, line, color=style.TRUTH, ls=":", zorder=1)
    panels.values(axis, "spread", LOG)
    panels.counts(axis, "batch size")
    axis.set_xticks(list(sizes), [f"{number:,}" for number in sizes], minor=False)
    axis.xaxis.minorticks_off()


def outcomes(arm: str, sizes: Sizes) -> Made:
    """Final test accuracy and seconds an epoch, by batch size."""
    runs, colours = flat(sizes), _colours(sizes)
    title = "What each batch size reaches, and what it takes"
    figure, ((score, time),) = style.page(title, about(runs, arm), 1, 2, (4.6, 3.0))
    names = [f"{number:,}" for number in sizes]
    dots.columns(score, sizes, final("test/accuracy"), colours, "final test accuracy", names)
    dots.columns(time, sizes, TIME, colours, names=names)
    for axis in (score, time):
        axis.set_xlabel("batch size")
    score.margins(y=0.15)
    style.legend_below(figure, curves.lost_keys(runs))
    caption = (
        "Left: where the test accuracy ends (median over the last tenth of the epochs). Right: "
        "wall time of an epoch's updates, measurements left out; runs side by side on one machine "
        f"slow one another. {dots.caption(losses=True)}"
    )
    return caption, figure


def _colours(sizes: Sizes) -> dict[int, Any]:
    return dict(zip(sizes, style.COLOURS * (1 + len(sizes) // len(style.COLOURS)), strict=False))
