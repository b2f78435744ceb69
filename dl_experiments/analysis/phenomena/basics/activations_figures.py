"""The figures of basics_activations: data sets beside each other, nets in one colour each."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.drawing.fits import CUT, TRUTH, final_fits, truth, within
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, data_name, is_classification, loss_name
from dl_experiments.analysis.runs.grid import Grid, flat, show
from dl_experiments.analysis.runs.quantities import final, longest, scale_of
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.sections import Made

COMPARED = ["data.name", "model.activation", "model.hidden"]
NAMES = ("linear", "identity", "relu", "leaky_relu", "tanh", "selu", "gelu")
DATA = ("sinc", "digits", "mnist")
LONG = 100  # epochs from which on their axis is logarithmic
COLUMNS = 4  # of fitted functions

Nets = dict[str, dict[str, Grid]]
"""Data set -> net -> runs; a net is called by its activation, one linear layer ``linear``."""


def ordered(runs: Grid) -> Nets:
    """The runs by data set and net, in the order of the figures."""
    several = len({show(run.get("model.hidden")) for run in runs if run.get("model.hidden")}) > 1
    nets = {
        data: some.along(lambda run: _name(run, several))
        for data, some in runs.along("data.name").items()
    }
    return {
        data: {name: nets[data][name] for name in sorted(nets[data], key=lambda n: _rank(n, NAMES))}
        for data in sorted(nets, key=lambda data: _rank(data, DATA))
    }


def _name(run: Run, several: bool) -> str:
    if not run.get("model.hidden"):
        return "linear"
    name = str(run.get("model.activation"))
    return f"{name} {show(run.get('model.hidden'))}" if several else name


def _rank(name: str, order: Sequence[str]) -> tuple[int, str]:
    return (order.index(name) if name in order else len(order), name)


def learning(arm: str, nets: Nets) -> Made:
    """Training loss above; test accuracy (of a function the test loss) below."""
    runs, colours = flat(nets), _colours(nets)
    title, size = "Loss and accuracy by activation", (3.5, 2.5)
    figure, axes = style.page(title, _about(runs, arm), 2, len(nets), size, sharex="col")
    for (above, below), (data, found) in zip(axes.T, nets.items(), strict=True):
        own = flat(found)
        images, late = is_classification(own[0]), int(longest(own) >= LONG)
        metric = "test/accuracy" if images else "test/loss"
        for name, some in found.items():
            curves.draw(above, some, "train/loss", colours[name], log=True, start=late)
            curves.draw(below, some, metric, colours[name], log=not images, start=late or 1)
        above.set_title(data_name(data))
        panels.values(above, f"training {loss_name(own)}\n", LOG)
        outcome = "test accuracy" if images else f"test {loss_name(own)}\n"
        panels.values(below, outcome, scale_of(metric))
        panels.epochs(below, log=bool(late))
    _label_all(axes)
    style.legend_below(figure, [*_keys(colours), *curves.state_keys(runs)])
    caption = (
        "Training loss (above, log scale) and test accuracy, on a function the test loss (below), "
        "all in eval mode; linear is one linear layer, identity the deep net with nothing between "
        f"its layers. {curves.band(accuracy=True)} The lower panels begin at epoch 1."
    )
    return caption, figure


def outcomes(arm: str, nets: Nets) -> Made:
    """Where each net ends: training loss on a function, test accuracy on images."""
    runs, colours = flat(nets), _colours(nets)
    title = "Where each activation ends"
    figure, axes = style.page(title, _about(runs, arm), 1, len(nets), (3.5, 3.1))
    for axis, (data, found) in zip(axes[0], nets.items(), strict=True):
        own = flat(found)
        images = is_classification(own[0])
        metric = "test/accuracy" if images else "train/loss"
        label = "final test accuracy" if images else f"final training {loss_name(own)}\n"
        dots.columns(axis, found, final(metric), colours, label, rotation=35, ha="right")
        axis.set_title(data_name(data))
        axis.margins(y=0.12)
    _label_all(axes)
    style.legend_below(figure, curves.lost_keys(runs))
    caption = (
        "Final training loss on a function, final test accuracy on images (median over the last "
        f"tenth of the epochs). {dots.caption(losses=True)}"
    )
    return caption, figure


def fits(arm: str, nets: Nets) -> Made | None:
    """What each net predicts of a function at its end; None without any."""
    found = {
        (data, name): final_fits(runs)
        for data, some in nets.items()
        for name, runs in some.items()
        if not is_classification(runs[0])
    }
    found = {at: arrays for at, arrays in found.items() if arrays}
    if not found:
        return None
    runs, colours = [run for at in found for run in nets[at[0]][at[1]]], _colours(nets)
    rows = -(-len(found) // COLUMNS)
    figure, axes = style.page(
        "Predicted curves over the truth, every seed", about(runs, arm, _widths(runs)),
        rows, COLUMNS, (2.6, 1.9), sharex="all", sharey="all",
    )  # fmt: skip
    every = list(axes.flat)
    for axis, ((data, name), fitted) in zip(every, found.items(), strict=False):
        for arrays in fitted.values():
            axis.plot(arrays["x"], arrays["predictions"][-1], color=colours[name], lw=1.0)
        truth(axis, next(iter(fitted.values())))
        axis.set_title(f"{name} on {data}, n = {len(fitted)}")
    drawn = [arrays for fitted in found.values() for arrays in fitted.values()]
    within(every[0], drawn, [arrays["predictions"][-1] for arrays in drawn])
    for axis in every[len(found) :]:
        axis.set_visible(False)
    for at, axis in enumerate(every[: len(found)]):
        if at + COLUMNS >= len(found):
            axis.set_xlabel("x")
            axis.tick_params(labelbottom=True)
    for row in axes:
        row[0].set_ylabel("y")
    style.legend_below(figure, [style.key("truth", **TRUTH)])
    caption = (
        "Predictions on the test grid with the final weights; one line a completed seed. linear "
        f"and identity can draw nothing but a straight line. {CUT}"
    )
    return caption, figure


def _label_all(axes: np.ndarray) -> None:
    """What the panel to the left says is said again: each data set has an axis of its own."""
    for row in axes:
        for left, right in pairwise(row):
            right.set_ylabel(right.get_ylabel() or left.get_ylabel())


def _about(runs: Sequence[Run], arm: str) -> str:
    """The line under a title; subsets are each data set's own."""
    sets = []
    for data, some in Grid(runs).along("data.name").items():
        size = some[0].get("data.samples")
        sets.append(f"{data} {f'{size:,} samples' if size else 'all samples'}")
    words = about(runs, arm, _widths(runs)).split(" · ")
    return " · ".join(["; ".join(sets), *words[1:]]) if len(sets) > 1 else " · ".join(words)


def _widths(runs: Sequence[Run]) -> str:
    found = {show(run.get("model.hidden")) for run in runs if run.get("model.hidden")}
    return f"hidden layers {' or '.join(sorted(found)).replace(',', '-')}" if found else ""


def _colours(nets: Nets) -> dict[str, Any]:
    names = dict.fromkeys(name for found in nets.values() for name in found)
    return style.colours(sorted(names, key=lambda name: _rank(name, NAMES)))


def _keys(colours: dict[str, Any]) -> list[Any]:
    return [style.key(name, color=colour) for name, colour in colours.items()]
