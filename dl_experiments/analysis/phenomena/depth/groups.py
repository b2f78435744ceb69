"""What the figures of hw1_1_simulate share: an arm's runs as function -> model -> runs."""

from collections.abc import Sequence

import numpy as np
from matplotlib.lines import Line2D

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import run_count, sized
from dl_experiments.analysis.runs.grid import Grid

Functions = dict[str, dict[str, Grid]]
LOSS = "train/loss"
TARGET = 1e-3
LEVELS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, TARGET)


def target(runs: Sequence[Run]) -> float:
    """The loss that counts as converged: 1e-3, or the looser one at which runs were stopped."""
    return max([TARGET, *(run.get("trainer.target_loss") or 0.0 for run in runs)])


def levels(runs: Sequence[Run]) -> list[float]:
    """The loss levels that nets have to fall to: those of ``LEVELS`` below all their first losses.

    The functions' variances lie around 0.09 and 1, so that each has several. None is lower than
    the target.
    """
    firsts = [values[0] for run in runs if len(values := run.shared(LOSS)[1])]
    top = min(filter(np.isfinite, firsts), default=0.0)
    return [level for level in LEVELS if target(runs) <= level < top]


def reached_levels(runs: Sequence[Run]) -> list[float]:
    """Those of the levels that some completed run got to."""
    lows = [run.shared(LOSS)[1] for run in runs if run.completed]
    least = min((float(np.nanmin(values)) for values in lows if len(values)), default=np.inf)
    return [level for level in levels(runs) if level >= least]


def colours(functions: Functions) -> dict[str, object]:
    """Model -> colour, in the order of the legend: deep, middle, shallow, then the others."""
    names = dict.fromkeys(name for models in functions.values() for name in models)
    known = [name for name in style.FIXED if name in names]
    return style.colours([*known, *(name for name in names if name not in known)])


def keys(functions: Functions, counts: bool = True) -> list[Line2D]:
    """Legend entries of the models; with ``counts`` how many seeds a facet has, where all agree."""
    entries = []
    for name, colour in colours(functions).items():
        by_function = [models[name] for models in functions.values() if name in models]
        text = name + sized([run for found in by_function for run in found])
        seeds = {run_count(found) for found in by_function}
        if counts and len(seeds) == 1:
            text += f", {seeds.pop()} per facet"
        entries.append(style.key(text, color=colour))
    return entries
