"""hw1_3_random_labels: curves on the way to knowing the labels, epochs it took, capacity."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.drawing.text import Label, place
from dl_experiments.analysis.phenomena.random_labels.memorised import (
    EPOCHS,
    Widths,
    epochs_to_memorise,
    goal,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, sized
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import Quantity, by_seed, last
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.analysis.sections import Made

BLUE = style.COLOURS[0]


def learning(net: str, groups: Mapping[str, Sequence[Run]], title: str) -> Made:
    """Loss and accuracy against epoch of groups that differ in one thing; caption and figure."""
    runs = flat(groups)
    figure, ((loss, accuracy),) = style.page(title, about(runs, net), 1, 2, (5.4, 3.7))
    colours = style.colours(list(groups), ordered=len(groups) > 1)
    classes = runs[0].classes
    if classes:
        loss.axhline(np.log(classes), **curves.GUESSING)
    guess = curves.guessing(accuracy, runs, f"loss ln {classes}, accuracy ")
    curves.learning(loss, accuracy, groups, colours, every=True)
    panels.values(accuracy, "accuracy", SHARE)
    accuracy.set_ylim(-0.02, 1.03)
    for axis in (loss, accuracy):
        panels.epochs(axis)
    keys = [curves.group_key(name, found, colours[name]) for name, found in groups.items()]
    keys += [*curves.split_keys(), *curves.ended_keys(groups), *guess]
    style.legend_below(figure, [*keys, *curves.state_keys(runs)])
    caption = (
        "Loss (left, log scale) and accuracy (right) per epoch, in eval mode, on the training set "
        "with the labels it was trained on (solid) and on the whole test set with its true labels "
        f"(dashed). A run ends when its training accuracy reaches {goal(runs)}, or "
        f"with its last epoch. {curves.EVERY} It is thin where some seeds have ended."
    )
    return caption, figure


def epochs_against_fraction(net: str, groups: Mapping[float, Sequence[Run]]) -> Made:
    """Epochs to memorise (left) and final test accuracy (right) against p; caption and figure."""
    runs = flat(groups)
    title = "How long it takes to learn labels by heart, and what is left for the test set"
    figure, ((long, score),) = style.page(title, about(runs, net), 1, 2, (5.0, 3.5))
    missed = _epochs(long, groups)
    dots.through(score, groups, last("test/accuracy"), BLUE)
    guess = curves.guessing(score, runs)
    panels.values(score, "test accuracy at the end", SHARE)
    score.set_ylim(-0.02, 1.03)
    for axis in (long, score):
        axis.set_xlabel("p, share of training labels that are drawn at random")
        axis.set_xticks(list(groups))
    keys = dots.keys()
    if missed:
        look = {"color": BLUE, "marker": "^", "mfc": "white", "ls": "", "ms": 8}
        keys.append(style.key("not memorised by its last epoch", **look))
    style.legend_below(figure, [*keys, *guess, *curves.lost_keys(runs)])
    caption = (
        f"Left: the first logged epoch at which the training accuracy is {goal(runs)} or "
        f"more (log scale; logged {_often(runs)}), against the share p of labels that are drawn. "
        + (
            "An open triangle is a run that did not get there: at its last epoch, a lower bound, "
            "which the mean counts as such. "
            if missed
            else "Every completed run got there. "
        )
        + "Right: test accuracy, true labels, at the end of the same runs."
    )
    return caption, figure


def capacity(net: str, groups: Widths) -> Made:
    """Final training accuracy against parameters per label; caption and figure."""
    runs = flat(groups)
    title = "Random labels learned by nets of different width"
    figure, axes = style.page(title, about(runs, net), 1, 1, (7.0, 3.6))
    axis = axes[0, 0]
    score = last("train/accuracy")
    scores = {ratio: by_seed(found, score) for (ratio, _), found in groups.items()}
    dots.through(axis, {ratio: found for (ratio, _), found in groups.items()}, score, BLUE)
    guess = curves.guessing(axis, runs)
    axis.set_xscale("log")
    axis.set_xlim(min(scores) / 2.5, max(scores) * 2.5)
    axis.set_ylim(-0.04, 1.16)
    axis.xaxis.set_major_formatter(lambda number, _: f"{number:g}")
    axis.set_xlabel("parameters for each training label (log scale)")
    panels.values(axis, "training accuracy at the end", SHARE)
    style.legend_below(figure, [*dots.keys(), *guess, *curves.lost_keys(runs)])
    points = [(at, value) for at, found in scores.items() for value in found.values()]
    points += _along(groups, score)
    texts = [
        Label(np.array([ratio, max(scores[ratio].values())]), f"{_units(layers)}{_count(found)}")
        for (ratio, layers), found in groups.items()
        if scores[ratio]
    ]
    place(axis, texts, np.array(points))
    epochs = sorted({int(run.get("trainer.max_epochs")) for run in runs})
    caption = (
        "Accuracy on training labels that are all random (p = 1) where training ended, at "
        f"{goal(runs)} or after at most {' or '.join(map(str, epochs))} epochs, "
        "against the parameters that a net has for each label (log scale). "
        "Dots: every completed seed."
    )
    return caption, figure


def _along(groups: Widths, score: Quantity) -> list[tuple[float, float]]:
    """Points on the line through the means, which no text may cover."""
    means = {at: one.value for (at, _), runs in groups.items() if (one := score.level(runs))}
    if not means:
        return []
    places = np.geomspace(min(means), max(means), 60)
    logs = np.log([*means])
    return [(float(at), float(np.interp(np.log(at), logs, [*means.values()]))) for at in places]


def _often(runs: Sequence[Run]) -> str:
    """How often a run is logged, in words."""
    kinds = sorted({str(run.get("trainer.log_every")) for run in runs})
    return " or ".join(f"every {kind} epochs" if kind.isdigit() else kind for kind in kinds)


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
    panels.values(axis, "epochs to memorise", LOG)
    panels.whole_numbers(axis.yaxis)
    return bool(missed)


def widths_named(groups: Widths) -> dict[str, Grid]:
    """Runs by width in words, as in "8 units"."""
    return {_units(layers): found for (_, layers), found in groups.items()}


def _units(layers: str) -> str:
    return f"{layers.strip('[]')} units"


def _count(runs: Sequence[Run]) -> str:
    return sized(runs).replace(" parameters", "")
