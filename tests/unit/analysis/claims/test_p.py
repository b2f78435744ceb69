"""The p of a claim is that of SciPy's one-sided test, and says what the interval says."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from dl_experiments.analysis.claims.claim import Claim, Region, claim
from dl_experiments.analysis.claims.many import by_chance, corrected
from dl_experiments.analysis.phenomena.capacity.valleys import Excess
from dl_experiments.analysis.runs.correlation import within_kinds
from dl_experiments.analysis.runs.scales import CORRELATION, LINEAR, LOG, OFTEN, SHARE, SIZE, Scale
from dl_experiments.analysis.runs.statistics import Estimate, difference

DRAW = np.random.default_rng(3)
RATES = DRAW.beta(8, 2, 6)


def of(estimate: Estimate | None, **region: float) -> float | None:
    return claim("it holds", "effect", Region(**region), estimate).p


def greater(values: np.ndarray, edge: float) -> float:
    return float(stats.ttest_1samp(values, edge, alternative="greater").pvalue)


@pytest.mark.parametrize(
    ("scale", "values", "edge", "onto"),
    [
        (LINEAR, DRAW.normal(1, 1, 7), 0.4, np.asarray),
        (SIZE, DRAW.gamma(3, 1, 7), 1.0, np.asarray),
        (LOG, DRAW.lognormal(0, 1, 7), 0.5, np.log10),
    ],
)
def test_it_is_students(scale: Scale, values: np.ndarray, edge: float, onto: Callable) -> None:
    level = scale.level(values)
    above, below = of(level, above=edge), of(level, below=edge)
    assert above == pytest.approx(greater(onto(values), onto(edge)))
    assert above is not None
    assert below == pytest.approx(1 - above)
    assert of(level, above=edge, below=2 * edge) == max(above, of(level, below=2 * edge) or 0)


def test_of_unpaired_sides_it_is_welchs() -> None:
    one, other = DRAW.normal(1, 1, 5), DRAW.normal(0, 3, 8)
    found = difference(dict(enumerate(one)), dict(enumerate(other, start=100)))
    tested = stats.ttest_ind(one - 0.3, other, equal_var=False, alternative="greater")
    assert of(found, above=0.3) == pytest.approx(tested.pvalue)


def test_of_a_share_of_seeds_it_is_the_binomial_one() -> None:
    found = OFTEN.level(np.array([1, 1, 1, 1, 0, 1]))
    for side, word in (("above", "greater"), ("below", "less")):
        assert of(found, **{side: 0.4}) == pytest.approx(stats.binomtest(5, 6, 0.4, word).pvalue)


def test_seeds_of_one_value_are_counted_by_their_signs() -> None:
    found = LINEAR.level(np.full(5, 2.0))
    assert (of(found, above=1.0), of(found, below=1.0)) == (2**-5, 1.0)
    assert of(LINEAR.level(np.ones(1)), above=0.0) is None


@pytest.mark.parametrize(
    ("scale", "values"),
    [
        (LINEAR, DRAW.normal(1, 1, 6)),
        (LOG, DRAW.lognormal(0, 1, 6)),
        (SHARE, RATES),
        (CORRELATION, special.expit(DRAW.normal(1, 1, 6))),
        (OFTEN, np.array([1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0])),
    ],
)
def test_it_is_below_a_fortieth_where_the_interval_is_beyond_the_edge(
    scale: Scale, values: np.ndarray
) -> None:
    found = scale.level(values)
    assert found.low is not None
    assert found.high is not None
    for edge in np.linspace(0.05, 0.95, 61):
        assert (of(found, above=edge) < 0.025) == (found.low > edge)  # type: ignore[operator]
        assert (of(found, below=edge) < 0.025) == (found.high < edge)  # type: ignore[operator]


@pytest.mark.parametrize("region", [{"above": 2.0}, {"below": 2.0}, {"above": 1.0, "below": 2.0}])
def test_seeds_of_one_value_on_the_edge_lie_outside(region: dict) -> None:
    found = claim("", "", Region(**region), LINEAR.level(np.full(5, 2.0)))
    assert (found.verdict, found.p, found.p_outside) == ("not supported", 1.0, 2**-5)


def test_of_many_claims_the_ones_at_the_edge_only_lean() -> None:
    judged = [("supported", 0.02, 0.98), ("supported", 1e-6, 1.0), ("not supported", 1.0, 0.02)]
    judged += [("inconclusive", 0.4, 0.6), ("leaning supported", 1e-3, 1.0), ("unfit", 1e-9, 1.0)]
    judged += [("supported", None, None)]  # by another test
    kind = {"kind": "finding", "n": 5}
    claims = [kind | dict(zip(("verdict", "p", "p_outside"), one, strict=True)) for one in judged]
    check = {"kind": "check", "n": 5, "verdict": "supported", "p": 1.0, "p_outside": 0.0}
    few = {"kind": "finding", "n": 4, "verdict": "inconclusive", "p": 1.0, "p_outside": 0.0}
    for idle in (check, few):  # does not count, as it cannot be decided
        assert corrected([*claims, *10 * [idle]])[: len(claims)] == corrected(claims)
    assert by_chance([*claims, check, few]) == pytest.approx(4 * 0.025)
    assert corrected(claims) == [
        "leaning supported",  # 0.02 · 4 / 2 is above 0.025
        "supported",
        "leaning not supported",
        "inconclusive",
        "leaning supported",
        "unfit",
        "supported",
    ]
    assert corrected(claims[:1]) == ["supported"]  # by itself
    assert corrected([]) == []


def test_outside_is_the_other_side() -> None:
    level = LINEAR.level(DRAW.normal(1, 1, 7))
    assert claim("", "", Region(above=0.4), level).p_outside == of(level, below=0.4)
    below, above = of(level, below=0.4), of(level, above=1.5)
    assert below is not None
    assert above is not None
    between = claim("", "", Region(above=0.4, below=1.5), level).p_outside
    assert between == min(1, 2 * min(below, above))


def needed(estimate: Estimate | None, **region: float) -> Claim:
    return claim("it holds", "effect", Region(**region), estimate)


def alike(values: np.ndarray, n: int) -> np.ndarray:
    """n values with the mean and the spread that some have."""
    drawn = np.random.default_rng(n).normal(size=n)
    drawn = (drawn - drawn.mean()) / drawn.std(ddof=1)
    return values.mean() + values.std(ddof=1) * drawn


@pytest.mark.parametrize(
    "region", [{"above": 0.0}, {"below": 0.0}, {"above": -0.2, "below": 1.5}, {"above": 1.0}]
)
@pytest.mark.parametrize("n", [2, 3, 6, 11])
def test_an_open_claim_says_how_many_seeds_scipy_would_need(n: int, region: dict) -> None:
    values = alike(np.array([-0.6, 1.4]), n)  # 0.4 ± 1.41
    found = needed(LINEAR.level(values), **region)
    assert found.verdict == "inconclusive"

    def decides(count: int) -> bool:
        interval = stats.ttest_1samp(alike(values, count), 0.0).confidence_interval(0.95)
        return all(not interval.low < end < interval.high for end in region.values())

    assert found.seeds == next(count for count in range(max(5, n + 1), 201) if decides(count))


@pytest.mark.parametrize(
    "sides", [((5, 0.7), (60, 5.0)), ((60, 0.5), (5, 3.0)), ((7, 1.0), (7, 2.0))]
)
@pytest.mark.parametrize("apart", [0.3, 0.8, 1.1])
def test_sides_that_are_not_paired_need_as_many_each(sides: tuple, apart: float) -> None:
    """The smallest equal n at which SciPy's Welch test of such means and spreads decides."""
    one, other = (spread * alike(np.array([0.0, 2**0.5]), n) for n, spread in sides)
    one += apart - one.mean() + other.mean()
    found = needed(difference(dict(enumerate(one)), dict(enumerate(other, start=100))), above=0.0)
    assert found.verdict == "inconclusive"
    (_, first), (_, second) = sides

    def decides(n: int) -> bool:
        return stats.ttest_ind_from_stats(apart, first, n, 0.0, second, n, False).pvalue < 0.05

    least = max(5, min(n for n, _ in sides) + 1)
    wanted = next((n for n in range(least, 201) if decides(n)), None)
    assert (found.seeds, found.far) == (wanted, wanted is None)


