"""Rank correlation over points of several kinds."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from dl_experiments.analysis.runs.significance import TAIL, Permuted
from dl_experiments.analysis.runs.statistics import Estimate

PERMUTED = 20_000


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
    """ρ with the interval and the test that permutations [b] of it make."""
    value = round(float(value), 9)
    sizes, often = np.unique(np.abs(drawn).round(9), return_counts=True)
    between, shares = (sizes[:-1] + sizes[1:]) / 2, often[::-1].cumsum()[::-1] / len(drawn)
    common = int(np.sum(shares > 2 * TAIL))
    edge = between[common - 1] if common < len(sizes) else 0.0
    most = (3 + sizes[sizes < 1].max(initial=edge)) / 4  # in place of 1, which has no artanh
    within = float(np.clip(value, -most, most))
    test = Permuted(within, between, shares)
    if not edge:
        return Estimate(value, None, None, count, test=test)
    low, high = np.tanh(np.arctanh(within) + np.arctanh([-edge, edge]))
    return Estimate(value, min(float(low), value), max(float(high), value), count, test=test)


def _unit(values: np.ndarray) -> np.ndarray:
    """Ranks less their mean, of length 1; 0 where nothing varies."""
    ranks = stats.rankdata(values) - (len(values) + 1) / 2
    return ranks / max(float(np.linalg.norm(ranks)), 1e-9)
