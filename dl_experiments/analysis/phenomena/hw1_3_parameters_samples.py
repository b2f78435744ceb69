"""Parameters against training images: does more data call for a larger net?

The best size is the one with the lowest test loss, or the highest test accuracy, for a given number
of training images. More data moves it up if its parameter count is larger with the most images than
with the fewest; 0 octaves mean that one size is best whatever the data.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from dl_experiments.analysis import curves, style
from dl_experiments.analysis.claims import Claim, Region, claim
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import about, data_name
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena._capacity import (
    Samples,
    across,
    by_images,
    flat,
    image_runs,
    uncounted,
)
from dl_experiments.analysis.phenomena._capacity_axes import DOTS, against_size, size_axis
from dl_experiments.analysis.phenomena._parameters_claims import over_seeds
from dl_experiments.analysis.phenomena._parameters_samples import (
    best,
    best_of_mean,
    width,
)
from dl_experiments.analysis.quantities import final
from dl_experiments.analysis.sections import Section, put_together
from dl_experiments.analysis.swept import arms, confounded

STUDY = "hw1_3_parameters_samples"
TITLE = "Parameters against training images"
COMPARED = ("data.samples", "model.name", "model.hidden")
BEST = {"test/loss": 1, "test/accuracy": -1}  # the sign that makes the best the smallest
ABOVE_ZERO = Region(above=0.0)
EPOCHS = ("trainer.max_epochs",)


def analyse(runs: Sequence[Run]) -> Finding:
    """Loss and accuracy against size, a line for each number of images; numbers and claims."""
    images, notes = image_runs(runs)
    return put_together(STUDY, TITLE, runs, arms(images, COMPARED), _section, notes)


def _section(arm: str, runs: list[Run]) -> Section:
    found = by_images(runs)
    counted = [run for sizes in found.values() for run in flat(sizes)]
    lost = uncounted(runs, {0: counted})
    if not any(run.completed for run in counted):
        return Section(notes=lost)
    drawings = {"against-size": _lines(arm, found)}
    along = confounded(runs, by_design=EPOCHS)  # all make equally many updates
    return Section(drawings, _numbers(found), _claims(found), lost, along)


def _lines(arm: str, found: Samples) -> tuple[str, Figure]:
    runs = [run for sizes in found.values() for run in flat(sizes)]
    what = data_name(runs[0].data)
    figure, axes = style.page(
        f"Test loss and accuracy on {what} by size and training images",
        about(runs, arm),
        1, 2, (4.6, 3.4),
    )  # fmt: skip
    colours = style.colours([str(samples) for samples in found], ordered=True)
    for axis, (metric, sign) in zip(axes[0], BEST.items(), strict=True):
        log = metric == "test/loss"
        for samples, sizes in found.items():
            colour = colours[str(samples)]
            against_size(axis, sizes, final(metric), colour, style.TRAIN, log=log)
            count = best_of_mean(sizes, final(metric), sign)
            if count is not None:
                values = np.array(list(across(sizes, final(metric)).values()))
                column = values[:, list(sizes).index(count)]
                height = np.exp(np.log(column).mean()) if log else column.mean()
                axis.plot([count], [height], "*", color=colour, mec="black", ms=11, zorder=5)
        size_axis(axis)
    style.log_values(axes[0, 0])
    axes[0, 0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0, 0].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes[0, 0].yaxis.set_minor_formatter(NullFormatter())
    axes[0, 0].set_ylabel("test loss (cross-entropy, log scale)")
    axes[0, 1].yaxis.set_major_formatter(PercentFormatter(1.0))
    axes[0, 1].set_ylabel("test accuracy")
    entries = [style.key(f"{n:,} images", color=colours[str(n)]) for n in found]
    grey = {"ls": "", "color": "#BBBBBB", "markeredgecolor": "black", "ms": 10}
    lost = [run for run in runs if run.status.state == "diverged"]
    style.legend_below(
        figure, [*entries, style.key("best size", marker="*", **grey), *curves.state_keys(lost)]
    )
    caption = (
        f"Test loss (left) and accuracy (right) on the whole test set of {what}, where the runs "
        f"end, one colour a number of training images. {DOTS} Star: the size with the best mean."
    )
    return caption, figure


def _claims(found: Samples) -> list[Claim]:
    fewest, most = min(found), max(found)
    few = f"only {fewest:,} images, nothing to compare" if fewest == most else ""
    judged = []
    for metric, sign in BEST.items():
        places = {samples: best(sizes, final(metric), sign) for samples, sizes in found.items()}
        seeds = sorted(set(places[fewest]) & set(places[most]))
        octaves = {s: float(np.log2(places[most][s] / places[fewest][s])) for s in seeds}
        edge = sum(places[fewest][seed] == max(found[fewest]) for seed in seeds)
        judged.append(
            claim(
                f"More data moves the best size up, by {metric.replace('/', ' ')}",
                f"log2 of the best parameter count, {most:,} over {fewest:,} images",
                ABOVE_ZERO,
                over_seeds(octaves),
                "octaves",
                note=f"the largest net is best with {fewest:,} images already in {edge} of "
                f"{len(seeds)} seeds" if edge else "",
                unfit=few,
            )
        )  # fmt: skip
    return judged


def _numbers(found: Samples) -> list[dict[str, Any]]:
    rows = []
    for samples, sizes in found.items():
        row = {"training images": f"{samples:,}"}
        runs = flat(sizes)
        row["seeds"] = f"{len({run.seed for run in runs if run.completed})}"
        for metric, sign in BEST.items():
            count = best_of_mean(sizes, final(metric), sign)
            row[f"best size by {metric}"] = "–" if count is None else width(sizes, count)
            row[f"{metric} there"] = "–" if count is None else final(metric).words(sizes[count])
        rows.append(row)
    return rows
