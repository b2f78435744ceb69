"""What a handful of seeds can say: intervals, differences, bands. Pure functions of arrays.

A run is one draw of the seed, so n is always a number of seeds. The 95 % interval of a mean is
**Student's t** at every n, taken on the scale on which seeds lie evenly (see ``scales``), of the
differences where two sides are paired by seed; sides that are not paired get **Welch's t**. Seeds
that all have one value tell nothing of how far another would lie from it: no interval.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats

from dl_experiments.analysis.runs.significance import (
    LEVEL,
    TAIL,
    Binomial,
    Student,
    Test,
    quantile,
)

ROUNDING = 1e-12  # a spread below this share of the values is none
INTERVAL = "95 % interval over seeds (Student's t)"


@dataclass(frozen=True)
class Estimate:
    """A number from n seeds with its 95 % confidence interval.

    One seed has no interval, nor have seeds that all have one value (``same``), nor some
    statistics of few seeds.

    Attributes:
        note: What the number leaves out or is not, for whoever reads it; mostly empty.
        scale: The name of the scale on which it was taken.
        same: Whether there are several seeds, all with one value.
        test: The one whose interval it is; None where there is none.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    note: str = ""
    scale: str = ""
    test: Test | None = field(default=None, repr=False, compare=False)
    same: bool = False


def one_value(value: float, n: int, note: str = "") -> Estimate:
    """What n seeds come to that all have one value."""
    return Estimate(value, None, None, n, note, same=n > 1)


def mean(values: np.ndarray) -> Estimate:
    """The mean of values [n], one a seed, with Student's interval.

    Raises:
        ValueError: There is no value, or one is not finite.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"need one finite number a seed, got {values}")
    n, centre = len(values), float(values.mean())
    if n < 2 or np.ptp(values) <= ROUNDING * np.abs(values).max():
        return one_value(float(values[0]) if n > 1 else centre, n)
    error = float(values.std(ddof=1)) / n**0.5
    half = quantile(n - 1) * error
    return Estimate(centre, centre - half, centre + half, n, test=Student.over(centre, error, n))


def common(a: Mapping[int, float], b: Mapping[int, float]) -> list[int]:
    """The seeds that pair two sides: those in both, if they are two or more; else none."""
    seeds = sorted(set(a) & set(b))
    return seeds if len(seeds) > 1 else []


def difference(a: Mapping[int, float], b: Mapping[int, float]) -> Estimate:
    """Mean of a minus mean of b, each a mapping from seed to value.

    Paired where `common` finds seeds: then only those count, n is their number, and the note says
    how many had no partner. Otherwise Welch's interval, and n is the smaller side's.

    Raises:
        ValueError: A side is empty or holds a number that is not finite.
    """
    if seeds := common(a, b):
        found = mean(np.array([a[seed] - b[seed] for seed in seeds]))
        alone = len(set(a) ^ set(b))
        note = f"{alone} seed{'s' * (alone > 1)} without a partner left out" if alone else ""
        return replace(found, note=note)
    sides = [np.array(list(side.values()), dtype=float) for side in (a, b)]
    one, other = (mean(side) for side in sides)
    value, n = one.value - other.value, min(one.n, other.n)
    if n < 2 or (one.same and other.same):
        return one_value(value, n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # values that differ in few digits
        found = stats.ttest_ind(*sides, equal_var=False)
        low, high = found.confidence_interval(LEVEL)
    error = (high - low) / 2 / stats.t.ppf(1 - TAIL, found.df)
    variances = np.array([side.var(ddof=1) for side in sides])
    shares = variances / variances.sum()
    test = Student(
        value, error, found.df, float(variances.sum() ** 0.5), 1 / float(shares @ shares)
    )
    return Estimate(value, float(low), float(high), n, test=test)


def proportion(count: int, n: int) -> Estimate:
    """A share of n seeds with its exact binomial interval (Clopper & Pearson 1934).

    What is counted must be fixed before the seeds are seen. The mean's interval cannot be used for
    a share: where none or all of the seeds agree it has no width.

    Raises:
        ValueError: There is no seed, or the count is not within 0..n.
    """
    if n < 1 or not 0 <= count <= n:
        raise ValueError(f"{count} of {n} is no proportion")
    low = 0.0 if count == 0 else float(stats.beta.ppf(TAIL, count, n - count + 1))
    high = 1.0 if count == n else float(stats.beta.ppf(1 - TAIL, count + 1, n - count))
    return Estimate(count / n, low, high, n, test=Binomial(count, n))


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation ρ of x [n] and y [n]; 0 where one of them does not vary."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.clip(round(stats.spearmanr(x, y).statistic, 12), -1, 1))  # ±1 are exact


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """The slope of the least-squares line through (x, y), [n] each."""
    return float(np.polyfit(x, y, 1)[0])


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


def running_median(
    epochs: np.ndarray, values: np.ndarray, share: float = 0.1, points: int = 40
) -> tuple[np.ndarray, np.ndarray]:
    """The median of the values [t] from e/(1 + share) to e·(1 + share), at some of the epochs e.

    On a logarithmic axis of epochs [t] that is a window of one width: the loss of a net that is
    trained at a constant rate jumps, and where it lies is lost in the jumps. There are about
    ``points`` epochs a decade, the same ones for all that were recorded at the same, and the last.
    """
    if not len(epochs):
        return epochs, values
    asked = 10 ** (np.arange(int(points * np.log10(max(epochs[-1], 1))) + 1) / points)
    at = np.unique([0, *np.searchsorted(epochs, asked), len(epochs) - 1])
    low = np.searchsorted(epochs, epochs[at] / (1 + share))
    high = np.searchsorted(epochs, epochs[at] * (1 + share), side="right")
    found = [np.median(values[one:other]) for one, other in zip(low, high, strict=True)]
    return epochs[at], np.array(found)


def settled(epochs: np.ndarray, values: np.ndarray, share: float = 0.1) -> float | None:
    """The median of the values recorded in the last ``share`` of the epochs.

    Where a run ends: at a constant learning rate the loss jumps from epoch to epoch, and the very
    last value is luck. None where a value there is not finite or there are no values.
    """
    if not len(epochs):
        return None
    last = values[epochs >= (1 - share) * epochs[-1]]
    return float(np.median(last)) if np.isfinite(last).all() else None
