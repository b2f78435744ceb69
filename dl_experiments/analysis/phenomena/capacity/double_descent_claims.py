"""What hw1_3_double_descent claims, how it is tested, and what would refute it.

**The test error has a peak.** First whether, then where. The excess of each seed over a curve
without a peak, wherever the peak is (see ``valleys``): above 0. Asked of the test error and of the
test loss (in decades), and of each loss by itself.

**It lies at the threshold.** log2 of the parameters at the peak of the mean over the threshold (see
``peaks``): between −1 and 1. Within a factor of two, since label noise and training time move it
(Nakkiran et al. 2020, "Deep Double Descent"). Not asked where no peak is shown.

**More data moves it up.** log2 of the parameters at the peak with the most images over that with
the fewest, over log2 of the ratio of the images; theory has 1 under squared loss, a peak that stays
has 0. Not asked where one of the two is not shown.

**The second descent goes below the first.** Test error of the largest net less that of the best net
below the threshold (which one is the other seeds' choice). A curve that only falls does so too.

A seed draws the images as well as weights, order of the batches and noise of the labels, so that
what is found is of no one subset. Their part is as large as that of all else: of 5 × 5 nets on 200
digits at the threshold, squared loss, the test error had a standard deviation of 5.2 points over
seeds with one subset, and of 4.5 over ``data.seed`` with one seed.
"""

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region, leaning
from dl_experiments.analysis.claims.forms import compared
from dl_experiments.analysis.claims.seeds import Sides, across, over_seeds
from dl_experiments.analysis.phenomena.capacity.peaks import (
    NAMES,
    OUTCOMES,
    TEST_ERROR,
    Study,
    stands_off,
    threshold,
)
from dl_experiments.analysis.phenomena.capacity.sizes import Sizes, few, nets
from dl_experiments.analysis.phenomena.capacity.valleys import places
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.runs.statistics import Estimate

ABOVE_ZERO, BELOW_ZERO = Region(above=0.0), Region(below=0.0)
AT = Region(above=-1.0, below=1.0)
SHOWN = ("supported", leaning("supported"))
NONE_FITS = "no net has its training set by heart"


def judge(study: Study) -> list[Claim]:
    """The claims on one arm's runs."""
    judged: list[Claim] = []
    for loss, by_samples in study.items():
        if not by_samples:
            continue
        name, samples = NAMES.get(loss, loss), max(by_samples)
        sizes, here = by_samples[samples], f"{name}, {samples:,} images"
        level = threshold(loss, samples, sizes)
        peaks = {what: _has_peak(here, sizes, what) for what in OUTCOMES}
        judged += peaks.values()
        shown = [what for what, peak in peaks.items() if peak.verdict in SHOWN]
        judged += [_lies_there(here, sizes, level, what) for what in shown]
        judged.append(_second_descent(here, sizes, level))
        if len(by_samples) > 1:
            fewest = min(by_samples)
            judged += [
                _moves(name, by_samples, what)
                for what in shown
                if _has_peak(name, by_samples[fewest], what).verdict in SHOWN
            ]
    return judged


def _has_peak(name: str, sizes: Sizes, what: str) -> Claim:
    return compared(
        f"The {what} has a peak ({name})",
        OUTCOMES[what],
        ABOVE_ZERO,
        nets(sizes),
        stands_off,
        OUTCOMES[what].apart,
        f"{what} where the mean of the other seeds stands above the best curve without a peak, "
        "less that where it stands below",
        unfit=few(sizes),
    )


def _lies_there(name: str, sizes: Sizes, level: int | None, what: str) -> Claim:
    def compare(sides: Sides) -> Estimate | None:
        found = places(across(sides), list(sizes))
        apart = {seed: at - np.log2(level) for seed, at in found.items()} if level else {}
        return over_seeds(apart, sides)

    return compared(
        f"The peak of the {what} lies at the threshold ({name})",
        OUTCOMES[what],
        AT,
        nets(sizes),
        compare,
        "octaves",
        "log2 of the parameters at the peak of the mean over the threshold, by the jackknife",
        note=_of(level),
        unfit="" if level else NONE_FITS,
    )


def _second_descent(name: str, sizes: Sizes, level: int | None) -> Claim:
    small = [index for index, count in enumerate(sizes) if level and count < level]

    def compare(sides: Sides) -> Estimate | None:
        curves = across(sides)
        found = {}
        for seed, curve in curves.items():
            others = [other for name, other in curves.items() if name != seed]
            if others and small and len(small) < len(curve):
                best = small[int(np.argmin(np.mean(others, axis=0)[small]))]
                found[seed] = float(curve[-1] - curve[best])
        return over_seeds(found, sides)

    return compared(
        f"Beyond the threshold the test error falls below its first minimum ({name})",
        TEST_ERROR,
        BELOW_ZERO,
        nets(sizes),
        compare,
        TEST_ERROR.apart,
        "test error of the largest net less that of the best net below the threshold",
        note=_of(level),
        unfit="" if level else NONE_FITS,
    )


def _of(level: int | None) -> str:
    return f"threshold: {level:,} parameters" if level else ""


def _moves(name: str, by_samples: dict[int, Sizes], what: str) -> Claim:
    fewest, most = (by_samples[samples] for samples in (min(by_samples), max(by_samples)))
    octaves = np.log2(max(by_samples) / min(by_samples))

    def compare(sides: Sides) -> Estimate | None:
        low = places(across(sides[: len(fewest)]), list(fewest))
        high = places(across(sides[len(fewest) :]), list(most))
        found = {seed: (high[seed] - low[seed]) / octaves for seed in sorted(set(low) & set(high))}
        return over_seeds(found, sides)

    return compared(
        f"More data moves the peak of the {what} to larger nets ({name})",
        OUTCOMES[what],
        ABOVE_ZERO,
        [*nets(fewest), *nets(most)],
        compare,
        "octaves an octave",
        f"log2 of the parameters at the peak, {max(by_samples):,} over {min(by_samples):,} images, "
        f"over {number(float(octaves))} octave{'' if octaves == 1 else 's'} of images",
    )
