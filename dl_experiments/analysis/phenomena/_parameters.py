"""Nets of growing size on images: what hw1_3_parameters and its variants share."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from dl_experiments.analysis import curves, style
from dl_experiments.analysis.claims import Claim, in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import (
    about,
    data_name,
    interval,
    loss_name,
    percent,
)
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.outcomes import estimate, last_epoch
from dl_experiments.analysis.phenomena._capacity import (
    Reading,
    Sizes,
    by_size,
    flat,
    hidden,
    image_runs,
    uncounted,
)
from dl_experiments.analysis.phenomena._capacity_axes import (
    DOTS,
    TEST,
    TRAIN,
    against_size,
    size_axis,
    split_keys,
)
from dl_experiments.analysis.swept import arms, confounded

SIZE_KEYS = ("model.name", "model.hidden")
SPLITS = (("train", TRAIN, style.TRAIN), ("test", TEST, style.TEST))

Readings = Callable[[Sequence[Run]], list[Reading]]
Judge = Callable[[Sizes, list[Reading]], list[Claim]]


def analyse(
    name: str, title: str, runs: Sequence[Run], readings: Readings, judge: Judge
) -> Finding:
    """Loss and accuracy against size, numbers and claims, for each arm that the study has.

    Args:
        name: Of the experiment.
        title: Of the finding.
        runs: Of its study.
        readings: Maps an arm's runs to when they are read.
        judge: Maps an arm's sizes and readings to its claims.
    """
    drawings, rows, judged = [], [], []
    images, notes = image_runs(runs)
    for count, (arm, members) in enumerate(arms(images, SIZE_KEYS).items(), start=1):
        sizes, when = by_size(members), readings(members)
        notes += confounded(members) + uncounted(members, sizes)
        if not any(run.completed for run in flat(sizes)):
            continue
        ending = f"-{count}" if arm else ""
        drawings.append(Drawing(f"against-size{ending}", *_against_size(arm, sizes, when)))
        rows += _numbers(arm, sizes, when)
        judged += [in_arm(claim, arm) for claim in judge(sizes, when)]
    notes = list(dict.fromkeys(notes))
    return Finding(name, title, runs[0].study, runs, drawings, pd.DataFrame(rows), judged, notes)


def _against_size(arm: str, sizes: Sizes, readings: list[Reading]) -> tuple[str, Figure]:
    runs = flat(sizes)
    what = data_name(runs[0].data)
    width = 4.4 if len(readings) > 1 else 7.0
    figure, axes = style.page(
        f"Loss and accuracy on {what} against the size of the net",
        about(runs, arm),
        2, len(readings), (width, 2.7), sharex=True, sharey="row",
    )  # fmt: skip
    for column, reading in zip(axes.T, readings, strict=True):
        for split, colour, dashes in SPLITS:
            loss, accuracy = (reading.of(f"{split}/{name}") for name in ("loss", "accuracy"))
            against_size(column[0], sizes, loss, colour, dashes, log=True)
            against_size(column[1], sizes, accuracy, colour, dashes)
        column[0].set_yscale("log")
        column[1].yaxis.set_major_formatter(PercentFormatter(1.0))
        column[0].set_title(reading.name)
        size_axis(column[1])
    axes[0, 0].set_ylabel(f"{loss_name(runs)} (log scale)")
    axes[1, 0].set_ylabel("accuracy")
    figure.align_ylabels(axes[:, 0])
    lost = [run for run in runs if run.status.state == "diverged"]
    style.legend_below(figure, [*split_keys(), *curves.state_keys(lost)])
    caption = (
        f"Loss (above) and accuracy (below) of {len(sizes)} nets on {what}, "
        f"{' and '.join(reading.name for reading in readings)}, evaluated in eval mode. {DOTS}"
    )
    return caption, figure


def _numbers(arm: str, sizes: Sizes, readings: list[Reading]) -> list[dict[str, Any]]:
    rows = []
    for reading in readings:
        for count, runs in sizes.items():
            row = {"arm": arm} if arm else {}
            row |= {"read": reading.name} if len(readings) > 1 else {}
            row |= {"parameters": f"{count:,}", "dense layers": hidden(runs)}
            row["seeds"] = curves.members(runs)
            for split in ("train", "test"):
                row[f"{split}/loss"] = interval(estimate(runs, reading.of(f"{split}/loss")))
            for split in ("train", "test"):
                of = reading.of(f"{split}/accuracy")
                row[f"{split}/accuracy"] = interval(estimate(runs, of), percent)
            row["last epoch"] = interval(estimate(runs, last_epoch)) if reading.aimed else "–"
            rows.append(row)
    return rows