def test_few_seeds_take_five_and_what_is_far_is_said_to_be() -> None:
    sure = needed(LINEAR.level(np.array([1.0, 1.1, 1.2])), above=0.0)
    assert (sure.verdict, sure.seeds) == ("inconclusive, leaning supported", 5)
    assert needed(LINEAR.level(np.full(3, 1.0)), above=0.0).seeds == 5
    near = needed(LINEAR.level(np.array([-1.0, 1.001])), above=0.0)
    assert (near.seeds, near.far) == (None, True)
    peak = needed(Excess(4).level(np.array([-1.0, 1.001, -1.0, 1.0])), above=0.0)
    assert (peak.seeds, peak.far) == (None, True)
    decided = needed(LINEAR.level(np.linspace(1, 2, 6)), above=0.0)
    assert (decided.verdict, decided.seeds, decided.far) == ("supported", None, False)


def test_what_seeds_do_not_decide_asks_for_none() -> None:
    for values in (np.linspace(1, 2, 6), np.linspace(1, 2, 3), np.linspace(-1, 2, 6)):
        level = LINEAR.level(values)
        for told in ({"unfit": "too short"}, {"verdict": "inconclusive, leaning supported"}):
            found = claim("it holds", "effect", Region(above=0.0), level, **told)  # type: ignore[arg-type]
            assert (found.seeds, found.far) == (None, False)


