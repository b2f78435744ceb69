"""Dropout and weight decay on a net that has few samples: what they do to train, test and gap.

Adam's weight decay is *coupled*: λθ is added to the gradient, which Adam divides by its own size.
AdamW's is *decoupled*: each update takes lr · λ off the weights (Loshchilov and Hutter 2019,
"Decoupled weight decay regularization"). The same λ is not the same decay, so each optimizer is
compared with its own nets without decay; without, AdamW is Adam.

A gap is narrowed by learning less too. So narrowing counts only where no test accuracy is lost:
more than half a point of it is a loss, as 10,000 test images tell two accuracies near 90 % apart
to √(2 · 0.9 · 0.1 / 10⁴) = 0.42 points.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, difference
from dl_experiments.analysis.claims.jointly import provided
from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.basics.optimizers import OPTIMIZER, written
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, loss_name
from dl_experiments.analysis.runs.grid import Grid, flat, show
from dl_experiments.analysis.runs.quantities import METRICS, Quantity, columns, final, in_percent
from dl_experiments.analysis.runs.scales import LINEAR, SHARE
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.analysis.sections import Made, Section, over, put_together

DROPOUT, DECAY = "model.dropout", "optimizer.weight_decay"
NARROWER = Region(below=0.0)
KEPT = Region(above=-0.5)  # percentage points of test accuracy

Cell = tuple[str, float, float]
"""Optimizer, weight decay, dropout."""
Cells = dict[Cell, Grid]


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves and gaps over the grid, its numbers, and whether each regulariser narrows the gap."""
    return put_together(runs, [over(arms(runs, [OPTIMIZER, DROPOUT, DECAY]), _section)])


def _section(arm: str, runs: Grid) -> Section:
    cells = runs.along(lambda run: (run.get(OPTIMIZER), _value(run, DECAY), _value(run, DROPOUT)))
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
    judged = []
    for optimizer in dict.fromkeys(name for name, *_ in cells):
        own = [(decay, dropout) for name, decay, dropout in cells if name == optimizer]
        decay, dropout = (max(values) for values in zip(*own, strict=True))
        dropped, decayed = (
            f"Dropout {show(dropout)}",
            f"decay {show(decay)} ({_coupling(optimizer)})",
        )
        sides = {}
        if dropout and (0.0, dropout) in own:  # AdamW's would be Adam's
            sides[0.0, dropout] = dropped
        if decay:
            sides[decay, 0.0] = f"Weight {decayed}"
        if dropout and decay:
            sides[decay, dropout] = f"{dropped} with weight {decayed}"
        judged += [
            _narrows(name, metric, cells.get((optimizer, *at), Grid()), bare(cells, optimizer))
            for at, name in sides.items()
            for metric in GAPS
        ]
    return judged


def bare(cells: Cells, optimizer: str) -> Grid:
    """The nets without dropout and decay that an optimizer's are compared with."""
    same = "adam" if optimizer == "adamw" else optimizer  # without decay they are
    found = (cells.get((name, 0.0, 0.0)) for name in (optimizer, same))
    return next((runs for runs in found if runs), Grid())


def _narrows(name: str, metric: str, runs: Grid, plain: Grid) -> Claim:
    shares = metric == "accuracy gap"
    read = in_percent(GAPS[metric]) if shares else GAPS[metric]
    what = "training minus test accuracy" if shares else "test minus training loss"
    pair = (Group(runs, name[0].lower() + name[1:]), Group(plain, "none"))
    narrower = difference(
        f"{name} narrows the {metric} and loses no test accuracy",
        replace(read, unit="percentage points" if shares else ""),
        NARROWER,
        pair,
        f"final gap ({what}), with minus without",
    )
    test = in_percent(final("test/accuracy"))
    kept = difference("", test, KEPT, pair, "final test accuracy, with minus without:")
    return provided(narrower, kept)


def _coupling(optimizer: str) -> str:
    return f"{written(optimizer)}, {'de' * (optimizer == 'adamw')}coupled"


