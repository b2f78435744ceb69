"""Levels and differences on each scale, within their bounds."""

import numpy as np
import pytest
from scipy import special, stats

from dl_experiments.analysis.runs.quantities import Quantity, in_percent
from dl_experiments.analysis.runs.scales import CORRELATION, LINEAR, LOG, PERCENT, SHARE, SIZE


def test_an_accuracy_never_leaves_its_bounds() -> None:
    for values in ([0.999, 1.0, 1.0], [0.0, 0.001, 0.0], [0.97, 1.0], [0.1, 0.9]):
        found = SHARE.level(np.array(values))
        assert 0 <= found.low < found.value < found.high <= 1
        percent = PERCENT.level(100 * np.array(values))
        assert percent.high == pytest.approx(100 * found.high)
        assert percent.low == pytest.approx(100 * found.low)


def test_an_accuracy_has_the_interval_of_its_logit() -> None:
    values = np.array([0.90, 0.93, 0.95, 0.91])
    found = SHARE.level(values)
    m = (values.mean() * 10_000 + 0.5) / 10_001
    error = stats.sem(values) * 10_000 / 10_001 / (m * (1 - m))
    ends = special.expit(special.logit(m) + stats.t.ppf([0.025, 0.975], 3) * error)
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(tuple((ends * 10_001 - 0.5) / 10_000))


def test_far_from_its_bounds_an_accuracy_is_like_any_number() -> None:
    values = np.array([0.500, 0.502, 0.501])
    found, plain = SHARE.level(values), LINEAR.level(values)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=1e-5)


def test_a_loss_has_a_geometric_mean_and_differs_in_decades() -> None:
    found = LOG.level(np.array([1e-6, 1e-4, 1e-5]))
    logs = LINEAR.level(np.array([-6.0, -4.0, -5.0]))
    assert found.value == pytest.approx(1e-5)
    assert (found.low, found.high) == (pytest.approx(10**logs.low), pytest.approx(10**logs.high))
    one, other = {0: 1e-3, 1: 1e-2}, {0: 1e-5, 1: 1e-3}
    assert LOG.difference(one, other).value == pytest.approx(1.5)
    assert LOG.apart == "decades"
    assert LOG.level(np.full(3, 0.1)).value == 0.1
    wide = LOG.level(np.array([1e-300, 1.0, 1.0, 1.0, 1e10]))
    assert wide.value == pytest.approx(1e-58)
    assert 0 < wide.low < wide.value < wide.high < np.inf


def test_a_size_is_never_below_zero() -> None:
    found, plain = (scale.level(np.array([1.0, 1.0, 30.0])) for scale in (SIZE, LINEAR))
    assert plain.low < 0
    assert (found.value, found.low, found.high) == (plain.value, 0.0, plain.high)
    assert in_percent(Quantity("rise", lambda run: 0.1, SIZE)).scale is SIZE


def test_losses_of_zero_count() -> None:
    values = np.array([0, 0, 0, 4e-12, 0, 1e-7, 0, 1e-7])
    found = LOG.level(values)
    assert (found.value, found.low, found.high, found.n) == (0.0, 0.0, 1e-7, 8)
    assert found.note == "median, 5 of 8 at exactly 0"
    few = LOG.level(np.array([0.0, 1e-3, 1e-2]))  # three cannot hold a median with 95 %
    assert (few.value, few.low, few.n) == (1e-3, None, 3)
    apart = LOG.difference({0: 0.0, 1: 1e-3, 2: 1e-3}, {0: 1e-1, 1: 1e-2, 2: 1e-1})
    assert apart.value == pytest.approx(-1.5)
    assert apart.note == "1 seed without a partner left out; 1 at exactly 0 left out"


def test_a_correlation_stays_within_one() -> None:
    values = np.array([1.0, 1.0, 0.9, 0.7])
    found = CORRELATION.level(values)
    assert -1 <= found.low < found.value < found.high <= 1
    assert found.value == pytest.approx(0.9)
    error = stats.sem(values) / (1 - 0.9**2)
    ends = np.tanh(np.arctanh(0.9) + stats.t.ppf([0.025, 0.975], 3) * error)
    assert (found.low, found.high) == (pytest.approx(ends[0]), pytest.approx(ends[1]))
    assert CORRELATION.level(np.array([-1.0, -1.0])).value == -1.0


@pytest.mark.parametrize("scale", [LINEAR, SIZE, LOG, SHARE, CORRELATION])
def test_one_seed_and_equal_seeds_have_no_interval(scale) -> None:
    for values in ([0.3], [0.3, 0.3, 0.3]):
        found = scale.level(np.array(values))
        assert (found.value, found.low, found.high) == (0.3, None, None)


def test_a_share_that_is_hardly_above_zero_is_not_told_from_it() -> None:
    found = PERCENT.level(np.array([0.0, 0.0, 0.005]))
    assert found.low == 0
    assert 0.005 / 3 < (found.high or 0) < 0.03
    found = PERCENT.level(np.array([100.0, 100.0, 99.995]))
    assert found.high == 100
