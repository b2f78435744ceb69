from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dl_experiments.analysis.runs.statistics import (
    difference,
    epochs_to_reach,
    geometric_mean,
    mean,
    proportion,
    running_median,
    seed_band,
    settled,
    spearman,
)

VALUES = np.array([0.3, 1.7, 0.9, 1.1, 1.0])


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_interval_is_students(n: int) -> None:
    values = VALUES[:n]
    estimate = mean(values)
    low, high = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    assert (estimate.low, estimate.high) == (pytest.approx(low), pytest.approx(high))


def test_one_seed_has_no_interval() -> None:
    estimate = mean(np.array([2.0]))
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (2.0, None, None, 1)


def test_seeds_that_agree_have_no_interval() -> None:
    for n in (2, 3, 5, 10):
        estimate = mean(np.full(n, 0.1))
        assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.1, None, None, n)
        assert estimate.same
    apart = difference({0: 3.0, 1: 3.0}, {2: 1.0, 3: 1.0})
    assert (apart.value, apart.low, apart.high) == (2.0, None, None)


@pytest.mark.parametrize("paired", [True, False])
def test_a_difference_covers_as_promised(paired: bool) -> None:
    generator = np.random.default_rng(5)
    covered, trials = 0, 2000
    for _ in range(trials):
        one = dict(enumerate(generator.normal(2, 1, 3)))
        other = dict(enumerate(generator.normal(1, 3, 4), start=0 if paired else 10))
        estimate = difference(one, other)
        assert estimate.n == 3
        covered += estimate.low < 1 < estimate.high
    assert covered / trials == pytest.approx(0.95, abs=0.02)  # Welch's is right to first order


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [[1.0]], [np.inf]])
def test_refuses_what_is_no_number_a_seed(values: list) -> None:
    with pytest.raises(ValueError, match="one finite number a seed"):
        mean(np.array(values))


def test_a_difference_is_paired_by_seed() -> None:
    # between seeds the values vary widely, within a seed the difference is steady
    a = {0: 1.0, 1: 5.0, 2: 9.0, 7: 100.0}
    b = {0: 0.9, 1: 4.8, 2: 8.9}
    expected = mean(np.array([a[seed] - b[seed] for seed in range(3)]))
    assert difference(a, b) == replace(expected, note="1 seed without a partner left out")


@pytest.mark.parametrize("n", [3, 5])
def test_without_two_common_seeds_the_interval_is_welchs(n: int) -> None:
    a = {seed: float(seed) for seed in range(n)}
    b = {seed: float(seed**2) for seed in range(n - 1, n + 7)}
    estimate = difference(a, b)
    slow = stats.ttest_ind(list(a.values()), list(b.values()), equal_var=False)
    low, high = slow.confidence_interval(0.95)
    assert (estimate.low, estimate.high) == (pytest.approx(low), pytest.approx(high))
    assert estimate.value == pytest.approx((low + high) / 2)
    assert estimate.n == n
    assert difference({0: 1.0}, {1: 2.0, 2: 2.0}).low is None


@pytest.mark.parametrize(("count", "n"), [(0, 5), (1, 5), (3, 5), (5, 5), (2, 30)])
def test_a_proportion_ends_where_the_binomial_says(count: int, n: int) -> None:
    estimate = proportion(count, n)
    assert estimate.value == count / n
    if count:
        assert stats.binom.sf(count - 1, n, estimate.low) == pytest.approx(0.025)
    else:
        assert estimate.low == 0
    if count < n:
        assert stats.binom.cdf(count, n, estimate.high) == pytest.approx(0.025)
    else:
        assert estimate.high == 1


def test_no_proportion_of_nothing() -> None:
    with pytest.raises(ValueError, match="no proportion"):
        proportion(0, 0)


def test_a_band_is_the_range_over_seeds() -> None:
    values = np.array([[1.0, 10.0], [100.0, 1000.0], [10.0, 100.0]])
    centre, low, high = seed_band(values)
    np.testing.assert_allclose(centre, [37, 370])
    np.testing.assert_array_equal(low, [1, 10])
    np.testing.assert_array_equal(high, [100, 1000])
    np.testing.assert_allclose(seed_band(values, geometric=True)[0], [10, 100])
    np.testing.assert_allclose(geometric_mean(values), stats.gmean(values))


def test_epochs_to_reach_a_level_or_never() -> None:
    epochs, values = np.array([0, 1, 10, 100]), np.array([3.0, 2.0, 0.5, 1.0])
    assert epochs_to_reach(epochs, values, 2.0) == 1
    assert epochs_to_reach(epochs, values, 0.6) == 10
    assert epochs_to_reach(epochs, values, 0.1) is None
    assert epochs_to_reach(np.empty(0), np.empty(0), 1.0) is None


def test_a_running_median_is_that_of_a_tenth_to_either_side() -> None:
    epochs = np.array([0, 1, 2, 3, 5, 8, 9, 10, 11, 12, *range(14, 400, 3)])
    values = np.random.default_rng(0).lognormal(size=len(epochs))
    at, medians = running_median(epochs, values)
    assert (at[0], at[-1]) == (0, epochs[-1])
    assert set(at) < set(epochs)
    around = [values[(epochs * 1.1 >= e) & (epochs <= e * 1.1)] for e in at]
    np.testing.assert_allclose(medians, [np.median(some) for some in around])
    shorter, _ = running_median(epochs[:40], values[:40])
    assert set(shorter[:-1]) <= set(at)
    assert len(running_median(epochs[:0], values[:0])[0]) == 0


def test_a_run_ends_at_the_median_of_its_last_tenth() -> None:
    epochs = np.arange(0, 101)
    values = np.where(epochs == 100, 50.0, 1.0)  # a spike in the very last epoch
    assert settled(epochs, values) == 1.0
    assert settled(np.array([0, 1, 10, 100]), np.array([4.0, 3.0, 2.0, 1.0])) == 1.0
    assert settled(epochs, np.where(epochs > 95, np.nan, 1.0)) is None
    assert settled(np.empty(0), np.empty(0)) is None


@pytest.mark.parametrize("seed", range(5))
def test_rank_correlation_is_scipys(seed: int) -> None:
    values = np.random.default_rng(seed).integers(6, size=11).astype(float)  # with ties
    expected = stats.spearmanr(np.arange(11), values).statistic
    assert spearman(np.arange(11), values) == pytest.approx(expected)


def test_what_does_not_vary_has_no_correlation() -> None:
    assert spearman(np.arange(4), np.ones(4)) == 0.0
    assert spearman(np.arange(4), np.arange(4)) == 1.0
