import itertools

import numpy as np
import pytest
from scipy import stats

from dl_experiments.analysis.statistics import (
    RESAMPLES,
    bootstrap,
    difference,
    epochs_to_reach,
    geometric_mean,
    proportion,
    resample,
    seed_band,
    settled,
    tail,
)

VALUES = np.array([0.3, 1.7, 0.9, 1.1])


def test_the_tail_is_hesterbergs() -> None:
    # 2015, section 3.2: n = 5 needs t(0.025, 4) = 2.776 times sqrt(5/4) standard errors
    assert tail(5) == pytest.approx(stats.norm.cdf(-2.7764451 * np.sqrt(1.25)), rel=1e-6)
    assert tail(10**6) == pytest.approx(0.025, rel=1e-3)
    assert tail(3) < tail(5) < tail(20) < 0.025


def test_few_seeds_are_resampled_exhaustively() -> None:
    expected = sorted(itertools.product(VALUES, repeat=4))
    assert sorted(map(tuple, resample(VALUES))) == expected


def test_many_seeds_are_resampled_by_a_seeded_generator() -> None:
    values = np.arange(9.0)
    assert resample(values).shape == (RESAMPLES, 9)
    np.testing.assert_array_equal(resample(values, 3), resample(values, 3))
    assert not np.array_equal(resample(values, 3), resample(values, 4))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_bootstrap_agrees_with_its_slow_twin(level: float) -> None:
    means = sorted(sum(chosen) / 4 for chosen in itertools.product(VALUES, repeat=4))
    cut = tail(4, level)

    def first_with_share(share: float) -> float:
        return next(m for i, m in enumerate(means, start=1) if i / len(means) >= share)

    estimate = bootstrap(VALUES, level=level)
    assert estimate.value == pytest.approx(1.0)
    assert estimate.low == pytest.approx(first_with_share(cut))
    assert estimate.high == pytest.approx(first_with_share(1 - cut))
    assert estimate.n == 4


def test_three_seeds_give_their_range() -> None:
    estimate = bootstrap(np.array([2.0, 3.0, 7.0]))
    assert (estimate.low, estimate.high) == (2.0, 7.0)


def test_one_seed_has_no_interval() -> None:
    estimate = bootstrap(np.array([2.0]))
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (2.0, None, None, 1)


def test_many_seeds_give_nearly_the_t_interval() -> None:
    values = np.random.default_rng(0).normal(5, 2, 40)
    estimate = bootstrap(values)
    low, high = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert estimate.low == pytest.approx(low, abs=0.06)
    assert estimate.high == pytest.approx(high, abs=0.06)


def test_five_seeds_are_covered_as_promised() -> None:
    # the plain percentile interval covers 85 % here; the expanded one is why it is expanded
    generator = np.random.default_rng(1)
    covered, plain = 0, 0
    for _ in range(400):
        values = generator.normal(size=5)
        estimate = bootstrap(values)
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low < 0 < estimate.high
        low, high = np.quantile(resample(values).mean(axis=1), [0.025, 0.975])
        plain += low < 0 < high
    assert plain / 400 < 0.89
    assert covered / 400 > 0.91


def test_any_statistic_can_be_bootstrapped() -> None:
    estimate = bootstrap(VALUES, lambda resamples: resamples.max(axis=-1))
    assert estimate.value == 1.7


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [[1.0]], [np.inf]])
def test_bootstrap_refuses_what_is_no_number_a_seed(values: list) -> None:
    with pytest.raises(ValueError, match="one finite number a seed"):
        bootstrap(np.array(values))


def test_a_difference_is_paired_by_seed() -> None:
    # between seeds the values vary widely, within a seed the difference is steady
    a = {0: 1.0, 1: 5.0, 2: 9.0, 7: 100.0}
    b = {0: 0.9, 1: 4.8, 2: 8.9}
    estimate = difference(a, b)
    assert estimate.n == 3
    assert estimate.value == pytest.approx(0.4 / 3)
    assert estimate.low == pytest.approx(0.1)
    assert estimate.high == pytest.approx(0.2)


def test_without_common_seeds_the_sides_are_resampled_apart() -> None:
    a = {seed: float(seed) for seed in range(5)}
    b = {seed: float(seed) for seed in range(10, 18)}
    estimate = difference(a, b)
    assert estimate.value == 2 - 13.5
    assert estimate.n == 5
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < -11.5 < estimate.high
    # wider than either side alone
    assert estimate.high - estimate.low > 2.5
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


def test_a_run_ends_at_the_median_of_its_last_tenth() -> None:
    epochs = np.arange(0, 101)
    values = np.where(epochs == 100, 50.0, 1.0)  # a spike in the very last epoch
    assert settled(epochs, values) == 1.0
    assert settled(np.array([0, 1, 10, 100]), np.array([4.0, 3.0, 2.0, 1.0])) == 1.0
    assert settled(epochs, np.where(epochs > 95, np.nan, 1.0)) is None
    assert settled(np.empty(0), np.empty(0)) is None
