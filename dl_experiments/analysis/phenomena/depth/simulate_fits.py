"""hw1_1_simulate: what the nets predict, at their end and on the way there."""

from collections.abc import Mapping

import numpy as np

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.drawing.fits import (
    CUT,
    TRUTH,
    Arrays,
    every_seed,
    final_fits,
    truth,
    within,
)
from dl_experiments.analysis.phenomena.depth.groups import Functions, colours, keys
from dl_experiments.analysis.runs.describe import about
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.sections import Made


def predictions(arm: str, functions: Functions) -> Made | None:
    """What every seed's net predicts at its end, function × model; None without any."""
    return every_seed(arm, functions, colours(functions), keys(functions, counts=False))


def stages(arm: str, functions: Functions) -> Made | None:
    """What epochs buy: one seed's predictions after 1, 10, 100, … epochs; None without any."""
    found = {function: _one_seed(models) for function, models in functions.items()}
    found = {function: nets for function, nets in found.items() if nets}
    every = {int(e) for nets in found.values() for _, a in nets.values() for e in a["epochs"] if e}
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
        shown = []
        for axis, epoch in zip(row, epochs, strict=True):
            for name, (_, arrays) in nets.items():
                stage = arrays["predictions"][np.flatnonzero(arrays["epochs"] <= epoch)]
                for curve in stage[-1:]:
                    axis.plot(arrays["x"], curve, color=names[name], lw=1.3)
                    shown.append(curve)
            truth(axis, next(iter(nets.values()))[1])
        within(row[0], [arrays for _, arrays in nets.values()], shown)
        row[0].set_ylabel(f"{function}\n{_seeds(nets)}\ny")
    for axis, epoch in zip(axes[0], epochs, strict=True):
        axis.set_title(f"after {epoch:,} epoch{'' if epoch == 1 else 's'}")
    for axis in axes[-1]:
        axis.set_xlabel("x")
    figure.align_ylabels(axes[:, 0])
    style.legend_below(figure, [style.key("truth", **TRUTH), *keys(functions, counts=False)])
    caption = (
        "Predictions of one seed, the lowest that completed for all nets of a row and named "
        "beside it, after 1, 10, 100, … epochs and at the end. A run that stopped earlier is "
        f"shown as it ended. {CUT}"
    )
    return caption, figure


def _seeds(nets: Mapping[str, tuple[int, Arrays]]) -> str:
    """As in "seed 0"; several where no seed has all nets."""
    seeds = dict.fromkeys(str(seed) for seed, _ in nets.values())
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}"


def _one_seed(models: dict[str, Grid]) -> dict[str, tuple[int, Arrays]]:
    """Model -> the lowest seed that all models have, or else its own lowest, and predictions."""
    fits = {name: found for name, runs in models.items() if (found := final_fits(runs))}
    shared = set.intersection(*map(set, fits.values())) if fits else set()
    return {name: (at := min(shared or found), found[at]) for name, found in fits.items()}
