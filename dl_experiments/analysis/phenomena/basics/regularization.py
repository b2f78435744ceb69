"""Dropout and weight decay on a net that has few samples: what they do to train, test and gap."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, difference
from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, loss_name
from dl_experiments.analysis.runs.grid import Grid, flat, show
from dl_experiments.analysis.runs.quantities import METRICS, Quantity, columns, final, in_percent
from dl_experiments.analysis.runs.scales import LINEAR, SHARE
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.analysis.sections import Made, Section, over, put_together

DROPOUT, DECAY = "model.dropout", "optimizer.weight_decay"
NARROWER = Region(below=0.0)

Cells = dict[tuple[float, float], Grid]
"""(dropout, weight decay) -> runs, in order of both."""


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves and gaps over the grid, its numbers, and whether each regulariser narrows the gap."""
    return put_together(runs, [over(arms(runs, [DROPOUT, DECAY]), _section)])


def _section(arm: str, runs: Grid) -> Section:
    cells = runs.along(lambda run: (_value(run, DROPOUT), _value(run, DECAY)))
    drawings = {"curves": _curves(arm, cells), "gap": _gaps(arm, cells)}
    return Section(drawings, _numbers(cells), judge(cells))


def _value(run: Run, key: str) -> float:
    return float(run.get(key) or 0.0)


def _gap(more: str, less: str) -> Quantity:
    """Where the difference of two metrics ends, which grows with overfitting."""

    def curve(run: Run) -> tuple[np.ndarray, np.ndarray]:
        (at, one), (other_at, other) = run.shared(more), run.shared(less)
        both = np.intersect1d(at, other_at)
        with np.errstate(invalid="ignore"):  # two that are infinite have no difference
            return both, one[np.isin(at, both)] - other[np.isin(other_at, both)]

    name = f"{more} minus {less}"
    return Quantity(f"final {name}", final(name, curve).of)


GAPS = {
    "loss gap": _gap("test/loss", "train/loss"),
    "accuracy gap": _gap("train/accuracy", "test/accuracy"),
}


def judge(cells: Cells) -> list[Claim]:
    """Each regulariser alone at its largest value, and both, against none; both gaps.

    One that was not swept is not asked about.
    """
    dropout, decay = (max(values) for values in zip(*cells, strict=True))
    sides = {f"Dropout {show(dropout)}": (dropout, 0.0)} if dropout else {}
    if decay:
        sides[f"Weight decay {show(decay)}"] = (0.0, decay)
    if dropout and decay:
        sides[f"Dropout {show(dropout)} with weight decay {show(decay)}"] = (dropout, decay)
    return [
        _narrows(name, metric, cells.get(at, []), cells)
        for name, at in sides.items()
        for metric in GAPS
    ]


def _narrows(name: str, metric: str, runs: Sequence[Run], cells: Cells) -> Claim:
    shares = metric == "accuracy gap"
    read = in_percent(GAPS[metric]) if shares else GAPS[metric]
    what = "training minus test accuracy" if shares else "test minus training loss"
    return difference(
        f"{name} narrows the {metric}",
        replace(read, unit="percentage points" if shares else ""),
        NARROWER,
        (Group(runs, name[0].lower() + name[1:]), Group(cells.get((0.0, 0.0), []), "none")),
        f"final gap ({what}), with minus without",
    )


def _curves(arm: str, cells: Cells) -> Made:
    runs, colours = flat(cells), _colours(cells)
    decays = sorted({decay for _, decay in cells})
    size = (max(3.1, 7.0 / len(decays)), 2.5)
    title, shared = "Loss and accuracy by dropout and weight decay", {"sharex": "all"}
    figure, axes = style.page(title, about(runs, arm), 2, len(decays), size, **shared, sharey="row")
    for (above, below), decay in zip(axes.T, decays, strict=True):
        own = {dropout: found for (dropout, of), found in cells.items() if of == decay}
        curves.learning(above, below, own, colours)
        above.set_title(f"weight decay {show(decay)}")
        panels.epochs(below)
    curves.percent_axis(axes[1, 0], runs)
    keys = [style.key(f"dropout {show(name)}", color=c) for name, c in colours.items()]
    style.legend_below(figure, [*keys, *curves.split_keys(), *curves.state_keys(runs)])
    caption = (
        "Loss (above) and accuracy (below) per epoch; solid: training set, dashed: test set, both "
        f"in eval mode, where dropout is off. {curves.band(accuracy=True)} The accuracy axis "
        "leaves out epoch 0, where every net guesses."
    )
    return caption, figure


def _gaps(arm: str, cells: Cells) -> Made:
    runs, colours = flat(cells), _colours(cells)
    decays = sorted({decay for _, decay in cells})
    title = "The gap between training and test set"
    figure, axes = style.page(title, about(runs, arm), 1, 3, (3.4, 3.0))
    shown = {
        f"test minus training {loss_name(runs)}": (GAPS["loss gap"], LINEAR),
        "training minus test accuracy": (GAPS["accuracy gap"], SHARE),
        "test accuracy": (final("test/accuracy"), SHARE),
    }
    step = 0.8 / len(colours)
    for axis, (label, (quantity, scale)) in zip(axes[0], shown.items(), strict=True):
        for (dropout, decay), found in cells.items():
            aside = step * (list(colours).index(dropout) - (len(colours) - 1) / 2)
            place = decays.index(decay) + aside
            dots.column(axis, place, found, quantity, colours[dropout], 0.7 * step)
        panels.names(axis, map(show, decays))
        panels.values(axis, label, scale)
        axis.margins(y=0.12)
        axis.set_xlabel("weight decay")
    keys = [
        style.key(f"dropout {show(name)}", color=c, ls="", marker="o")
        for name, c in colours.items()
    ]
    style.legend_below(figure, [*keys, *curves.lost_keys(runs)])
    caption = (
        "Where the gaps and the test accuracy end (median over the last tenth of the epochs). "
        f"{dots.caption(losses=False)} A narrow gap alone is no merit: a net that learns nothing "
        "has none, so the test accuracy stands beside it."
    )
    return caption, figure


def _numbers(cells: Cells) -> list[Row]:
    quantities = columns(map(final, METRICS))
    quantities["final loss gap"] = GAPS["loss gap"]
    quantities["final accuracy gap (percentage points)"] = in_percent(GAPS["accuracy gap"])
    return [
        Row({"dropout": show(dropout), "weight decay": show(decay)}, runs, quantities)
        for (dropout, decay), runs in cells.items()
    ]


def _colours(cells: Cells) -> dict[float, Any]:
    return style.colours(sorted({dropout for dropout, _ in cells}))
