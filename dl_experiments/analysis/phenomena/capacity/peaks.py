"""hw1_3_double_descent: its runs as loss -> training images -> sizes, their peaks and thresholds.

The interpolation threshold is where a net can just fit its training set. Under squared loss that
takes as many parameters as there are numbers to fit, samples × classes (Belkin et al. 2019,
"Reconciling modern machine-learning practice and the classical bias-variance trade-off", PNAS 116,
section 3). Cross-entropy has no numbers to fit: there it is read off the runs, as the smallest net
whose mean training error is below half an image.
"""

from collections.abc import Sequence

from dl_experiments.analysis.claims.seeds import Sides, across, over_seeds
from dl_experiments.analysis.phenomena.capacity.axes import error
from dl_experiments.analysis.phenomena.capacity.sizes import Sizes, by_images
from dl_experiments.analysis.phenomena.capacity.valleys import Excess, excess, places
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.quantities import Quantity, by_seed, decades, final
from dl_experiments.analysis.runs.statistics import Estimate

NAMES = {"mse": "squared loss", "cross_entropy": "cross-entropy"}
THRESHOLDS = {
    "mse": "threshold (squared loss): images × classes",
    "cross_entropy": "threshold (cross-entropy): no training error",
}
FITTED = 0.5  # wrong images, on average
TRAIN_ERROR, TEST_ERROR = error(final, "train"), error(final, "test")
OUTCOMES: dict[str, Quantity] = {
    "test error": TEST_ERROR,
    "test loss": decades(final("test/loss")),
}

Study = dict[str, dict[int, Sizes]]
"""Loss -> training images -> sizes, the fewest images first."""


def study(runs: Sequence[Run]) -> Study:
    """Runs by loss, number of training images and size."""
    made: Study = {}
    for loss in sorted({str(run.get("loss")) for run in runs}, reverse=True):
        made[loss] = by_images([run for run in runs if run.get("loss") == loss])
    return made


def threshold(loss: str, samples: int, sizes: Sizes) -> int | None:
    """Parameters at the interpolation threshold (see the module); None where no net is there.

    Any loss but cross-entropy is taken to have a number to fit for each sample and class.
    """
    if loss != "cross_entropy":
        return samples * (flat(sizes)[0].classes or 0)
    levels = {count: TRAIN_ERROR.level(runs) for count, runs in sizes.items()}
    fitted = [n for n, one in levels.items() if one and one.value < 100 * FITTED / samples]
    return min(fitted, default=None)


def stands_off(sides: Sides) -> Estimate | None:
    """How far the seeds of all sizes stand off a curve without a peak; see ``valleys``."""
    return over_seeds(excess(across(sides)), sides, Excess(len(sides)))


def shown(sizes: Sizes, quantity: Quantity) -> float | None:
    """log2 of the parameters at the peak; None where the interval of the excess reaches 0."""
    sides = [by_seed(runs, quantity) for runs in sizes.values()]
    found = stands_off(sides)
    if found is None or found.low is None or found.low <= 0:
        return None
    there = over_seeds(places(across(sides), list(sizes)), sides)
    return there.value if there else None
