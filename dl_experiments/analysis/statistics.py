"""What a handful of seeds can say: intervals, differences, bands. Pure functions of arrays.

A run is one draw of the seed, so n is always a number of seeds. With 3 to 10 of them a plain
percentile bootstrap is too narrow (nominal 95 % covers about 85 % at n = 5), so intervals here are
*expanded* percentile intervals (Hesterberg 2015, "What Teachers Should Know About the Bootstrap",
section 3.2), which undo that to first order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 20_000
EXHAUSTIVE = 6  # up to here all n^n resamples are taken (6^6 = 46,656) and nothing is random

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Estimate:
    """A number from n seeds with its confidence interval; one seed has no interval."""

    value: float
    low: float | None
    high: float | None
    n: int


def _mean(resamples: np.ndarray) -> np.ndarray:
    return resamples.mean(axis=-1)


def tail(n: int, level: float = LEVEL) -> float:
    """The bootstrap quantile at which an expanded percentile interval of n values ends.

    tail = Φ(√(n / (n-1)) · t_{(1-level)/2, n-1}); it tends to (1-level)/2 as n grows.
    """
    quantile = stats.t.ppf((1 - level) / 2, n - 1)
    return float(stats.norm.cdf(np.sqrt(n / (n - 1)) * quantile))


def resample(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Bootstrap resamples [r, n] of values [n]: all n^n of them up to n = 6, else drawn."""
    n = len(values)
    if n <= EXHAUSTIVE:
        indices = np.indices((n,) * n).reshape(n, -1).T
    else:
        indices = np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))
    return values[indices]


def bootstrap(
    values: np.ndarray, statistic: Statistic = _mean, level: float = LEVEL, seed: int = 0
) -> Estimate:
    """A statistic of values [n] with its expanded percentile bootstrap interval.

    Args:
        values: One number a seed.
        statistic: Maps resamples [..., n] to their statistics [...]; the mean by default.
        level: Nominal coverage.
        seed: Of the resampling, where it is random (n > 6).

    Raises:
        ValueError: There is no value, or one is not finite.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"need one finite number a seed, got {values}")
    n = len(values)
    value = float(statistic(values[None])[0])
    if n < 2:
        return Estimate(value, None, None, n)
    low, high = _ends(statistic(resample(values, seed)), n, level)
    return Estimate(value, low, high, n)


def difference(
    a: Mapping[int, float], b: Mapping[int, float], level: float = LEVEL, seed: int = 0
) -> Estimate:
    """Mean of a minus mean of b, each a mapping from seed to value.

    Paired when two or more seeds are in both (then only those count and n is their number);
    otherwise the two sides are resampled apart, and n is the smaller side's.

    Raises:
        ValueError: A side is empty or holds a number that is not finite.
    """
    common = sorted(set(a) & set(b))
    if len(common) > 1:
        return bootstrap(np.array([a[s] - b[s] for s in common]), level=level, seed=seed)
    left, right = (np.array(list(side.values()), dtype=float) for side in (a, b))
    one, other = bootstrap(left), bootstrap(right)
    value, n = one.value - other.value, min(one.n, other.n)
    if n < 2:
        return Estimate(value, None, None, n)
    generator = np.random.default_rng(seed)
    means = [
        side[generator.integers(len(side), size=(RESAMPLES, len(side)))].mean(axis=1)
        for side in (left, right)
    ]
    low, high = _ends(means[0] - means[1], n, level)
    return Estimate(value, low, high, n)


def _ends(statistics: np.ndarray, n: int, level: float) -> tuple[float, float]:
    cut = tail(n, level)
    low, high = np.quantile(statistics, [cut, 1 - cut], method="inverted_cdf")
    return float(low), float(high)


def proportion(count: int, n: int, level: float = LEVEL) -> Estimate:
    """A share of n seeds with its exact binomial interval (Clopper & Pearson 1934).

    The bootstrap cannot be used for a share: where none or all of the seeds agree it has no width.

    Raises:
        ValueError: There is no seed, or the count is not within 0..n.
    """
    if n < 1 or not 0 <= count <= n:
        raise ValueError(f"{count} of {n} is no proportion")
    half = (1 - level) / 2
    low = 0.0 if count == 0 else float(stats.beta.ppf(half, count, n - count + 1))
    high = 1.0 if count == n else float(stats.beta.ppf(1 - half, count + 1, n - count))
    return Estimate(count / n, low, high, n)


def seed_band(values: np.ndarray, geometric: bool = False) -> tuple[np.ndarray, ...]:
    """Centre, low and high [t] of curves [n, t].

    The centre is the mean over seeds (the geometric mean for a logarithmic axis); the band is the
    whole range from the lowest to the highest seed, not a confidence interval.
    """
    centre = geometric_mean(values) if geometric else values.mean(axis=0)
    return centre, values.min(axis=0), values.max(axis=0)


def geometric_mean(values: np.ndarray) -> np.ndarray:
    """exp(mean(log values)) over the first axis; needs positive values."""
    return np.exp(np.log(values).mean(axis=0))


def epochs_to_reach(epochs: np.ndarray, values: np.ndarray, level: float) -> float | None:
    """The first recorded epoch whose value is at most ``level``, None where none is (censored).

    Between two recorded epochs nothing is interpolated, so the answer is at most one recording
    interval late.
    """
    reached = np.flatnonzero(values <= level)
    return float(epochs[reached[0]]) if len(reached) else None


def settled(epochs: np.ndarray, values: np.ndarray, share: float = 0.1) -> float | None:
    """The median of the values recorded in the last ``share`` of the epochs.

    Where a run ends: at a constant learning rate the loss jumps from epoch to epoch, and the very
    last value is luck. None where a value there is not finite or there are no values.
    """
    if not len(epochs):
        return None
    last = values[epochs >= (1 - share) * epochs[-1]]
    return float(np.median(last)) if np.isfinite(last).all() else None