def test_a_share_takes_the_seeds_of_the_binomial_interval() -> None:
    found = needed(OFTEN.level(np.array([1, 1, 1, 1, 0])), above=0.5)

    def decides(count: int) -> bool:
        yes = round(0.8 * count)
        return bool(stats.binomtest(yes, count).proportion_ci(0.95).low > 0.5)

    assert found.seeds == next(count for count in range(6, 201) if decides(count))


def test_losses_of_one_value_are_held_against_the_edge_itself() -> None:
    level = LOG.level(np.full(5, 2.0))
    assert (of(level, above=1.0), of(level, below=1.0)) == (2**-5, 1.0)


def test_five_seeds_of_one_value_keep_their_verdict_by_themselves() -> None:
    found = claim("it holds", "effect", Region(above=0.0), LINEAR.level(np.full(5, 1.0)))
    row = {"kind": "finding", "n": 5, "verdict": found.short}
    row |= {"p": found.p, "p_outside": found.p_outside}
    assert corrected([row]) == ["supported"]
    assert corrected([row, {**row, "p": 0.9, "verdict": "inconclusive"}])[0] == "leaning supported"


def test_seeds_of_several_values_without_an_interval_have_no_verdict() -> None:
    median = LOG.level(np.array([0.0, 0.1, 0.2, 5.0, 6.0]))  # a median of five has none
    assert (median.low, median.same) == (None, False)
    found = claim("it holds", "effect", Region(below=1.0), median)
    assert found.verdict == "inconclusive"
    tested = (stats.binomtest(round(0.6 * n), n, 0.5, "greater").pvalue for n in range(2, 200))
    assert found.seeds == 2 + next(at for at, p in enumerate(tested) if p < 0.025)
    assert "one value" not in found.note
    few = within_kinds(np.arange(4), [np.array([4, 3, 1, 2])], np.zeros(4))[0]
    points = claim("it holds", "effect", Region(below=0.0), few)
    assert (points.verdict, points.seeds, points.far) == ("inconclusive", None, False)
    assert points.p is not None
