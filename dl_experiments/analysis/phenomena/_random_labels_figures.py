"""hw1_3_random_labels: curves on the way to knowing the labels, epochs it took, capacity."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, PercentFormatter

from dl_experiments.analysis import curves, dots, style
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import about, loss_name, sized
from dl_experiments.analysis.grid import Grid
from dl_experiments.analysis.labels import Label, place
from dl_experiments.analysis.phenomena._random_labels import (
    EPOCHS,
    Widths,
    epochs_to_memorise,
    target,
)
from dl_experiments.analysis.quantities import by_seed, last

BLUE = style.COLOURS[0]
GUESSING: dict[str, Any] = {"color": "#777777", "lw": 0.9, "ls": ":"}


def learning(net: str, groups: Mapping[str, Sequence[Run]], title: str) -> tuple[str, Figure]:
    """Loss and accuracy against epoch of groups that differ in one thing; caption and figure."""
    runs = [run for found in groups.values() for run in found]
    figure, axes = style.page(title, about(runs, net), 1, 2, (5.4, 3.7))
    loss, accuracy = axes[0]
    colours = style.colours(list(groups), ordered=len(groups) > 1)
    for name, found in groups.items():
        for split, dashes in (("train", style.TRAIN), ("test", style.TEST)):
            look: dict[str, Any] = {"colour": colours[name], "dashes": dashes, "every": True}
            curves.draw(loss, found, f"{split}/loss", log=True, **look)
            curves.draw(accuracy, found, f"{split}/accuracy", **look)
    classes = runs[0].classes
    if classes:
        loss.axhline(np.log(classes), **GUESSING)
    guess = _guessing(accuracy, runs, f"loss ln {classes}, accuracy ")
    style.log_values(loss)
    loss.set_ylabel(f"{loss_name(runs)} (log scale)")
    accuracy.set_ylabel("accuracy")
    accuracy.set_ylim(-0.02, 1.03)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axis in axes[0]:
        style.linear_epochs(axis)
    keys = [curves.group_key(name, found, colours[name]) for name, found in groups.items()]
    style.legend_below(figure, [*keys, *curves.split_keys(), *guess, *curves.state_keys(runs)])
    caption = (
        "Loss (left, log scale) and accuracy (right) per epoch, in eval mode, on the training set "
        "with the labels it was trained on (solid) and on the whole test set with its true labels "
        f"(dashed). A run ends when its training accuracy reaches {max(map(target, runs)):.1%}, or "
        f"with its last epoch. {curves.EVERY} It is thin where some seeds have stopped."
    )
    return caption, figure


def epochs_against_fraction(net: str, groups: Mapping[float, Sequence[Run]]) -> tuple[str, Figure]:
    """Epochs to memorise (left) and final test accuracy (right) against p; caption and figure."""
    runs = [run for found in groups.values() for run in found]
    title = "How long it takes to learn labels by heart, and what is left for the test set"
    figure, axes = style.page(title, about(runs, net), 1, 2, (5.0, 3.5))
    missed = _epochs(axes[0, 0], groups)
    score = axes[0, 1]
    dots.through(score, groups, last("test/accuracy"), BLUE)
    guess = _guessing(score, runs)
    score.set_ylabel("test accuracy at the end")
    score.set_ylim(-0.02, 1.03)
    score.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axis in axes[0]:
        axis.set_xlabel("p, share of training labels that are drawn at random")
        axis.set_xticks(list(groups))
    keys = [style.key("one seed", color=BLUE, marker="o", ls="", ms=6)]
    keys.append(style.key("mean over seeds (of epochs the geometric mean)", color=BLUE))
    if missed:
        look = {"color": BLUE, "marker": "^", "mfc": "white", "ls": "", "ms": 8}
        keys.append(style.key("not memorised by its last epoch", **look))
    style.legend_below(figure, [*keys, *guess, *curves.state_keys(_gone(runs))])
    caption = (
        f"Left: the first logged epoch at which the training accuracy is {target(runs[0]):.1%} or "
        "more, against the share p of labels that are drawn (log scale). "
        + (
            "An open triangle is a run that did not get there: at its last epoch, a lower bound, "
            "which the mean counts as such. "
            if missed
            else "Every completed run got there. "
        )
        + "Right: test accuracy, true labels, at the end of the same runs."
    )
    return caption, figure


def capacity(net: str, groups: Widths) -> tuple[str, Figure]:
    """Final training accuracy against parameters per label; caption and figure."""
    runs = [run for found in groups.values() for run in found]
    title = "Random labels learned by nets of different width"
    figure, axes = style.page(title, about(runs, net), 1, 1, (7.0, 3.6))
    axis = axes[0, 0]
    score = last("train/accuracy")
    scores = {ratio: by_seed(found, score) for (ratio, _), found in groups.items()}
    dots.through(axis, {ratio: found for (ratio, _), found in groups.items()}, score, BLUE)
    axis.axvline(1, color="black", lw=0.9, ls="--")
    guess = _guessing(axis, runs)
    axis.set_xscale("log")
    ratios = [1.0, *scores]
    axis.set_xlim(min(ratios) / 2.5, max(ratios) * 2.5)
    axis.set_ylim(-0.04, 1.06)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.xaxis.set_major_formatter(lambda number, _: f"{number:g}")
    axis.set_xlabel("parameters for each training label (log scale)")
    axis.set_ylabel("training accuracy at the end")
    keys = [
        style.key("one seed", color=BLUE, marker="o", ls="", ms=6),
        style.key("mean over seeds", color=BLUE),
        style.key("one parameter for each label", color="black", lw=0.9, ls="--"),
        *guess,
        *curves.state_keys(_gone(runs)),
    ]
    style.legend_below(figure, keys)
    points = [(at, value) for at, found in scores.items() for value in found.values()]
    points += [(1.0, height) for height in np.linspace(0, 1, 60)]  # the dashed line
    texts = [
        Label(np.array([ratio, max(scores[ratio].values())]), f"{_units(layers)}{_count(found)}")
        for (ratio, layers), found in groups.items()
        if scores[ratio]
    ]
    place(axis, texts, np.array(points))
    epochs = sorted({int(run.get("trainer.max_epochs")) for run in runs})
    caption = (
        "Accuracy on training labels that are all random (p = 1) where training ended, at "
        f"{max(map(target, runs)):.1%} or after at most {' or '.join(map(str, epochs))} epochs, "
        "against the parameters that a net has for each label (log scale). "
        "Dots: every completed seed."
    )
    return caption, figure


def _epochs(axis: Axes, groups: Mapping[float, Sequence[Run]]) -> bool:
    """Draw epochs to memorise; returns whether a run missed."""
    dots.through(axis, groups, EPOCHS, BLUE)
    missed = {
        p: found
        for p, runs in groups.items()
        if (found := [run for run in runs if run.completed and epochs_to_memorise(run) is None])
    }
    for p, runs in missed.items():
        at = list(by_seed(runs, EPOCHS).values())
        axis.plot([p] * len(at), at, "^", color=BLUE, mfc="white", ms=8, zorder=4)
    style.log_values(axis)
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    style.whole_numbers(axis.yaxis)
    axis.set_ylabel("epochs to memorise (log scale)")
    return bool(missed)


def _guessing(axis: Axes, runs: Sequence[Run], words: str = "") -> list[Line2D]:
    """A line at the accuracy of guessing, and its legend entry; none where that is not known."""
    chance = runs[0].chance
    if not chance:
        return []
    axis.axhline(chance, **GUESSING)
    return [style.key(f"guessing: {words}{100 * chance:.3g}%", **GUESSING)]


def _gone(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.status.state == "diverged"]


def widths_named(groups: Widths) -> dict[str, Grid]:
    """Runs by width in words, as in "8 units"."""
    return {_units(layers): found for (_, layers), found in groups.items()}


def _units(layers: str) -> str:
    return f"{layers.strip('[]')} units"


def _count(runs: Sequence[Run]) -> str:
    return sized(runs).replace(" parameters", "")
