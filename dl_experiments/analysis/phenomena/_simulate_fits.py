"""hw1_1_simulate: what the nets predict, at their end and on the way there."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dl_experiments.analysis import style
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import about
from dl_experiments.analysis.phenomena._simulate import Functions, colours, flat, keys

Arrays = dict[str, np.ndarray]
FIELDS = {"x", "truth", "epochs", "predictions"}
TRUTH: dict[str, Any] = {"color": style.TRUTH, "lw": 3.0, "alpha": 0.55, "zorder": 1}


def predictions(arm: str, functions: Functions) -> tuple[str, Figure] | None:
    """What every seed's net predicts at its end, function × model; None without any."""
    names = colours(functions)
    fits = {
        function: {name: _fits(models.get(name, [])) for name in names}
        for function, models in functions.items()
    }
    fits = {function: models for function, models in fits.items() if any(models.values())}
    if not fits:
        return None
    figure, axes = style.page(
        "Predicted curves over the truth, every seed",
        about(flat(functions), arm),
        len(fits), len(names), (3.1, 1.9), sharex="row", sharey="row",
    )  # fmt: skip
    for row, (function, models) in zip(axes, fits.items(), strict=True):
        for axis, (name, found) in zip(row, models.items(), strict=True):
            for arrays in found.values():
                axis.plot(arrays["x"], arrays["predictions"][-1], color=names[name], lw=1.0)
            for arrays in list(found.values())[:1]:
                _truth(axis, arrays)
            axis.set_title(f"{name} on {function}, n = {len(found)}")
        row[0].set_ylabel("y")
    for axis in axes[-1]:
        axis.set_xlabel("x")
    figure.align_ylabels(axes[:, 0])
    style.legend_below(figure, [style.key("truth", **TRUTH), *keys(functions, counts=False)])
    caption = "Predictions on the test grid with the final weights; one line a completed seed."
    return caption, figure


def stages(arm: str, functions: Functions) -> tuple[str, Figure] | None:
    """What epochs buy: one seed's predictions after 1, 10, 100, … epochs; None without any."""
    found = {function: _one_seed(models) for function, models in functions.items()}
    found = {function: nets for function, nets in found.items() if nets}
    every = {int(e) for nets in found.values() for a in nets.values() for e in a["epochs"] if e}
    epochs = [e for e in sorted(every) if e == max(every) or np.log10(e).is_integer()]
    if not epochs:
        return None
    figure, axes = style.page(
        "What epochs buy: predictions of one seed as training goes on",
        about(flat(functions), arm),
        len(found), len(epochs), (2.15, 1.75), sharex="row", sharey="row",
    )  # fmt: skip
    names = colours(functions)
    for row, (function, nets) in zip(axes, found.items(), strict=True):
        for axis, epoch in zip(row, epochs, strict=True):
            for name, arrays in nets.items():
                stage = arrays["predictions"][np.flatnonzero(arrays["epochs"] <= epoch)]
                for curve in stage[-1:]:
                    axis.plot(arrays["x"], curve, color=names[name], lw=1.3)
            _truth(axis, next(iter(nets.values())))
        row[0].set_ylabel(f"{function}\ny")
    for axis, epoch in zip(axes[0], epochs, strict=True):
        axis.set_title(f"after {epoch:,} epoch{'' if epoch == 1 else 's'}")
    for axis in axes[-1]:
        axis.set_xlabel("x")
    figure.align_ylabels(axes[:, 0])
    style.legend_below(figure, [style.key("truth", **TRUTH), *keys(functions, counts=False)])
    caption = (
        "Predictions of one seed, the lowest that completed for all nets of a row, after 1, 10, "
        "100, … epochs and at the end. A run that stopped earlier is shown as it ended."
    )
    return caption, figure


def _fits(runs: list[Run]) -> dict[int, Arrays]:
    """Seed -> predictions of the completed runs whose file can be read (collect names others)."""
    found = {}
    for run in runs:
        try:
            arrays = run.measure("predictions") if run.completed else None
        except ValueError:
            continue
        if arrays and set(arrays) >= FIELDS and len(arrays["predictions"]):
            found[run.seed] = arrays
    return dict(sorted(found.items()))


def _one_seed(models: dict[str, list[Run]]) -> dict[str, Arrays]:
    """Model -> predictions of the lowest seed that all models have, or else of its own lowest."""
    fits = {name: found for name, runs in models.items() if (found := _fits(runs))}
    shared = set.intersection(*map(set, fits.values())) if fits else set()
    return {name: found[min(shared or found)] for name, found in fits.items()}


def _truth(axis: Axes, arrays: Arrays) -> None:
    """The truth, and its range with a margin: one wild net does not flatten the others."""
    axis.plot(arrays["x"], arrays["truth"], **TRUTH)
    low, high = float(arrays["truth"].min()), float(arrays["truth"].max())
    margin = 0.35 * ((high - low) or 1.0)
    axis.set_ylim(low - margin, high + margin)
