"""Dropout and weight decay on a net that has few samples: what they do to train, test and gap."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dl_experiments.analysis import curves, dots, style
from dl_experiments.analysis.claims import Claim, Region, claim, in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import about, interval, loss_name, percent
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.outcomes import by_seed, estimate, final, geometric
from dl_experiments.analysis.phenomena._basics import unfit
from dl_experiments.analysis.statistics import difference
from dl_experiments.analysis.swept import arms, confounded, group, show

STUDY = "basics_regularization"
TITLE = "Dropout and weight decay"
DROPOUT, DECAY = "model.dropout", "optimizer.weight_decay"
GAPS = ("loss gap", "accuracy gap")
NARROWER = Region(below=0.0)

Cells = dict[tuple[float, float], list[Run]]
"""(dropout, weight decay) -> runs, in order of both."""


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves and gaps over the grid, its numbers, and whether each regulariser narrows the gap."""
    drawings, rows, judged, notes = [], [], [], []
    for count, (arm, members) in enumerate(arms(runs, [DROPOUT, DECAY]).items(), start=1):
        cells = _cells(members)
        ending = f"-{count}" if arm else ""
        drawings.append(Drawing(f"curves{ending}", *_curves(arm, cells)))
        drawings.append(Drawing(f"gap{ending}", *_gaps(arm, cells)))
        rows += _numbers(arm, cells)
        notes += confounded(members)
        judged += [in_arm(one, arm) for one in judge(cells)]
    notes = list(dict.fromkeys(notes))
    return Finding(STUDY, TITLE, STUDY, runs, drawings, pd.DataFrame(rows), judged, notes)


def _cells(runs: Sequence[Run]) -> Cells:
    found = group([with_gaps(run) for run in runs], [DROPOUT, DECAY])
    return {(_value(some[0], DROPOUT), _value(some[0], DECAY)): some for some in found.values()}


def _value(run: Run, key: str) -> float:
    return float(run.get(key) or 0.0)


def with_gaps(run: Run) -> Run:
    """The run with two more metrics at each logged epoch: ``loss gap`` and ``accuracy gap``.

    Test loss minus training loss, training accuracy minus test accuracy; both grow with
    overfitting.
    """
    rows = []
    for row in run.rows:
        more = {}
        if "train/loss" in row and "test/loss" in row:
            more["loss gap"] = row["test/loss"] - row["train/loss"]
        if "train/accuracy" in row and "test/accuracy" in row:
            more["accuracy gap"] = row["train/accuracy"] - row["test/accuracy"]
        rows.append({**row, **more})
    return replace(run, rows=rows)


def judge(cells: Cells) -> list[Claim]:
    """Each regulariser alone at its largest value, and both, against none; both gaps."""
    most = (max(dropout for dropout, _ in cells), max(decay for _, decay in cells))
    sides = {
        f"Dropout {show(most[0])}": (most[0], 0.0),
        f"Weight decay {show(most[1])}": (0.0, most[1]),
        f"Dropout {show(most[0])} with weight decay {show(most[1])}": most,
    }
    return [
        _narrows(name, metric, cells.get(at, []) if at != (0.0, 0.0) else [], cells)
        for name, at in sides.items()
        for metric in GAPS
    ]


def _narrows(name: str, metric: str, runs: Sequence[Run], cells: Cells) -> Claim:
    scale = 100 if metric == "accuracy gap" else 1
    with_, without = (
        {seed: scale * gap for seed, gap in by_seed(side, final(metric)).items()}
        for side in (runs, cells.get((0.0, 0.0), []))
    )
    what = "training minus test accuracy" if scale == 100 else "test minus training loss"
    return claim(
        f"{name} narrows the {metric}",
        f"final gap ({what}), with minus without",
        NARROWER,
        difference(with_, without) if with_ and without else None,
        "percentage points" if scale == 100 else "",
        unfit=unfit(_flat(cells)),
    )


