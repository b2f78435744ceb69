"""hw1_3_double_descent: loss and error across the threshold, and the test error over a map."""

from typing import Any

from matplotlib.axes import Axes

from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.phenomena.capacity.axes import (
    TEST,
    TRAIN,
    short,
    size_axis,
    split_keys,
)
from dl_experiments.analysis.phenomena.capacity.double_descent_claims import TEST_ERROR
from dl_experiments.analysis.phenomena.capacity.peaks import (
    NAMES,
    Study,
    centre,
    peak,
    threshold,
)
from dl_experiments.analysis.phenomena.capacity.sizes import Sizes
from dl_experiments.analysis.runs.describe import about, data_name
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.quantities import Quantity, final
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.sections import Made

LINE = {"color": "black", "lw": 1.0, "ls": ":"}


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
        dots.through(column[1], sizes, final("test/loss"), TEST, style.TEST)
        dots.through(column[2], sizes, final("train/loss"), TRAIN, style.TRAIN)
        panels.values(column[0], "test error (%)")
        panels.values(column[1], "test loss")
        panels.values(column[2], "training loss", LOG)
        column[0].set_title(f"trained on {name}, {samples:,} images")
        for axis in column:
            axis.axvline(threshold(samples, runs[0]), **LINE)
        size_axis(column[2])
    figure.align_ylabels(axes[:, 0])
    line = style.key("parameters = training images × classes", **LINE)
    style.legend_below(figure, [*split_keys(), line, *curves.lost_keys(runs)])
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
    shown = {loss: by_samples for loss, by_samples in study.items() if len(by_samples) > 1}
    if not shown:
        return None
    runs = flat(study)
    title = "Test error and loss over parameters and training images"
    figure, axes = style.page(title, about(runs, arm), 2, len(shown), (4.6, 2.8), sharex=True)
    every = sorted({samples for by_samples in shown.values() for samples in by_samples})
    tints = style.colours(every, ordered=True)
    for column, (loss, by_samples) in zip(axes.T, shown.items(), strict=True):
        for samples, sizes in by_samples.items():
            for axis, quantity in zip(column, (TEST_ERROR, final("test/loss")), strict=True):
                dots.through(axis, sizes, quantity, tints[samples])
                _mark(axis, sizes, quantity, tints[samples])
                level = threshold(samples, runs[0])
                axis.axvline(level, color=tints[samples], lw=1.0, ls=":")
        size_axis(column[1])
        panels.values(column[0], "test error (%)")
        panels.values(column[1], "test loss")
        column[0].set_title(f"trained on {NAMES.get(loss, loss)}")
    figure.align_ylabels(axes[:, 0])
    grey = {"ls": "", "color": "#BBBBBB", "markeredgecolor": "black"}
    entries = [style.key(f"{n:,} images", color=colour) for n, colour in tints.items()]
    entries += [
        style.key("threshold", color="#555555", lw=1.0, ls=":"),
        style.key("highest peak of the mean", marker="D", **grey),
    ]
    style.legend_below(figure, entries)
    levels = ", ".join(short(threshold(n, runs[0])) for n in every)
    caption = (
        "Test error and loss where the runs end, one colour a number of training images; dotted: "
        f"as many parameters as images × classes ({levels}). {dots.THROUGH}"
    )
    return caption, figure


def _mark(axis: Axes, sizes: Sizes, quantity: Quantity, colour: Any) -> None:
    """A mark where the mean over seeds has its highest peak, if it has one."""
    mean = centre(sizes, quantity)
    place = None if mean is None else peak(mean)
    if mean is not None and place is not None and place.height(mean) > 0:
        at = ([list(sizes)[place.at]], [mean[place.at]])
        axis.plot(*at, "D", color=colour, mec="black", ms=7, zorder=5)
