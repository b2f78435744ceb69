"""Double descent: nets of growing size across parameters = training images × classes.

Small nets learn images of which a fifth of the labels is replaced, under the squared loss on
one-hot targets and under cross-entropy, with few images and with many.
"""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.claims.seeds import across
from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.capacity.double_descent_claims import TEST_ERROR, judge
from dl_experiments.analysis.phenomena.capacity.double_descent_figures import (
    across_threshold,
    over_samples,
)
from dl_experiments.analysis.phenomena.capacity.peaks import (
    NAMES,
    Study,
    centre,
    peak,
    study,
    threshold,
)
from dl_experiments.analysis.phenomena.capacity.sizes import (
    Sizes,
    hidden,
    image_runs,
    uncounted,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import by_seed, final
from dl_experiments.analysis.runs.swept import arms, confounded, equal_updates
from dl_experiments.analysis.sections import Section, over, put_together

COMPARED = ("loss", "data.samples", "model.name", "model.hidden")
ABOUT = (
    "Test error and loss of the mean over completed seeds (of a loss the geometric mean), with "
    "the parameter count they are at; the peak is the point that stands highest above the "
    "lowest points on its two sides."
)


def analyse(runs: Sequence[Run]) -> Finding:
    """Error and loss across the threshold, the peak as data grows, numbers and claims."""
    images, notes = image_runs(runs)
    return put_together(runs, [over(arms(images, COMPARED), _section)], notes, ABOUT)


def _section(arm: str, runs: Grid) -> Section:
    found = study(runs)
    counted = flat(found)
    lost = uncounted(runs, {0: counted})
    if not any(run.completed for run in counted):
        return Section(notes=lost)
    drawings = {
        "double-descent": across_threshold(arm, found),
        "over-samples": over_samples(arm, found),
    }
    along = confounded(runs, equal_updates(runs), within="loss")
    return Section(drawings, _numbers(found), judge(found), lost, along)


def _numbers(found: Study) -> list[Row]:
    """A row for each loss and number of images: its threshold, and its peaks over the mean."""
    rows = []
    for loss, by_samples in found.items():
        for samples, sizes in by_samples.items():
            columns = {"test error (%)": TEST_ERROR, "test loss": final("test/loss")}
            means = {what: centre(sizes, quantity) for what, quantity in columns.items()}
            known = {what: mean for what, mean in means.items() if mean is not None}
            if not known:
                continue
            row = {"loss": NAMES.get(loss, loss), "training images": f"{samples:,}"}
            row["threshold (parameters)"] = f"{threshold(samples, flat(sizes)[0]):,}"
            row["seeds"] = f"{len(across([by_seed(r, TEST_ERROR) for r in sizes.values()]))}"
            for what, mean in known.items():
                row |= _places(what, sizes, mean)
            rows.append(Row(row))
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
