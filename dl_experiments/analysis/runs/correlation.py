"""Rank correlation over points that come in clusters: several from each run."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from dl_experiments.analysis.runs.significance import TAIL
from dl_experiments.analysis.runs.statistics import Estimate

RESAMPLES = 2_000
FEWEST = 5  # runs that an interval takes


def rank_correlations(
    x: np.ndarray, ys: Sequence[np.ndarray], runs: np.ndarray
) -> list[Estimate | None]:
    """Spearman's ρ between x [n] and each y [n]; None where one of them does not vary.

    The points of a run belong together, so the interval resamples whole runs: the expanded
    percentile bootstrap (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section
    3.2, whose quantiles are Φ(√(n / (n-1)) · t_{0.025, n-1}) and its mirror), of which a resample's
    weights w [n] are how often each point's run was drawn. The rank of point i among weighted
    points is Σ_j w_j ([x_j < x_i] + ½[x_j = x_i]). A resample in which nothing varies counts as
    ρ = 0. Below 5 runs there is no interval.

    Args:
        x: [n].
        ys: Each [n].
        runs: A label for each point's run [n].
    """
    if not len(x):
        return [None] * len(ys)
    names, places = np.unique(runs, return_inverse=True)
    count = len(names)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    weights = np.vstack([np.ones(count), drawn])[:, places]  # the first are the points themselves
    of_x = _ranks(x, weights)
    return [_estimate(_correlations(of_x, _ranks(y, weights), weights), y, x, count) for y in ys]


def _estimate(found: np.ndarray, y: np.ndarray, x: np.ndarray, count: int) -> Estimate | None:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    if count < FEWEST:
        return Estimate(float(found[0]), None, None, count)
    cut = stats.norm.cdf(np.sqrt(count / (count - 1)) * stats.t.ppf(TAIL, count - 1))
    low, high = np.quantile(found[1:], [cut, 1 - cut], method="inverted_cdf")
    return Estimate(float(found[0]), float(low), float(high), count)


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ranks [b, n] of values [n] under weights [b, n]."""
    below = values[:, None] < values
    return weights @ (below + (values[:, None] == values) / 2)


def _correlations(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted Pearson correlation [b] of each row; 0 where a row does not vary."""
    shares = weights / weights.sum(1, keepdims=True)
    a, b = (ranks - (shares * ranks).sum(1, keepdims=True) for ranks in (a, b))
    both, of_a, of_b = ((shares * part).sum(1) for part in (a * b, a * a, b * b))
    scale = np.sqrt(of_a * of_b)
    return np.divide(both, scale, out=np.zeros_like(both), where=scale > 1e-9)
