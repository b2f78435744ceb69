"""Nets of growing size on images: what hw1_3_parameters and its variants share."""

from collections.abc import Callable, Sequence

from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.capacity.axes import (
    TEST,
    TRAIN,
    size_axis,
    split_keys,
)
from dl_experiments.analysis.phenomena.capacity.sizes import (
    Reading,
    Sizes,
    by_size,
    hidden,
    image_runs,
    uncounted,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, data_name, loss_name
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import LAST_EPOCH, METRICS, columns
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.analysis.sections import Made, Section, over, put_together

SIZE_KEYS = ("model.name", "model.hidden")
SPLITS = (("train", TRAIN, style.TRAIN), ("test", TEST, style.TEST))

Readings = Callable[[Sequence[Run]], list[Reading]]
Judge = Callable[[Sizes, list[Reading]], list[Claim]]


def analyse(
    runs: Sequence[Run],
    readings: Readings,
    judge: Judge,
    more: Callable[[str, Grid], Section] = lambda arm, runs: Section(),
) -> Finding:
    """Loss and accuracy against size, numbers and claims, for each arm that the study has.

    Args:
        runs: Of its study.
        readings: Maps an arm's runs to when they are read.
        judge: Maps an arm's sizes and readings to its claims.
        more: Figures and notes on an arm that not every such study has.
    """
    images, notes = image_runs(runs)

    def section(arm: str, members: Grid) -> Section:
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

    return put_together(runs, [over(arms(images, SIZE_KEYS), section)], notes)


def _against_size(arm: str, sizes: Sizes, readings: list[Reading]) -> Made:
    runs = flat(sizes)
    what = data_name(runs[0].data)
    title = f"Loss and accuracy on {what} against the size of the net"
    shape, size = (2, len(readings)), (4.4 if len(readings) > 1 else 7.0, 2.7)
    figure, axes = style.page(title, about(runs, arm), *shape, size, sharex=True, sharey="row")
    for column, reading in zip(axes.T, readings, strict=True):
        for split, colour, dashes in SPLITS:
            loss, accuracy = (reading.of(f"{split}/{name}") for name in ("loss", "accuracy"))
            dots.through(column[0], sizes, loss, colour, dashes)
            dots.through(column[1], sizes, accuracy, colour, dashes)
        column[0].set_title(reading.name)
        size_axis(column[1])
        for axis in column:
            axis.tick_params(labelleft=True)
    panels.values(axes[0, 0], loss_name(runs), LOG)
    panels.values(axes[1, 0], "accuracy", SHARE)
    figure.align_ylabels(axes[:, 0])
    style.legend_below(figure, [*split_keys(), *dots.keys(), *curves.lost_keys(runs)])
    caption = (
        f"Loss (above) and accuracy (below) of {len(sizes)} nets on {what}, "
        f"{' and '.join(reading.name for reading in readings)}, evaluated in eval mode. "
        f"{dots.THROUGH}"
    )
    return caption, figure


def _numbers(sizes: Sizes, readings: list[Reading]) -> list[Row]:
    rows = []
    for reading in readings:
        quantities = columns(map(reading.of, METRICS))
        for count, runs in sizes.items():
            names = {"read": reading.name} if len(readings) > 1 else {}
            names |= {"parameters": f"{count:,}", "dense layers": hidden(runs)}
            last = {"last epoch": LAST_EPOCH.words(runs) if reading.aimed else "–"}
            rows.append(Row(names, runs, quantities, last))
    return rows
