"""What hw1_3_double_descent claims, how it is tested, and what would refute it.

**The test error peaks near the interpolation threshold.** The height of the highest peak within a
factor of 2 of it, above the higher of the lowest points on its two sides, taken once a seed where
the other seeds have it (see ``peaks``). At or below 0 there is no peak there. Asked of
the test error and of the test loss (in decades), and of each loss by itself: theory has the peak
under squared loss, at samples × classes; a classifier's cross-entropy may put it elsewhere.

**It lies at the threshold.** log2 of the parameters at each seed's own highest peak, wherever that
is, over the threshold: between −1 and 1. Of the error and of the loss.

**More data moves it up.** log2 of the parameters at the peak with the most images over that with
the fewest, over log2 of the ratio of the images; theory has 1, a peak that stays has 0. Likewise.

**The second descent goes below the first.** Test error of the largest net less that of the best net
below the threshold (which one is the other seeds' choice).
"""

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import compared
from dl_experiments.analysis.claims.seeds import Sides, across, over_seeds
from dl_experiments.analysis.phenomena.capacity.axes import error
from dl_experiments.analysis.phenomena.capacity.peaks import (
    NAMES,
    NEAR,
    Study,
    heights,
    near,
    places,
    threshold,
)
from dl_experiments.analysis.phenomena.capacity.sizes import Sizes, nets
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.quantities import Quantity, by_seed, decades, final
from dl_experiments.analysis.runs.statistics import Estimate

ABOVE_ZERO, BELOW_ZERO = Region(above=0.0), Region(below=0.0)
AT = Region(above=-float(np.log2(NEAR)), below=float(np.log2(NEAR)))
TEST_ERROR = error(final, "test")
OUTCOMES: dict[str, Quantity] = {
    "test error": TEST_ERROR,
    "test loss": decades(final("test/loss")),
}


def judge(study: Study) -> list[Claim]:
    """The claims on one arm's runs."""
    judged = []
    for loss, by_samples in study.items():
        if by_samples:
            samples = max(by_samples)
            name = f"{NAMES.get(loss, loss)}, {samples:,} images"
            level = threshold(samples, flat(by_samples[samples])[0])
            judged += [_peaks(name, by_samples[samples], level, what) for what in OUTCOMES]
            judged += [_lies_there(name, by_samples[samples], level, what) for what in OUTCOMES]
            judged.append(_second_descent(name, by_samples[samples], level))
            if len(by_samples) > 1:
                judged += [_moves(NAMES.get(loss, loss), by_samples, what) for what in OUTCOMES]
    return judged


def _peaks(name: str, sizes: Sizes, level: int, what: str) -> Claim:
    allowed = near(list(sizes), level)
    return compared(
        f"The {what} peaks near the interpolation threshold ({name})",
        OUTCOMES[what],
        ABOVE_ZERO,
        nets(sizes),
        lambda sides: over_seeds(heights(across(sides), allowed), sides),
        OUTCOMES[what].apart,
        f"{what} at the peak less that at the higher of the lows on its two sides, where the other "
        "seeds have them",
        note=f"threshold: {level:,} parameters",
        unfit="" if allowed.any() else "no net within a factor of 2 of the threshold",
    )


def _lies_there(name: str, sizes: Sizes, level: int, what: str) -> Claim:
    def compare(sides: Sides) -> Estimate | None:
        found = places(across(sides), list(sizes))
        return over_seeds({seed: at - np.log2(level) for seed, at in found.items()}, sides)

    curves = across([by_seed(runs, OUTCOMES[what]) for runs in sizes.values()])
    bare = len(curves) - len(places(curves, list(sizes)))
    return compared(
        f"The highest peak of the {what} lies at the threshold ({name})",
        OUTCOMES[what],
        AT,
        nets(sizes),
        compare,
        "octaves",
        "log2 of the parameters at each seed's highest peak over the threshold",
        note=f"{bare} of {len(curves)} seeds have no peak and do not count" if bare else "",
        unfit="no seed has a peak" if curves and bare == len(curves) else "",
    )


def _second_descent(name: str, sizes: Sizes, level: int) -> Claim:
    small = [index for index, count in enumerate(sizes) if count < level]

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
    )


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
