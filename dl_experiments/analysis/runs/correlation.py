"""Rank correlation over points that come in clusters: several from each run, or of each kind."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from dl_experiments.analysis.runs.significance import TAIL
from dl_experiments.analysis.runs.statistics import Estimate

RESAMPLES = 2_000
FEWEST = 5  # runs that an interval takes
PERMUTED = 20_000


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


def within_kinds(
    x: np.ndarray, ys: Sequence[np.ndarray], kinds: np.ndarray
) -> list[Estimate | None]:
    """Spearman's ρ between x [n] and each y [n] within kinds of points, whatever kinds differ in.

    The mean of the kinds' ρ_k weighted by n_k − 1; ρ_k = 0 where y does not vary. Its interval is
    tanh(artanh ρ ± w), where w is such that it holds 0 unless |ρ| is as large as in at most 5 % of
    permutations within kinds (of ``PERMUTED`` drawn with one seed): of a single kind that is the
    exact test of Spearman's ρ. There is no interval where so few points have so few orders, nor
    where y varies nowhere. Kinds in which x does not vary tell nothing and are not counted in n.

    Args:
        x: [n].
        ys: Each [n].
        kinds: A label for each point's kind [n].

    Returns:
        None where x varies within no kind.
    """
    kept = [at for kind in np.unique(kinds) if np.ptp(x[at := kinds == kind])]
    if not kept:
        return [None] * len(ys)
    count, rng = sum(int(at.sum()) for at in kept), np.random.default_rng(0)
    values, drawn = np.zeros(len(ys)), np.zeros((len(ys), PERMUTED))
    for at in kept:
        size = int(at.sum())
        weight, of_x = (size - 1) / (count - len(kept)), _unit(x[at])
        orders = rng.permuted(np.tile(np.arange(size), (PERMUTED, 1)), axis=1)
        for place, of_y in enumerate(_unit(y[at]) for y in ys):
            values[place] += weight * of_y @ of_x
            drawn[place] += weight * of_y[orders] @ of_x
    return [_against(*pair, count) for pair in zip(values, drawn, strict=True)]


def _against(value: float, drawn: np.ndarray, count: int) -> Estimate:
    """ρ with the interval that permutations [b] of it make."""
    value = round(float(value), 9)
    sizes, often = np.unique(np.abs(drawn).round(9), return_counts=True)
    rare = np.flatnonzero(often[::-1].cumsum()[::-1] <= 2 * TAIL * len(drawn))
    if not len(rare):
        return Estimate(value, None, None, count)
    edge = (sizes[rare[0] - 1] + sizes[rare[0]]) / 2
    most = (3 + max(edge, sizes[sizes < 1].max())) / 4  # in place of 1, which has no artanh
    ends = np.tanh(np.arctanh(np.clip(value, -most, most)) + np.arctanh([-edge, edge]))
    return Estimate(value, min(float(ends[0]), value), max(float(ends[1]), value), count)


def _unit(values: np.ndarray) -> np.ndarray:
    """Ranks less their mean, of length 1; 0 where nothing varies."""
    ranks = stats.rankdata(values) - (len(values) + 1) / 2
    return ranks / max(float(np.linalg.norm(ranks)), 1e-9)


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
