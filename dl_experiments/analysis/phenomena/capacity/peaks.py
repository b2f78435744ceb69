"""hw1_3_double_descent: its runs as loss -> training images -> sizes, and where a curve peaks.

The interpolation threshold is where a net has as many parameters as there are numbers to fit,
samples × classes (Belkin et al. 2019, "Reconciling modern machine-learning practice and the
classical bias-variance trade-off", PNAS 116, section 3).

A peak's height is how far it stands above the higher of the lowest points on its two sides. The
highest of noisy points is always somewhat high. So the places of a peak and its lows are read off
the mean of the *other* seeds, and the height off the seed itself: a curve that only falls has then
a height below 0, and a flat one has a height around 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from dl_experiments.analysis.claims.seeds import across
from dl_experiments.analysis.phenomena.capacity.sizes import Sizes, by_images
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.quantities import Quantity, by_seed

NAMES = {"mse": "squared loss", "cross_entropy": "cross-entropy"}
NEAR = 2.0  # a peak within this factor of the threshold is near it

Study = dict[str, dict[int, Sizes]]
"""Loss -> training images -> sizes, the fewest images first."""


@final
@dataclass(frozen=True)
class Peak:
    """Where a curve peaks: the place of the peak and of the lowest point on either side of it."""

    at: int
    left: int
    right: int

    def height(self, values: np.ndarray) -> float:
        """How far values [sizes] stand above the higher low there."""
        return float(values[self.at] - max(values[self.left], values[self.right]))


def study(runs: Sequence[Run]) -> Study:
    """Runs by loss, number of training images and size."""
    made: Study = {}
    for loss in sorted({str(run.get("loss")) for run in runs}, reverse=True):
        made[loss] = by_images([run for run in runs if run.get("loss") == loss])
    return made


def threshold(samples: int, run: Run) -> int:
    """Numbers to fit: one a sample and class."""
    return samples * (run.classes or 0)


def centre(sizes: Sizes, quantity: Quantity) -> np.ndarray | None:
    """The levels [sizes] over the seeds that have a value at every size; None without one."""
    curves = np.array([*across([by_seed(runs, quantity) for runs in sizes.values()]).values()])
    if not len(curves):
        return None
    return np.array([quantity.scale.level(column).value for column in curves.T])


def peak(values: np.ndarray, allowed: np.ndarray | None = None) -> Peak | None:
    """The point that stands highest above its surroundings; None with fewer than 3 points.

    Args:
        values: [n], in order of the size.
        allowed: Which places may be the peak [n]; None: all but the two ends, which never may.
    """
    found = []
    for at in range(1, len(values) - 1):
        if allowed is None or allowed[at]:
            right = at + 1 + int(np.argmin(values[at + 1 :]))
            found.append(Peak(at, int(np.argmin(values[:at])), right))
    return max(found, key=lambda one: one.height(values), default=None)


def heights(curves: Mapping[int, np.ndarray], allowed: np.ndarray) -> dict[int, float]:
    """Seed -> height of the peak that the other seeds show, on its own curve (see the module).

    Args:
        curves: Seed -> values [sizes].
        allowed: Which places may be the peak [sizes].
    """
    found = {}
    for seed, curve in curves.items():
        others = [other for name, other in curves.items() if name != seed]
        mean = np.mean(others, axis=0) if others else np.empty(0)
        if len(mean) and (place := peak(mean, allowed)) is not None:
            low = max(place.left, place.right, key=lambda index: float(mean[index]))
            found[seed] = float(curve[place.at] - curve[low])
    return found


def near(counts: Sequence[int], level: int) -> np.ndarray:
    """Which parameter counts [n] lie within ``NEAR`` of a threshold."""
    ratio = np.array(counts) / level
    return (ratio >= 1 / NEAR) & (ratio <= NEAR)


def places(curves: Mapping[int, np.ndarray], counts: Sequence[int]) -> dict[int, float]:
    """Seed -> log2 of the parameters at its own highest peak; seeds without a peak have none."""
    found = {}
    for seed, curve in curves.items():
        place = peak(curve)
        if place is not None and place.height(curve) > 0:
            found[seed] = float(np.log2(counts[place.at]))
    return found
