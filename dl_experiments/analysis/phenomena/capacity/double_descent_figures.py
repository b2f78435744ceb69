"""hw1_3_double_descent: loss and error across the threshold, and as the training set grows."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.phenomena.capacity.axes import (
    TEST,
    TRAIN,
    size_axis,
    split_keys,
)
from dl_experiments.analysis.phenomena.capacity.peaks import (
    NAMES,
    OUTCOMES,
    TEST_ERROR,
    THRESHOLDS,
    Study,
    shown,
    threshold,
)
from dl_experiments.analysis.phenomena.capacity.sizes import Sizes
from dl_experiments.analysis.runs.describe import about, data_name
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.quantities import Quantity, final
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.sections import Made

TEST_LOSS = final("test/loss")
DRAWN = {"test error": TEST_ERROR, "test loss": TEST_LOSS}
STEP = 11.0  # points between a mark and its curve, and between two marks


def across_threshold(arm: str, study: Study) -> Made:
    """Error and losses against size with the most images, one column a loss."""
    most = {loss: max(by_samples) for loss, by_samples in study.items() if by_samples}
    runs = flat({loss: study[loss][samples] for loss, samples in most.items()})
    what = data_name(runs[0].data)
    title = "Double descent: error and loss across the interpolation threshold"
    figure, axes = style.page(title, about(runs, arm), 3, len(most), (4.4, 2.3), sharex=True)
    for column, (loss, samples) in zip(axes.T, most.items(), strict=True):
        sizes, name = study[loss][samples], NAMES.get(loss, loss)
        dots.through(column[0], sizes, TEST_ERROR, TEST, style.TEST)
        dots.through(column[1], sizes, TEST_LOSS, TEST, style.TEST)
        dots.through(column[2], sizes, final("train/loss"), TRAIN, style.TRAIN)
        panels.values(column[0], "test error (%)")
        panels.values(column[1], f"test loss\n({name})")
        panels.values(column[2], f"training loss\n({name})", LOG)
        column[0].set_title(f"trained on {name}, {samples:,} images")
        for axis in column:
            _threshold(axis, loss, samples, sizes, "black")
        size_axis(column[2])
    figure.align_ylabels(axes)
    keys = [*split_keys(), *dots.keys(), *_threshold_keys(most)]
    style.legend_below(figure, [*keys, *curves.lost_keys(runs)])
    caption = (
        f"Nets with one hidden layer on {what}, where the runs end (median over the last tenth of "
        "the epochs): error and loss on the test set with its true labels, and the training loss, "
        f"noisy labels included; each column has its own loss. {dots.THROUGH} "
        "Every net is trained from initial weights of its own, unlike those of Belkin et al. "
        "(2019), where the weights of a smaller net started the next."
    )
    return caption, figure


def over_samples(arm: str, study: Study) -> Made | None:
    """Test error and loss against size, a colour a number of images; None with one number."""
    there = {loss: by_samples for loss, by_samples in study.items() if len(by_samples) > 1}
    if not there:
        return None
    runs = flat(study)
    title = "Test error and loss over parameters and training images"
    figure, axes = style.page(title, about(runs, arm), 2, len(there), (4.6, 2.8), sharex=True)
    every = sorted({samples for by_samples in there.values() for samples in by_samples})
    tints = style.colours(every, ordered=True)
    marked = 0
    for column, (loss, by_samples) in zip(axes.T, there.items(), strict=True):
        name = NAMES.get(loss, loss)
        for row, (samples, sizes) in enumerate(by_samples.items(), start=1):
            for axis, (what, quantity) in zip(column, DRAWN.items(), strict=True):
                dots.through(axis, sizes, quantity, tints[samples])
                at = shown(sizes, OUTCOMES[what])
                if at is not None:
                    _mark(axis, sizes, quantity, at, STEP * row, tints[samples])
                    marked += 1
                _threshold(axis, loss, samples, sizes, tints[samples])
        size_axis(column[1])
        panels.values(column[0], "test error (%)")
        panels.values(column[1], f"test loss ({name})")
        column[0].set_title(f"trained on {name}")
        for axis in column:
            axis.margins(y=0.12)
    figure.align_ylabels(axes)
    entries = [style.key(f"{n:,} images", color=colour) for n, colour in tints.items()]
    entries += [*dots.keys(), *_threshold_keys(there)]
    if marked:
        grey = {"ls": "", "color": "#BBBBBB", "markeredgecolor": "black"}
        entries.append(style.key("where the mean peaks, if it does", marker="v", **grey))
    style.legend_below(figure, [*entries, *curves.lost_keys(runs)])
    peaks = (
        "A triangle stands over a peak whose excess over a curve without one is above 0 with its "
        "95 % interval over seeds."
        if marked
        else "No peak stands out of the spread over seeds."
    )
    caption = (
        "Test error and loss where the runs end, one colour a number of training images, whose "
        f"interpolation threshold is dotted. {peaks} {dots.THROUGH}"
    )
    return caption, figure


def _threshold(axis: Axes, loss: str, samples: int, sizes: Sizes, colour: Any) -> None:
    level = threshold(loss, samples, sizes)
    if level is not None:
        axis.axvline(level, color=colour, lw=1.0, ls=":")


def _threshold_keys(losses: Any) -> list[Line2D]:
    """What the dotted lines are, a loss each."""
    look = {"color": "#555555", "lw": 1.0, "ls": ":"}
    texts = dict.fromkeys(THRESHOLDS.get(loss, THRESHOLDS["mse"]) for loss in losses)
    return [style.key(text, **look) for text in texts]


def _mark(axis: Axes, sizes: Sizes, of: Quantity, at: float, up: float, colour: Any) -> None:
    """A triangle so many points above the mean over seeds at log2 of a parameter count."""
    means = {count: level.value for count, runs in sizes.items() if (level := of.level(runs))}
    height = np.interp(at, np.log2([*means]), [*means.values()])
    over = ScaledTranslation(0, up / 72, axis.figure.dpi_scale_trans)
    look = {"color": colour, "mec": "black", "ms": 8, "zorder": 5}
    axis.plot([2**at], [height], "v", transform=axis.transData + over, **look)
