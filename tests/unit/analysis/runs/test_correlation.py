import numpy as np
import pytest
from scipy import stats

from dl_experiments.analysis.runs.correlation import rank_correlations, within_kinds


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


@pytest.mark.parametrize(
    ("n", "least", "below"),
    [(5, 1.0, 0.9), (6, 0.886, 0.829), (7, 0.786, 0.750), (8, 0.738, 0.714)],
)
def test_within_one_kind_it_is_the_exact_test(n: int, least: float, below: float) -> None:
    """The least ρ with a one-sided p of at most 2.5 %: Zar 1972, table 1."""
    for wanted, sure in ((least, True), (below, False)):
        x, rng = np.arange(n), np.random.default_rng(0)
        y = x
        while abs(stats.spearmanr(x, y).statistic - wanted) > 1e-3:
            y = rng.permutation(n)
        for sign in (1, -1):
            (found,) = within_kinds(x, [sign * y], np.zeros(n))
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            assert (found.value, found.n) == (pytest.approx(sign * wanted, abs=1e-3), n)
            assert -1 <= found.low <= found.value <= found.high <= 1
            assert (found.low > 0 or found.high < 0) == sure


def test_kinds_are_averaged_and_not_compared() -> None:
    """What is higher in a kind as a whole does not count, and its weight is n − 1."""
    kinds, rng = np.repeat([0, 1, 2], [4, 7, 5]), np.random.default_rng(2)
    x, y = rng.normal(size=(2, 16)) + 9 * kinds
    alone = [stats.spearmanr(x[kinds == k], y[kinds == k]).statistic for k in range(3)]
    flat = np.where(kinds == 2, 1.0, y)
    whole, some, none = within_kinds(x, [y, flat, np.ones(16)], kinds)
    assert whole is not None
    assert some is not None
    assert none is not None
    assert whole.value == pytest.approx(np.dot([3, 6, 4], alone) / 13)
    assert some.value == pytest.approx(np.dot([3, 6], alone[:2]) / 13)
    assert (none.value, none.low, none.n) == (0.0, None, 16)
    (fewer,) = within_kinds(np.where(kinds == 1, 0.0, x), [y], kinds)
    assert fewer is not None
    assert fewer.n == 9
    assert within_kinds(np.ones(3), [np.arange(3.0)], np.zeros(3)) == [None]


def test_few_orders_have_no_interval_and_unrelated_kinds_are_covered() -> None:
    (four,) = within_kinds(np.arange(4), [np.arange(4)], np.zeros(4))
    assert four is not None
    assert (four.value, four.low, four.high) == (1.0, None, None)
    kinds, rng = np.repeat([0, 1, 2, 3], [2, 3, 4, 6]), np.random.default_rng(5)
    ys = [*rng.normal(size=(200, 15)).round(1)]
    found = within_kinds(rng.normal(size=15), ys, kinds)
    inside = [e is not None and e.low is not None and e.low <= 0 <= (e.high or 0) for e in found]
    assert 0.91 <= np.mean(inside) <= 1.0  # three standard errors of 200
