"""Whether a curve has a peak: how far each seed stands off the best curve that has none.

A curve without a peak falls to some size and rises from there, or does one of the two, or neither:
a valley. The best one is that of least squares, an antitonic and an isotonic regression side by
side (Robertson, Wright & Dykstra 1988, "Order Restricted Statistical Inference", chapter 1).

The *excess* of a seed with values y is Σ w y, where w are the residuals r of the mean of the other
seeds around their best valley over Σ max(r, 0): what y has on average where the others stand above
a valley, less what it has where they stand below. Around one valley r has no positive product with
any curve of its kind (r lies in the polar of that cone), so a curve without a peak has an excess of
0 or below on average, and most where it is flat. The others overlap, so the mean over seeds of what
is flat but for noise, over its standard error, has wider tails than Student's t. They are drawn:
normal noise, as many seeds and sizes. Over shapes without a peak and noise that is uneven, heavy
or skewed, no more than 1 in 20 was taken for a peak (``tests/oracle/test_valleys.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np

from dl_experiments.analysis.runs.scales import Scale
from dl_experiments.analysis.runs.significance import NEAR, TAIL
from dl_experiments.analysis.runs.statistics import Estimate, mean

DRAWS, AT_ONCE = 2_000, 100
ROUNDING = 1e-12


def valley(curves: np.ndarray) -> np.ndarray:
    """The best curves without a peak of curves [b, k]."""
    b, k = curves.shape
    sizes, rows = np.arange(k), np.arange(b)
    falling = -_rising(-curves)  # of the sizes up to m at [:, :, m]
    rising = -_rising(-curves[:, ::-1])[:, ::-1, ::-1]  # of those from m on
    within = sizes[:, None] <= sizes
    left = (within * (curves[:, :, None] - falling) ** 2).sum(1)
    right = (within.T * (curves[:, :, None] - rising) ** 2).sum(1)
    split = np.column_stack([right[:, 0], left[:, :-1] + right[:, 1:], left[:, -1]]).argmin(1)
    before = falling[rows, :, np.maximum(split - 1, 0)]
    after = rising[rows, :, np.minimum(split, k - 1)]
    return np.where(sizes < split[:, None], before, after)


def excesses(curves: np.ndarray) -> np.ndarray:
    """The excess [b, n] of each of n ≥ 2 seeds in curves [b, n, k]; see the module."""
    b, n, k = curves.shape
    others = ((curves.sum(1, keepdims=True) - curves) / (n - 1)).reshape(-1, k)
    off = (others - valley(others)).reshape(b, n, k)
    above = np.maximum(off, 0).sum(2)
    weights = np.divide(off, above[..., None], where=above[..., None] > ROUNDING, out=0 * off)
    return (weights * curves).sum(2)


def excess(curves: Mapping[int, np.ndarray]) -> dict[int, float | None]:
    """Seed -> excess, of seed -> values [k]; a single seed has none."""
    if len(curves) < 2:
        return dict.fromkeys(curves)
    found = excesses(np.array([[*curves.values()]]))[0]
    return dict(zip(curves, map(float, found), strict=True))


def places(curves: Mapping[int, np.ndarray], counts: Sequence[int]) -> dict[int, float]:
    """Seed -> its share in where the mean has its peak, in log2 of the parameters.

    The place is the mean of log2 of the counts, weighted by how far the mean over seeds stands
    above the best valley, squared. A seed's share is its pseudo-value n θ − (n − 1) θ₋ₛ, so that
    their mean and its error are those of the jackknife (Tukey 1958, "Bias and confidence in
    not-quite large samples"). Between two sizes it is off by up to a tenth of their distance. Seeds
    without which there is nothing above a valley have none.

    Args:
        curves: Seed -> values [k].
        counts: Parameters [k].
    """
    n, every = len(curves), np.array([*curves.values()])
    if n < 2:
        return {}
    means = np.vstack([every.mean(0), (every.sum(0) - every) / (n - 1)])
    weights = np.maximum(means - valley(means), 0) ** 2
    above = weights.sum(1)
    if above[0] <= ROUNDING**2:
        return {}
    centres = weights @ np.log2(counts) / np.maximum(above, ROUNDING**2)
    return {
        seed: float(n * centres[0] - (n - 1) * centre)
        for seed, centre, there in zip(curves, centres[1:], above[1:], strict=True)
        if there > ROUNDING**2
    }


@final
@dataclass(frozen=True)
class Excess(Scale):
    """Excesses of seeds over so many sizes: their mean, its interval by the noise that is drawn."""

    sizes: int

    def _level(self, values: np.ndarray) -> Estimate:
        found = mean(values)
        if found.low is None:
            return found
        drawn = noise(found.n, self.sizes)
        error = float(values.std(ddof=1)) / found.n**0.5
        low, high = found.value - error * np.quantile(drawn, [1 - TAIL, TAIL])
        test = Drawn(found.value, error, found.n, drawn)
        return Estimate(found.value, float(low), float(high), found.n, test=test)


@final
@dataclass(frozen=True)
class Drawn:
    """An estimate over its standard error, against what is drawn of noise, in rising order."""

    centre: float
    error: float
    n: int
    drawn: np.ndarray

    def p(self, edge: float, side: int) -> float:
        """See `significance.Test`."""
        far = (self.centre - edge) / self.error
        beyond = np.sum(self.drawn >= far if side > 0 else self.drawn <= far)
        return float((1 + beyond) / (1 + len(self.drawn)))

    def seeds(self, edge: float) -> float:
        """See `significance.Test`; with the tails of as many seeds as there are, which are wide."""
        far = self.centre - edge
        tail = abs(np.quantile(self.drawn, 1 - TAIL if far > 0 else TAIL))
        spread = self.error * self.n**0.5
        found = int(np.floor((tail * spread / far) ** 2)) + 1 if far else NEAR + 1
        return max(found, 2) if found <= NEAR else np.inf


@cache
def noise(seeds: int, sizes: int) -> np.ndarray:
    """Mean excess over its standard error of flat curves with normal noise, in rising order."""
    draw = np.random.default_rng([seeds, sizes])
    found = []
    for _ in range(DRAWS // AT_ONCE):
        values = excesses(draw.normal(size=(AT_ONCE, seeds, sizes)))
        error = values.std(1, ddof=1) / seeds**0.5
        found.append(np.divide(values.mean(1), error, where=error > 0, out=0 * error))
    return np.sort(np.concatenate(found))


def _rising(curves: np.ndarray) -> np.ndarray:
    """Isotonic regressions [b, k, k] of the first m + 1 values of curves [b, k], at [:, :, m].

    Value i is the largest over a ≤ i of the smallest over b ≥ i of the means from a to b.
    """
    b, k = curves.shape
    sums = np.column_stack([np.zeros(b), curves.cumsum(1)])
    lengths = np.arange(k) - np.arange(k)[:, None] + 1
    means = (sums[:, None, 1:] - sums[:, :-1, None]) / np.maximum(lengths, 1)
    fits = np.zeros((b, k, k))
    for at in range(k):
        least = np.minimum.accumulate(means[:, : at + 1, at:], axis=2)
        fits[:, at, at:] = least.max(1)
    return fits
