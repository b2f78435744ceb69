"""Nets of growing size on images: what hw1_3_parameters and its variants share."""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from dl_experiments.analysis import curves, style
from dl_experiments.analysis.claims import Claim
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import (
    about,
    data_name,
    loss_name,
)
from dl_experiments.analysis.findings import Finding
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
from dl_experiments.analysis.quantities import LAST_EPOCH, METRICS
from dl_experiments.analysis.sections import Section, put_together
from dl_experiments.analysis.swept import arms

SIZE_KEYS = ("model.name", "model.hidden")
SPLITS = (("train", TRAIN, style.TRAIN), ("test", TEST, style.TEST))

Readings = Callable[[Sequence[Run]], list[Reading]]
Judge = Callable[[Sizes, list[Reading]], list[Claim]]


def analyse(
    name: str,
    title: str,
    runs: Sequence[Run],
    readings: Readings,
    judge: Judge,
    more: Callable[[str, list[Run]], Section] = lambda arm, runs: Section(),
) -> Finding:
    """Loss and accuracy against size, numbers and claims, for each arm that the study has.

    Args:
        name: Of the experiment.
        title: Of the finding.
        runs: Of its study.
        readings: Maps an arm's runs to when they are read.
        judge: Maps an arm's sizes and readings to its claims.
        more: Figures and notes on an arm that not every such study has.
    """
    images, notes = image_runs(runs)

    def section(arm: str, members: list[Run]) -> Section:
        sizes, when = by_size(members), readings(members)
        lost = uncounted(members, sizes)
        if not any(run.completed for run in flat(sizes)):
            return Section(notes=lost)
        own = more(arm, members)
        drawings = {"against-size": _against_size(arm, sizes, when), **own.drawings}
        missing = [f"{one.missing.capitalize()}." for one in when if one.missing]
        return Section(
            drawings, _numbers(sizes, when), judge(sizes, when), [*lost, *missing, *own.notes]
        )

    return put_together(name, title, runs, arms(images, SIZE_KEYS), section, notes)


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
        style.log_values(column[0])
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


def _numbers(sizes: Sizes, readings: list[Reading]) -> list[dict[str, Any]]:
    rows = []
    for reading in readings:
        for count, runs in sizes.items():
            row = {"read": reading.name} if len(readings) > 1 else {}
            row |= {"parameters": f"{count:,}", "dense layers": hidden(runs)}
            row["seeds"] = curves.members(runs)
            for quantity in map(reading.of, METRICS):
                row[quantity.title] = quantity.words(runs)
            row["last epoch"] = LAST_EPOCH.words(runs) if reading.aimed else "–"
            rows.append(row)
    return rows
