import pytest

from dl_experiments.analysis.claims.claim import Region, claim, in_arm, judge
from dl_experiments.analysis.claims.jointly import provided
from dl_experiments.analysis.runs.statistics import Estimate

POSITIVE, NEGATIVE, WITHIN = Region(above=0), Region(below=0), Region(above=1, below=2)


@pytest.mark.parametrize(
    ("region", "low", "high", "n", "verdict"),
    [
        (POSITIVE, 0.1, 0.3, 5, "supported"),
        (POSITIVE, -0.3, -0.1, 5, "not supported"),
        (POSITIVE, -0.1, 0.3, 50, "inconclusive"),
        (POSITIVE, 0.0, 0.3, 5, "inconclusive"),
        (POSITIVE, 0.0, 0.0, 5, "not supported"),
        (POSITIVE, 0.1, 0.3, 4, "inconclusive, leaning supported"),
        (POSITIVE, -0.3, -0.1, 2, "inconclusive, leaning not supported"),
        (POSITIVE, -0.3, 0.1, 3, "inconclusive"),
        (NEGATIVE, -0.3, -0.1, 5, "supported"),
        (NEGATIVE, 0.1, 0.3, 5, "not supported"),
        (WITHIN, 1.2, 1.8, 5, "supported"),
        (WITHIN, 2.1, 2.8, 5, "not supported"),
        (WITHIN, 0.5, 0.8, 5, "not supported"),
        (WITHIN, 0.5, 2.8, 5, "inconclusive"),
    ],
)
def test_the_rule(region: Region, low: float, high: float, n: int, verdict: str) -> None:
    assert judge(region, Estimate((low + high) / 2, low, high, n)) == verdict


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ((0.1, 0.3, 5), (0.1, 0.3, 5), "supported"),
        ((0.1, 0.3, 5), (-0.3, -0.1, 5), "not supported"),
        ((-0.3, -0.1, 5), (0.1, 0.3, 5), "not supported"),
        ((-0.1, 0.3, 5), (-0.3, -0.1, 5), "not supported"),
        ((0.1, 0.3, 5), (-0.1, 0.3, 5), "inconclusive"),
        ((0.1, 0.3, 3), (0.1, 0.3, 5), "inconclusive, leaning supported"),
    ],
)
def test_what_holds_only_where_something_else_does(
    one: tuple[float, float, int], other: tuple[float, float, int], verdict: str
) -> None:
    made = [
        claim(name, name, POSITIVE, Estimate((low + high) / 2, low, high, n))
        for name, (low, high, n) in (("claim", one), ("condition", other))
    ]
    found = provided(*made)
    assert (found.statement, found.estimate, found.verdict) == ("claim", made[0].estimate, verdict)
    assert found.note.startswith("condition ")
    unfit = claim("condition", "e", POSITIVE, None, unfit="too short")
    left = provided(made[0], unfit)
    assert (left.unfit, left.note) == (made[0].verdict != "not supported", "too short")


def test_one_seed_decides_nothing() -> None:
    assert judge(POSITIVE, Estimate(3.0, None, None, 1)) == "inconclusive"


def test_runs_that_cannot_show_it_are_inconclusive_whatever_the_effect() -> None:
    made = claim("s", "e", POSITIVE, Estimate(3.0, 2.0, 4.0, 9), unfit="too short", note="and so")
    assert made.verdict == "inconclusive"
    assert made.note == "too short; and so"
    assert (made.estimate, made.low, made.high, made.n) == (3.0, 2.0, 4.0, 9)


def test_without_runs_there_are_no_numbers() -> None:
    made = claim("s", "e", POSITIVE, None)
    assert (made.estimate, made.low, made.n) == (None, None, 0)
    assert made.verdict == "inconclusive"
    assert "no completed runs" in made.note


def test_a_claim_says_its_arm_where_there_are_several() -> None:
    made = claim("deeper is better", "e", POSITIVE, None)
    assert in_arm(made, "adam").statement == "deeper is better (adam)"
    assert in_arm(made, "") is made


def test_regions_read_well() -> None:
    assert [str(POSITIVE), str(Region(below=-0.5))] == ["above 0", "below −0.5"]
    assert str(WITHIN) == "between 1 and 2"
