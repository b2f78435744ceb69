"""Double descent: nets of growing size across the threshold where they can fit their training set.

Small nets learn images of which a fifth of the labels is replaced, under the squared loss on
one-hot targets and under cross-entropy, with few images and with many.
"""

from collections.abc import Sequence

from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.capacity.double_descent_claims import judge
from dl_experiments.analysis.phenomena.capacity.double_descent_figures import (
    DRAWN,
    across_threshold,
    over_samples,
)
from dl_experiments.analysis.phenomena.capacity.peaks import (
    NAMES,
    OUTCOMES,
    Study,
    shown,
    stands_off,
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
from dl_experiments.analysis.runs.describe import interval, number
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import by_seed
from dl_experiments.analysis.runs.swept import arms, confounded, equal_updates
from dl_experiments.analysis.sections import Section, over, put_together

COMPARED = ("loss", "data.samples", "model.name", "model.hidden")
ABOUT = (
    "The excess over a curve without a peak (of a loss in decades) with its 95 % interval over "
    "seeds, and the parameters at the peak where that is above 0; the size with the lowest mean "
    "over completed seeds (of a loss the geometric mean), and the largest."
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
    """A row for each loss and number of images: its threshold, its peaks, its best and last net."""
    rows = []
    for loss, by_samples in found.items():
        for samples, sizes in by_samples.items():
            level = threshold(loss, samples, sizes)
            row = {"loss": NAMES.get(loss, loss), "training images": f"{samples:,}"}
            row["threshold (parameters)"] = "–" if level is None else f"{level:,}"
            for what in DRAWN:
                row |= _peak(what, sizes)
            rows.append(Row(row))
    return rows


def _peak(what: str, sizes: Sizes) -> dict[str, str]:
    """A curve's excess, where it peaks, its lowest and its last mean, in words."""
    off = stands_off([by_seed(runs, OUTCOMES[what]) for runs in sizes.values()])
    at = shown(sizes, OUTCOMES[what])
    levels = {n: one.value for n, runs in sizes.items() if (one := DRAWN[what].level(runs))}
    ends = {"best": min(levels, key=lambda n: levels[n], default=None), "largest net": max(sizes)}
    said = {
        name: f"{number(levels[n])} at {n:,} (h = {hidden(sizes[n])})" if n in levels else "–"
        for name, n in ends.items()
    }
    peak = "–" if at is None else f"{2**at:,.0f} parameters"
    words = {"excess": f"{interval(off)} (n = {off.n})" if off else "–", "peak": peak, **said}
    return {f"{what}, {name}": text for name, text in words.items()}
