"""hw1_1_simulate: the training loss against epoch, and the epochs until it is low."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from dl_experiments.analysis.drawing import curves, panels, style
from dl_experiments.analysis.phenomena.depth.groups import LOSS, Functions, colours, keys, target
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, data_name, loss_name, number, run_count
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.statistics import epochs_to_reach
from dl_experiments.analysis.sections import Made


def losses(arm: str, functions: Functions) -> Made:
    """Training loss against epoch, one facet a function; returns caption and figure."""
    runs = flat(functions)
    title = "Training loss of nets of equal size and different depth"
    size = (3.7, 3.2)
    figure, axes = style.page(title, about(runs, arm), 1, len(functions), size)
    for axis, (function, models) in zip(axes[0], functions.items(), strict=True):
        for name, colour in colours(functions).items():
            found = models.get(name, ())
            curves.draw(axis, found, LOSS, colour, log=True, every=True, start=1)
        panels.values(axis, f"training loss ({loss_name(runs)})", LOG)
        if axis.get_ylim()[0] < 10 * target(runs):  # elsewhere it would only flatten the curves
            axis.axhline(target(runs), color="black", lw=0.9, ls=":")
        panels.epochs(axis, log=True)
        axis.set_title(f"{data_name(function)}{_odd_count(functions, function)}")
    goal = style.key(f"loss {number(target(runs))}", color="black", lw=0.9, ls=":")
    style.legend_below(figure, [*keys(functions), goal, *curves.state_keys(runs)])
    caption = (
        "Loss on the whole training set, evaluated in eval mode, against epoch (from epoch 1; a "
        f"logarithmic axis has no 0). {curves.EVERY} Each facet has its own loss axis."
    )
    return caption, figure


def convergence(arm: str, functions: Functions) -> Made:
    """Epochs until the loss is at the target; returns caption and figure."""
    runs = flat(functions)
    goal = target(runs)
    title = f"Epochs until the training loss is below {number(goal)}"
    size = (3.2, 3.0)
    figure, axes = style.page(title, about(runs, arm), 1, len(functions), size, sharey=True)
    names = colours(functions)
    most = max((run.curve(LOSS)[0].max(initial=1) for run in runs), default=1.0)
    least = most
    for axis, (function, models) in zip(axes[0], functions.items(), strict=True):
        for at, (name, colour) in enumerate(names.items()):
            reached = _reached(models.get(name, ()), goal)
            least = min([least, *(epochs for epochs in reached if epochs is not None)])
            _column(axis, at, reached, 2.2 * most, colour)
        axis.axhspan(1.45 * most, 4.5 * most, color="#F1F1F1", zorder=0)
        panels.values(axis, "epochs", LOG)
        panels.whole_numbers(axis.yaxis)
        panels.names(axis, names)
        axis.set_title(data_name(function))
    axes[0, 0].set_ylim(max(0.7, min(least / 5, most / 50)), 4.5 * most)
    grey = {"ls": "", "color": "#555555"}
    entries = [
        style.key("one seed", marker="o", **grey),
        style.key("median of those that got there", color="black", lw=1.5),
        style.key(f"not within {most:,.0f} epochs (shaded)", marker="^", mfc="none", **grey),
    ]
    style.legend_below(figure, entries)
    caption = (
        f"First recorded epoch with a training loss of at most {number(goal)}, one dot a completed "
        "seed. Triangles in the shaded strip: completed seeds that did not get there."
    )
    return caption, figure


def _reached(runs: Sequence[Run], goal: float) -> list[float | None]:
    """For each completed run its epochs to the goal, at least 1; None where it never got there."""
    epochs = [epochs_to_reach(*run.shared(LOSS), goal) for run in runs if run.completed]
    return [None if epoch is None else max(epoch, 1.0) for epoch in epochs]


def _column(
    axis: Axes, at: int, reached: Sequence[float | None], top: float, colour: object
) -> None:
    got = [epochs for epochs in reached if epochs is not None]
    never = len(reached) - len(got)
    axis.plot(at + _spread(len(got)), got, "o", color=colour, ms=6, alpha=0.8)
    if got:
        axis.plot([at - 0.28, at + 0.28], [np.median(got)] * 2, color="black", lw=1.5)
    if never:
        axis.plot(at + _spread(never), [top] * never, "^", color=colour, mfc="none", ms=7)
        text = f"{never} of {len(reached)}"
        axis.annotate(text, (at, top), (0, 7), textcoords="offset points", ha="center", size=9)


def _spread(count: int) -> np.ndarray:
    return np.linspace(-0.18, 0.18, count) if count > 1 else np.zeros(count)


def _odd_count(functions: Functions, function: str) -> str:
    """The seeds of a facet, where they differ between facets and the legend cannot say them."""
    seeds = [
        {name: run_count(found) for name, found in models.items()} for models in functions.values()
    ]
    if all(seeds[0] == other for other in seeds):
        return ""
    mine = {name: run_count(found) for name, found in functions[function].items()}
    return "\n" + ", ".join(f"{name} {text}" for name, text in mine.items())
