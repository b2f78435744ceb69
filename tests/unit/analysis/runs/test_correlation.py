import numpy as np
import pytest
from scipy import stats

from dl_experiments.analysis.runs.correlation import rank_correlations


def drawn(runs: int, each: int, slope: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.normal(size=runs * each)
    return x, slope * x + rng.normal(size=len(x)), np.repeat(np.arange(runs), each)


def test_it_is_spearmans_with_ties() -> None:
    x, y, runs = drawn(8, 5, 1.0)
    ys = [y, y.round(), (y > 0).astype(float)]
    found = rank_correlations(x.round(), ys, runs)
    for estimate, values in zip(found, ys, strict=True):
        assert estimate is not None
        truth = stats.spearmanr(x.round(), values).statistic
        assert estimate.value == pytest.approx(truth, abs=1e-12)
        assert estimate.n == 8
        assert estimate.low is not None
        assert estimate.high is not None
        assert -1 <= estimate.low < estimate.value < estimate.high <= 1


def test_a_run_drawn_twice_counts_as_its_points_twice() -> None:
    """Copies of the runs say no more about ρ, and have the same ranks."""
    x, y, runs = drawn(6, 4, 0.5)
    (once,) = rank_correlations(x, [y], runs)
    (twice,) = rank_correlations(np.tile(x, 2), [np.tile(y, 2)], np.tile(runs, 2))
    assert once is not None
    assert twice is not None
    assert (once.value, once.low, once.high) == pytest.approx((twice.value, twice.low, twice.high))


def test_whole_runs_are_resampled() -> None:
    """Points that repeat their run's one value are worth one point, not ten."""
    x, y, _ = drawn(12, 1, 0.7)
    (one,) = rank_correlations(x, [y], np.arange(12))
    (ten,) = rank_correlations(np.repeat(x, 10), [np.repeat(y, 10)], np.repeat(np.arange(12), 10))
    assert one is not None
    assert ten is not None
    assert (one.value, one.low, one.high) == pytest.approx((ten.value, ten.low, ten.high))


def test_the_interval_covers_what_it_says() -> None:
    """Clusters with an effect of their own and no correlation: ρ = 0 lies inside mostly."""
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(60):
        runs = np.repeat(np.arange(20), 5)
        x, y = (rng.normal(size=20)[runs] + rng.normal(size=100) for _ in range(2))
        (found,) = rank_correlations(x, [y], runs)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 0 <= found.high
    assert inside >= 52


def test_what_does_not_vary_has_no_correlation_and_few_runs_no_interval() -> None:
    x, y, runs = drawn(3, 4, 1.0)
    constant, few = rank_correlations(x, [np.ones(12), y], runs)
    assert constant is None
    assert few is not None
    assert (few.low, few.high, few.n) == (None, None, 3)
    assert rank_correlations(np.empty(0), [np.empty(0)], np.empty(0)) == [None]
