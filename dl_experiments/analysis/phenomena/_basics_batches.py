"""The figures of basics_batch_size, and the time an epoch of updates took."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from dl_experiments.analysis import curves, dots, style
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import about, loss_name
from dl_experiments.analysis.grid import Grid
from dl_experiments.analysis.quantities import Quantity, by_seed, final
from dl_experiments.analysis.scales import LOG

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


def learning(arm: str, sizes: Sizes) -> tuple[str, Figure]:
    """Loss and accuracy, by epoch and by step."""
    runs = _flat(sizes)
    figure, axes = style.page(
        "Loss and accuracy by epoch and by step", about(runs, arm),
        2, 2, (4.6, 2.7), sharex="col", sharey="row",
    )  # fmt: skip
    colours = _colours(sizes)
    for column, along in enumerate(("epoch", "step")):
        for number, found in sizes.items():
            for split, dashes in (("train", style.TRAIN), ("test", style.TEST)):
                look: dict[str, Any] = {"colour": colours[number], "dashes": dashes}
                look |= {"start": column, "along": along}
                curves.draw(axes[0, column], found, f"{split}/loss", log=True, **look)
                curves.draw(axes[1, column], found, f"{split}/accuracy", **look)
    style.log_values(axes[0, 0])
    axes[0, 0].set_ylabel(f"{loss_name(runs)} (log scale)")
    axes[1, 0].set_ylabel("accuracy")
    curves.percent_axis(axes[1, 0], runs)
    style.linear_epochs(axes[1, 0])
    style.log_epochs(axes[1, 1])
    axes[1, 1].set_xlabel("step: updates (log scale)")
    keys = [
        curves.group_key(f"batch {number:,}", found, colours[number])
        for number, found in sizes.items()
    ]
    style.legend_below(figure, [*keys, *curves.split_keys(), *curves.state_keys(runs)])
    caption = (
        "Loss (above) and accuracy (below) against epochs (left) and against steps, that is "
        "updates (right), recorded once an epoch; solid: training set, dashed: test set, both in "
        f"eval mode. {curves.band(accuracy=True)} An epoch shows every image once; with smaller "
        "batches it has more steps. Epoch 0 has no place on the logarithmic axis."
    )
    return caption, figure


def noise(arm: str, sizes: Sizes) -> tuple[str, Figure] | None:
    """The spread of the mini-batch loss; None where it was not recorded."""
    runs = _flat(sizes)
    if not any(len(run.curve(NOISE)[0]) for run in runs):
        return None
    title = "How noisy the loss of a mini-batch is"
    figure, (row,) = style.page(title, about(runs, arm), 1, 2, (4.6, 3.1))
    colours = _colours(sizes)
    for number, found in sizes.items():
        curves.draw(row[0], found, NOISE, colours[number], log=True)
    style.log_values(row[0])
    style.linear_epochs(row[0])
    row[0].set_ylabel(f"spread of the mini-batch\n{loss_name(runs)} (log scale)")
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
    axis.set_xscale("log")
    style.log_values(axis)
    axis.set_xticks(list(sizes), [f"{number:,}" for number in sizes], minor=False)
    axis.xaxis.minorticks_off()
    axis.set_xlabel("batch size (log scale)")


def outcomes(arm: str, sizes: Sizes) -> tuple[str, Figure]:
    """Final test accuracy and seconds an epoch, by batch size."""
    runs, colours = _flat(sizes), _colours(sizes)
    title = "What each batch size reaches, and what it takes"
    figure, (row,) = style.page(title, about(runs, arm), 1, 2, (4.6, 3.0))
    for at, (number, found) in enumerate(sizes.items()):
        dots.column(row[0], at, found, final("test/accuracy"), colours[number])
        dots.column(row[1], at, found, TIME, colours[number])
    for axis in row:
        axis.set_xticks(range(len(sizes)), [f"{number:,}" for number in sizes])
        axis.set_xlim(-0.6, len(sizes) - 0.4)
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("batch size")
    row[0].margins(y=0.15)
    row[0].yaxis.set_major_formatter(PercentFormatter(1.0))
    row[0].set_ylabel("final test accuracy")
    style.log_values(row[1])
    row[1].set_ylabel("seconds an epoch (log scale)")
    gone = curves.state_keys([run for run in runs if run.status.state == "diverged"])
    style.legend_below(figure, gone)
    caption = (
        "Left: where the test accuracy ends (median over the last tenth of the epochs). Right: "
        "wall time of an epoch's updates, measurements left out; runs side by side on one machine "
        f"slow one another. {dots.caption(losses=True)}"
    )
    return caption, figure


def _flat(sizes: Sizes) -> list[Run]:
    return [run for found in sizes.values() for run in found]


def _colours(sizes: Sizes) -> dict[int, Any]:
    return dict(zip(sizes, style.COLOURS * (1 + len(sizes) // len(style.COLOURS)), strict=False))