def _curves(arm: str, cells: Cells) -> tuple[str, Figure]:
    runs = _flat(cells)
    decays = sorted({decay for _, decay in cells})
    figure, axes = style.page(
        "Loss and accuracy by dropout and weight decay", about(runs, arm),
        2, len(decays), (max(3.1, 7.0 / len(decays)), 2.5), sharex="all", sharey="row",
    )  # fmt: skip
    colours = _colours(cells)
    for (above, below), decay in zip(axes.T, decays, strict=True):
        for (dropout, own), found in cells.items():
            for split, dashes in (("train", style.TRAIN), ("test", style.TEST)):
                if own == decay:
                    look: dict[str, Any] = {"colour": colours[dropout], "dashes": dashes}
                    curves.draw(above, found, f"{split}/loss", log=True, **look)
                    curves.draw(below, found, f"{split}/accuracy", **look)
        above.set_yscale("log")
        above.set_title(f"weight decay {show(decay)}")
        style.linear_epochs(below)
    curves.percent_axis(axes[1, 0], runs)
    axes[0, 0].set_ylabel(f"{loss_name(runs)}\n(log scale)")
    axes[1, 0].set_ylabel("accuracy")
    keys = [style.key(f"dropout {show(name)}", color=c) for name, c in colours.items()]
    style.legend_below(figure, [*keys, *curves.split_keys(), *curves.state_keys(runs)])
    caption = (
        "Loss (above) and accuracy (below) per epoch; solid: training set, dashed: test set, both "
        f"in eval mode, where dropout is off. {curves.band(accuracy=True)} The accuracy axis "
        "leaves out epoch 0, where every net guesses."
    )
    return caption, figure


def _gaps(arm: str, cells: Cells) -> tuple[str, Figure]:
    runs, colours = _flat(cells), _colours(cells)
    decays = sorted({decay for _, decay in cells})
    metrics = ("loss gap", "accuracy gap", "test/accuracy")
    figure, axes = style.page(
        "The gap between training and test set", about(runs, arm), 1, 3, (3.4, 3.0)
    )
    step = 0.8 / len(colours)
    for axis, metric in zip(axes[0], metrics, strict=True):
        for (dropout, decay), found in cells.items():
            place = decays.index(decay) + step * (
                list(colours).index(dropout) - (len(colours) - 1) / 2
            )
            dots.column(axis, place, found, metric, colours[dropout], 0.7 * step)
        axis.set_xticks(range(len(decays)), [show(decay) for decay in decays])
        axis.set_xlim(-0.6, len(decays) - 0.4)
        axis.grid(axis="x", visible=False)
        axis.margins(y=0.12)
        axis.set_xlabel("weight decay")
    axes[0, 0].set_ylabel(f"test minus training {loss_name(runs)}")
    axes[0, 1].set_ylabel("training minus test accuracy")
    axes[0, 2].set_ylabel("test accuracy")
    for axis in axes[0, 1:]:
        axis.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
    keys = [
        style.key(f"dropout {show(name)}", color=c, ls="", marker="o")
        for name, c in colours.items()
    ]
    gone = curves.state_keys([run for run in runs if run.status.state == "diverged"])
    style.legend_below(figure, [*keys, *gone])
    caption = (
        "Where the gaps and the test accuracy end (median over the last tenth of the epochs). "
        f"{dots.caption(losses=False)} A narrow gap alone is no merit: a net that learns nothing "
        "has none, so the test accuracy stands beside it."
    )
    return caption, figure


def _numbers(arm: str, cells: Cells) -> list[dict[str, str]]:
    rows = []
    for (dropout, decay), runs in cells.items():
        row = {"arm": arm} if arm else {}
        row |= {"dropout": show(dropout), "weight decay": show(decay)}
        row["seeds"] = curves.members(runs)
        for metric in ("train/loss", "test/loss"):
            row[f"final {metric} (geometric mean)"] = interval(geometric(runs, metric))
        row["loss gap"] = interval(estimate(runs, final("loss gap")))
        for metric in ("train/accuracy", "test/accuracy", "accuracy gap"):
            row[f"final {metric}"] = interval(estimate(runs, final(metric)), percent)
        rows.append(row)
    return rows


def _flat(cells: Mapping[tuple[float, float], Sequence[Run]]) -> list[Run]:
    return [run for found in cells.values() for run in found]


def _colours(cells: Cells) -> dict[float, Any]:
    names = sorted({dropout for dropout, _ in cells})
    return dict(zip(names, style.COLOURS, strict=False))
