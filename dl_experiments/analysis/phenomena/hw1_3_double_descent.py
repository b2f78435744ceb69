"""Double descent: nets of growing size across parameters = training images × classes.

Small nets learn images of which a fifth of the labels is replaced, under the squared loss on
one-hot targets and under cross-entropy, with few images and with many.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dl_experiments.analysis.claims import in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import number
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.phenomena._capacity import (
    Sizes,
    across,
    flat,
    hidden,
    image_runs,
    uncounted,
)
from dl_experiments.analysis.phenomena._double_descent import NAMES, Study, peak, study, threshold
from dl_experiments.analysis.phenomena._double_descent_claims import TEST_ERROR, judge
from dl_experiments.analysis.phenomena._double_descent_figures import (
    across_threshold,
    all_runs,
    over_samples,
)
from dl_experiments.analysis.quantities import final
from dl_experiments.analysis.statistics import geometric_mean
from dl_experiments.analysis.swept import arms

STUDY = "hw1_3_double_descent"
TITLE = "Double descent: across the interpolation threshold"
COMPARED = ("loss", "data.samples", "model.name", "model.hidden")


def analyse(runs: Sequence[Run]) -> Finding:
    """Error and loss across the threshold, the peak as data grows, numbers and claims."""
    drawings, rows, judged = [], [], []
    images, notes = image_runs(runs)
    for count, (arm, members) in enumerate(arms(images, COMPARED).items(), start=1):
        found = study(members)
        counted = all_runs(found)
        notes += uncounted(members, {0: counted})
        if not any(run.completed for run in counted):
            continue
        ending = f"-{count}" if arm else ""
        drawings.append(Drawing(f"double-descent{ending}", *across_threshold(arm, found)))
        if drawn := over_samples(arm, found):
            drawings.append(Drawing(f"over-samples{ending}", *drawn))
        rows += _numbers(arm, found)
        judged += [in_arm(claim, arm) for claim in judge(found)]
    notes = list(dict.fromkeys(notes))
    about = (
        "Test error and loss of the mean over completed seeds (of a loss the geometric mean), with "
        "the parameter count they are at; the peak is the point that stands highest above the "
        "lowest points on its two sides."
    )
    numbers = pd.DataFrame(rows)
    return Finding(STUDY, TITLE, STUDY, runs, drawings, numbers, judged, notes, about)


def _numbers(arm: str, found: Study) -> list[dict[str, Any]]:
    """A row for each loss and number of images: its threshold, and its peaks over the mean."""
    rows = []
    for loss, by_samples in found.items():
        for samples, sizes in by_samples.items():
            errors = list(across(sizes, TEST_ERROR).values())
            losses = list(across(sizes, final("test/loss")).values())
            if not errors or not losses:
                continue
            row = {"arm": arm} if arm else {}
            row |= {"loss": NAMES.get(loss, loss), "training images": f"{samples:,}"}
            row["threshold (parameters)"] = f"{threshold(samples, flat(sizes)[0].data):,}"
            row["seeds"] = f"{len(errors)}"
            row |= _places("test error (%)", sizes, np.mean(errors, axis=0))
            row |= _places("test loss", sizes, geometric_mean(np.array(losses)))
            rows.append(row)
    return rows


def _places(what: str, sizes: Sizes, mean: np.ndarray) -> dict[str, str]:
    """The highest peak of a mean [sizes], its two lows and its end, in words."""
    counts, place = list(sizes), peak(mean)
    shown = {
        "lowest before": place.left if place else None,
        "peak": place.at if place and place.height(mean) > 0 else None,
        "lowest after": place.right if place else None,
        "largest net": len(mean) - 1,
    }
    return {
        f"{what}, {name}": "–"
        if at is None
        else f"{number(float(mean[at]))} at {counts[at]:,} (h = {hidden(sizes[counts[at]])})"
        for name, at in shown.items()
    }
