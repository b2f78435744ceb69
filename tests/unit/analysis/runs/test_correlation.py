from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from dl_experiments.analysis.runs.correlation import within_kinds
from dl_experiments.analysis.runs.significance import TAIL


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


@pytest.mark.parametrize("y", [[0, 1, 2, 3, 5, 4], [5, 3, 4, 2, 0, 1], [2, 2, 0, 4, 4, 9]])
def test_p_is_half_of_the_permutations_that_are_as_far_and_says_what_the_interval_says(
    y: list[int],
) -> None:
    x, places = np.arange(6), np.linspace(-0.95, 0.95, 39)
    (found,) = within_kinds(x, [np.array(y)], np.zeros(6))
    assert found is not None
    assert found.test is not None
    assert found.low is not None
    assert found.high is not None
    every = [stats.spearmanr(x, one).statistic for one in permutations(y)]
    often = np.mean(np.abs(every) >= abs(found.value) - 1e-9) / 2
    side = 1 if found.value > 0 else -1
    assert found.test.p(0.0, side) == pytest.approx(often, abs=0.005)
    assert found.test.p(0.0, -side) > 1 - often - 0.005
    ps = {side: np.array([found.test.p(edge, side) for edge in places]) for side in (1, -1)}
    assert ((ps[1] <= TAIL) == (found.low > places)).all()
    assert ((ps[-1] <= TAIL) == (found.high < places)).all()
    assert (np.diff(ps[1]) >= 0).all()
    assert (ps[1] + ps[-1] >= 1).all()
