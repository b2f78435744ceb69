"""hw1_3_random_labels: curves on the way to knowing the labels, epochs it took, capacity."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, PercentFormatter

from dl_experiments.analysis import curves, style
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import about, loss_name
from dl_experiments.analysis.labels import Label, place
from dl_experiments.analysis.phenomena._random_labels import (
    at_least,
    by_fraction,
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
    classes = 10
    loss.axhline(np.log(classes), **GUESSING)
    accuracy.axhline(1 / classes, **GUESSING)
    style.log_values(loss)
    loss.set_ylabel(f"{loss_name(runs)} (log scale)")
    accuracy.set_ylabel("accuracy")
    accuracy.set_ylim(-0.02, 1.03)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axis in axes[0]:
        style.linear_epochs(axis)
    keys = [curves.group_key(name, found, colours[name]) for name, found in groups.items()]
    guess = style.key(f"guessing: loss ln {classes}, accuracy {1 / classes:.0%}", **GUESSING)
    style.legend_below(figure, [*keys, *curves.split_keys(), guess, *curves.state_keys(runs)])
    caption = (
        "Loss (left, log scale) and accuracy (right) per epoch, in eval mode, on the training set "
        "with the labels it was trained on (solid) and on the whole test set with its true labels "
        f"(dashed). A run ends when its training accuracy reaches {max(map(target, runs)):.1%}, or "
        f"with its last epoch. {curves.EVERY} It is thin where some seeds have stopped."
    )
    return caption, figure


def epochs_against_fraction(net: str, runs: Sequence[Run]) -> tuple[str, Figure]:
    """Epochs to memorise (left) and final test accuracy (right) against p; caption and figure."""
    title = "How long it takes to learn labels by heart, and what is left for the test set"
    figure, axes = style.page(title, about(runs, net), 1, 2, (5.0, 3.5))
    groups = by_fraction(runs)
    missed = _epochs(axes[0, 0], groups)
    score = axes[0, 1]
    _scores(score, {p: by_seed(found, last("test/accuracy")) for p, found in groups.items()})
    score.axhline(0.1, **GUESSING)
    score.set_ylabel("test accuracy at the end")
    score.set_ylim(-0.02, 1.03)
    score.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axis in axes[0]:
        axis.set_xlabel("p, share of training labels that are drawn at random")
        axis.set_xticks(list(groups))
    keys = [style.key("one seed", color=BLUE, marker="o", ls="", ms=6)]
    keys.append(style.key("mean over seeds", color="black", lw=1.2))
    if missed:
        look = {"color": BLUE, "marker": "^", "mfc": "white", "ls": "", "ms": 8}
        keys.append(style.key("not memorised by its last epoch", **look))
    style.legend_below(figure, [*keys, style.key("guessing: 10%", **GUESSING)])
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


def capacity(groups: Mapping[tuple[str, float], Sequence[Run]]) -> tuple[str, Figure]:
    """Final training accuracy against parameters per label; caption and figure."""
    runs = [run for found in groups.values() for run in found]
    title = "Random labels learned by nets of different width"
    figure, axes = style.page(title, about(runs), 1, 1, (7.0, 3.6))
    axis = axes[0, 0]
    scores = {ratio: by_seed(found, last("train/accuracy")) for (_, ratio), found in groups.items()}
    _scores(axis, scores)
    axis.axvline(1, color="black", lw=0.9, ls="--")
    axis.axhline(0.1, **GUESSING)
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
        style.key("mean over seeds", color="black", lw=1.2),
        style.key("one parameter for each label", color="black", lw=0.9, ls="--"),
        style.key("guessing: 10%", **GUESSING),
    ]
    style.legend_below(figure, keys)
    points = [(at, value) for at, found in scores.items() for value in found.values()]
    points += [(1.0, height) for height in np.linspace(0, 1, 60)]  # the dashed line
    texts = [
        Label(np.array([ratio, max(scores[ratio].values())]), f"{_units(layers)}{_count(found)}")
        for (layers, ratio), found in groups.items()
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
    missed = False
    means = {}
    for p, found in groups.items():
        done = [run for run in found if run.completed]
        epochs = by_seed(done, at_least)
        if not epochs:
            continue
        means[p] = float(np.mean(list(epochs.values())))
        places = _beside(p, len(epochs))
        for at, run in zip(places, sorted(done, key=lambda run: run.seed), strict=True):
            there = epochs_to_memorise(run) is not None
            missed |= not there
            marker, size = ("o", 5.5) if there else ("^", 8)
            axis.plot(
                [at],
                [epochs[run.seed]],
                marker,
                color=BLUE,
                mfc=BLUE if there else "white",
                ms=size,
            )
    axis.plot(list(means), list(means.values()), color="black", lw=1.2, zorder=1)
    style.log_values(axis)
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    style.whole_numbers(axis.yaxis)
    axis.set_ylabel("epochs to memorise (log scale)")
    return missed


def _scores(axis: Axes, groups: Mapping[float, Mapping[int, float]]) -> None:
    """A dot a seed, and a line through the means."""
    means = {at: float(np.mean(list(found.values()))) for at, found in groups.items() if found}
    for at, found in groups.items():
        values = list(found.values())
        axis.plot([at] * len(values), values, "o", color=BLUE, ms=5.5, alpha=0.75, mew=0)
    axis.plot(list(means), list(means.values()), color="black", lw=1.2, zorder=1)


def _beside(at: float, count: int) -> np.ndarray:
    return at + 0.012 * (np.arange(count) - (count - 1) / 2)


def fractions_named(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by p in words, as in "p = 0.5"; p rises."""
    return {f"p = {p:g}": found for p, found in by_fraction(runs).items()}


def widths_named(groups: Mapping[tuple[str, float], Sequence[Run]]) -> dict[str, Sequence[Run]]:
    """Runs by width in words, as in "8 units"."""
    return {_units(layers): found for (layers, _), found in groups.items()}


def _units(layers: str) -> str:
    return f"{layers.strip('[]')} units"


def _count(runs: Sequence[Run]) -> str:
    return curves.parameters(runs).replace(" parameters", "")