def _column(optimizer: str, decay: float, apart: str = "") -> str:
    """As in "0.1 (Adam, coupled)"; the words by themselves where something sets them apart."""
    words = _coupling(optimizer) if decay else written(optimizer)
    return apart.join([show(decay), *words.split(", ")]) if apart else f"{show(decay)} ({words})"


def _curves(arm: str, cells: Cells) -> Made:
    runs, colours, decays = flat(cells), _colours(cells), _decays(cells)
    size = (max(3.1, 7.0 / len(decays)), 2.5)
    title, shared = "Loss and accuracy by dropout and weight decay", {"sharex": "all"}
    figure, axes = style.page(title, about(runs, arm), 2, len(decays), size, **shared, sharey="row")
    for (above, below), decay in zip(axes.T, decays, strict=True):
        own = {dropout: found for (*of, dropout), found in cells.items() if tuple(of) == decay}
        curves.learning(above, below, own, colours)
        above.set_title(f"weight decay {_column(*decay)}")
        panels.epochs(below)
    curves.percent_axis(axes[1, 0], runs)
    keys = [style.key(f"dropout {show(name)}", color=c) for name, c in colours.items()]
    style.legend_below(figure, [*keys, *curves.split_keys(), *curves.state_keys(runs)])
    caption = (
        "Loss (above) and accuracy (below) per epoch; solid: training set, dashed: test set, both "
        f"in eval mode, where dropout is off. {curves.band(accuracy=True)} The accuracy axis "
        f"leaves out epoch 0, where every net guesses. {_coupled(cells)}"
    )
    return caption.strip(), figure


def _gaps(arm: str, cells: Cells) -> Made:
    runs, colours, decays = flat(cells), _colours(cells), _decays(cells)
    title = "The gap between training and test set"
    figure, axes = style.page(title, about(runs, arm), 1, 3, (3.4, 3.0))
    points = in_percent(GAPS["accuracy gap"])
    shown = {
        f"test minus training {loss_name(runs)}": (GAPS["loss gap"], LINEAR),
        "training minus test accuracy\n(percentage points)": (points, LINEAR),
        "test accuracy": (final("test/accuracy"), SHARE),
    }
    step = 0.8 / len(colours)
    for axis, (label, (quantity, scale)) in zip(axes[0], shown.items(), strict=True):
        for (name, decay, dropout), found in cells.items():
            aside = step * (list(colours).index(dropout) - (len(colours) - 1) / 2)
            place = decays.index((name, decay)) + aside
            dots.column(axis, place, found, quantity, colours[dropout], 0.7 * step)
        panels.names(axis, [_column(*of, "\n") for of in decays])
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
        f"has none, so the test accuracy stands beside it. {_coupled(cells)}"
    )
    return caption.strip(), figure


def _coupled(cells: Cells) -> str:
    """What AdamW's decay is beside Adam's, where both are shown."""
    if not {"adam", "adamw"} <= {name for name, *_ in cells}:
        return ""
    return (
        "Coupled: decay is part of the gradient that Adam rescales; decoupled: each update takes "
        "lr · decay off the weights. Equal numbers are not equal decay; without, AdamW is Adam."
    )


def _numbers(cells: Cells) -> list[Row]:
    quantities = columns(map(final, METRICS))
    quantities["final loss gap"] = GAPS["loss gap"]
    quantities["final accuracy gap (percentage points)"] = in_percent(GAPS["accuracy gap"])
    return [
        Row({"dropout": show(dropout), "weight decay": _column(name, decay)}, runs, quantities)
        for (name, decay, dropout), runs in cells.items()
    ]


def _decays(cells: Cells) -> list[tuple[str, float]]:
    """Optimizer and decay, in order of the columns."""
    return list(dict.fromkeys((name, decay) for name, decay, _ in cells))


def _colours(cells: Cells) -> dict[float, Any]:
    return style.colours(sorted({dropout for *_, dropout in cells}))
