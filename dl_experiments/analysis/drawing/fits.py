"""What nets that learned a function predict, drawn over the truth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about
from dl_experiments.analysis.runs.grid import flat

Arrays = dict[str, np.ndarray]
FIELDS = {"x", "truth", "epochs", "predictions"}
MANY = 10  # lines that would cover one another
CUT = "A prediction that leaves the truth's range by more than its height is cut there."
TRUTH: dict[str, Any] = {"color": style.TRUTH, "lw": 3.0, "alpha": 0.55, "zorder": 1}


def every_seed(
    arm: str,
    functions: Mapping[str, Mapping[str, Sequence[Run]]],
    colours: Mapping[str, Any],
    keys: Sequence[Line2D],
) -> tuple[str, Figure] | None:
    """What every seed's net predicts at its end, function × group; None without any.

    Args:
        arm: What the runs have in common, for the line under the title.
        functions: Function -> group -> runs.
        colours: Group -> colour, in the order of the columns.
        keys: Legend entries of the groups.
    """
    fits = {
        function: {name: final_fits(groups.get(name, [])) for name in colours}
        for function, groups in functions.items()
    }
    fits = {function: groups for function, groups in fits.items() if any(groups.values())}
    if not fits:
        return None
    runs = flat(functions)
    figure, axes = style.page(
        "Predicted curves over the truth, every seed",
        about(runs, arm),
        len(fits), len(colours), (3.1, 1.9), sharex="row", sharey="row",
    )  # fmt: skip
    for row, (function, groups) in zip(axes, fits.items(), strict=True):
        for axis, (name, found) in zip(row, groups.items(), strict=True):
            faint = {"lw": 1.0, "alpha": 1.0 if len(found) < MANY else 0.55}
            for arrays in found.values():
                axis.plot(arrays["x"], arrays["predictions"][-1], color=colours[name], **faint)
            for arrays in list(found.values())[:1]:
                truth(axis, arrays)
            axis.set_title(f"{name} on {function}, n = {len(found)}")
        row[0].set_ylabel("y")
        nets = [arrays for found in groups.values() for arrays in found.values()]
        within(row[0], nets, [arrays["predictions"][-1] for arrays in nets])
    for axis in axes[-1]:
        axis.set_xlabel("x")
    figure.align_ylabels(axes[:, 0])
    style.legend_below(figure, [style.key("truth", **TRUTH), *keys])
    caption = (
        f"Predictions on the test grid with the final weights; one line a completed seed. {CUT}"
    )
    return caption, figure


def final_fits(runs: Sequence[Run]) -> dict[int, Arrays]:
    """Seed -> predictions of the completed runs whose file can be read."""
    found = {}
    for run in runs:
        arrays = run.measure("predictions") if run.completed else None
        if arrays and set(arrays) >= FIELDS and len(arrays["predictions"]):
            found[run.seed] = arrays
    return dict(sorted(found.items()))


def truth(axis: Axes, arrays: Arrays) -> None:
    """Draw the truth."""
    axis.plot(arrays["x"], arrays["truth"], **TRUTH)


def within(axis: Axes, nets: Sequence[Arrays], shown: Sequence[np.ndarray]) -> None:
    """A y axis that holds the truth and the predictions shown [x] each, but not a wild net's."""
    truths = np.concatenate([arrays["truth"] for arrays in nets])
    high, low = float(truths.max()), float(truths.min())
    height = (high - low) or 1.0
    seen = np.clip(np.concatenate([truths, *shown]), low - height, high + height)
    seen = seen[np.isfinite(seen)]
    axis.set_ylim(seen.min() - 0.05 * height, seen.max() + 0.05 * height)
