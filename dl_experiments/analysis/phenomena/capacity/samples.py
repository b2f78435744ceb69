"""Parameters against training images: does more data call for a larger net?

The best size is where a seed's test loss is lowest, or its test accuracy highest, for a number of
training images, read between the sizes that were trained (see ``best_sizes``). More data moves it
up if it has more parameters with the most images than with the fewest; 0 octaves mean that one size
is best whatever the data.
"""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import compared
from dl_experiments.analysis.claims.seeds import Sides, over_seeds
from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.capacity.axes import size_axis
from dl_experiments.analysis.phenomena.capacity.best_sizes import (
    best,
    best_of_mean,
    width,
)
from dl_experiments.analysis.phenomena.capacity.sizes import (
    Samples,
    by_images,
    image_runs,
    nets,
    uncounted,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, data_name, loss_name
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import by_seed, final
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.analysis.runs.swept import arms, confounded, equal_updates
from dl_experiments.analysis.sections import Made, Section, over, put_together

COMPARED = ("data.samples", "model.name", "model.hidden")
BEST = {"test/loss": 1, "test/accuracy": -1}  # the sign that makes the best the smallest
ABOVE_ZERO = Region(above=0.0)


def analyse(runs: Sequence[Run]) -> Finding:
    """Loss and accuracy against size, a line for each number of images; numbers and claims."""
    images, notes = image_runs(runs)
    return put_together(runs, [over(arms(images, COMPARED), _section)], notes)


def _section(arm: str, runs: Grid) -> Section:
    found = by_images(runs)
    counted = flat(found)
    lost = uncounted(runs, {0: counted})
    if not any(run.completed for run in counted):
        return Section(notes=lost)
    drawings = {"against-size": _lines(arm, found)}
    along = confounded(runs, equal_updates(runs))
    return Section(drawings, _numbers(found), _claims(found), lost, along)


def _lines(arm: str, found: Samples) -> Made:
    runs, colours = flat(found), style.colours(list(found), ordered=True)
    what = data_name(runs[0].data)
    title = f"Test loss and accuracy on {what} by size and training images"
    figure, axes = style.page(title, about(runs, arm), 1, 2, (4.6, 3.4))
    for axis, (metric, sign) in zip(axes[0], BEST.items(), strict=True):
        for samples, sizes in found.items():
            colour = colours[samples]
            dots.through(axis, sizes, final(metric), colour)
            count = best_of_mean(sizes, final(metric), sign)
            if count is not None and (there := final(metric).level(sizes[count])):
                axis.plot([count], [there.value], "*", color=colour, mec="black", ms=11, zorder=5)
        size_axis(axis)
    panels.values(axes[0, 0], f"test loss ({loss_name(runs)})", LOG)
    panels.values(axes[0, 1], "test accuracy", SHARE)
    entries = [style.key(f"{n:,} images", color=colour) for n, colour in colours.items()]
    grey = {"ls": "", "color": "#BBBBBB", "markeredgecolor": "black", "ms": 10}
    best_size = style.key("best mean of the sizes trained", marker="*", **grey)
    style.legend_below(figure, [*entries, *dots.keys(), best_size, *curves.lost_keys(runs)])
    caption = (
        f"Test loss (left) and accuracy (right) on the whole test set of {what}, where the runs "
        f"end, one colour a number of training images. {dots.THROUGH} Star: the size with the "
        "best mean."
    )
    return caption, figure


def _claims(found: Samples) -> list[Claim]:
    return [_moves_up(found, metric) for metric in BEST]


def _moves_up(found: Samples, metric: str) -> Claim:
    ends = min(found), max(found)
    fewest, most = (found[samples] for samples in ends)

    def places(sides: Sides) -> list[dict[int, float]]:
        return [
            best(list(fewest), sides[: len(fewest)], BEST[metric]),
            best(list(most), sides[len(fewest) :], BEST[metric]),
        ]

    def compare(sides: Sides) -> Estimate | None:
        few, many = places(sides)
        shared = sorted(set(few) & set(many))
        return over_seeds({seed: many[seed] - few[seed] for seed in shared}, sides)

    few, many = places(
        [by_seed(runs, final(metric)) for runs in [*fewest.values(), *most.values()]]
    )
    shared = set(few) & set(many)
    edge = sum(bool(np.isclose(few[seed], np.log2(max(fewest)))) for seed in shared)
    return compared(
        f"More data moves the best size up, by {metric.replace('/', ' ')}",
        final(metric),
        ABOVE_ZERO,
        [*nets(fewest), *nets(most)],
        compare,
        "octaves",
        "log2 of the best parameter count, by a parabola through the best size and its neighbours, "
        f"{ends[1]:,} over {ends[0]:,} images",
        note=f"the largest net is best with {ends[0]:,} images already in {edge} of "
        f"{len(shared)} seeds" if edge else "",
        unfit=f"only {ends[0]:,} images, nothing to compare" if ends[0] == ends[1] else "",
    )  # fmt: skip


def _numbers(found: Samples) -> list[Row]:
    rows = []
    for samples, sizes in found.items():
        done = {run.seed for run in flat(sizes) if run.completed}
        names = {"training images": f"{samples:,}", "seeds": f"{len(done)}"}
        for metric, sign in BEST.items():
            count = best_of_mean(sizes, final(metric), sign)
            names[f"best size by {metric}"] = "–" if count is None else width(sizes, count)
            names[f"{metric} there"] = "–" if count is None else final(metric).words(sizes[count])
        rows.append(Row(names))
    return rows
