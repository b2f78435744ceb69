"""Claims that must all hold: what is said of them, and how often wrongly."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from dl_experiments.analysis.claims.claim import Claim, Region, claim, judge
from dl_experiments.analysis.claims.jointly import ORDER, all_hold, weakest
from dl_experiments.analysis.runs.statistics import mean

BELOW = Region(below=0.0)


def part(centre: float, n: int = 6, unfit: str = "") -> Claim:
    """Of seeds that spread by 1 around a centre, further from 0 the surer."""
    values = centre + np.linspace(-1, 1, n) / np.sqrt(np.var(np.linspace(-1, 1, n), ddof=1))
    return claim("part", "effect", BELOW, mean(values), unit="decades", unfit=unfit)


YES, NO, OPEN = -3.0, 3.0, 0.5


@pytest.mark.parametrize(("one", "other"), [*product((YES, OPEN, NO), repeat=2)])
def test_all_must_hold_and_one_refutes(one: float, other: float) -> None:
    both = all_hold("both", "ends", {"a": part(one), "b": part(other)})
    wanted = "inconclusive"
    if NO in (one, other):
        wanted = "not supported"
    elif one == other == YES:
        wanted = "supported"
    assert both.verdict == wanted
    worse = "a" if one > other else "b"
    assert one == other or both.effect == f"ends (the number: {worse})"
    assert both.estimate == pytest.approx(max(one, other))
    parts = [part(one), part(other)]
    assert both.p == max(p.p for p in parts if p.p is not None)
    assert both.p_outside == min(1, 2 * min(p.p_outside for p in parts if p.p_outside is not None))
    assert (both.seeds is None) == (wanted != "inconclusive")
    assert "a: " in both.note
    assert "; b: " in both.note


def test_few_seeds_lean_and_what_cannot_show_it_decides_nothing() -> None:
    leaning = all_hold("both", "", {"a": part(YES), "b": part(YES, n=3)})
    assert leaning.verdict == "inconclusive, leaning supported"
    unfit = all_hold("both", "", {"a": part(YES), "b": part(YES, unfit="too short")})
    assert (unfit.verdict, unfit.unfit, unfit.seeds) == ("inconclusive", True, None)
    refuted = all_hold("both", "", {"a": part(NO), "b": part(YES, unfit="too short")})
    assert (refuted.verdict, refuted.unfit) == ("not supported", False)
    short = part(YES, unfit="too short")
    assert all_hold("both", "", {"a": short, "b": replace(short)}).note == "too short"


def test_the_needed_seeds_are_those_of_the_part_that_takes_most() -> None:
    few, many = part(-0.6), part(-0.35)
    assert few.seeds is not None
    assert many.seeds is not None
    assert many.seeds > few.seeds
    assert all_hold("both", "", {"a": few, "b": many, "c": part(YES)}).seeds == many.seeds


def test_verdicts_are_ordered_from_the_worst() -> None:
    assert [weakest([one, ORDER[-1]]) for one in ORDER] == [*ORDER]


def test_equal_nets_are_refuted_no_more_often_than_at_5_percent() -> None:
    """Three equal nets, 4,000 studies of five seeds: the best of the others would in 11 %."""
    draws = np.random.default_rng(0).normal(size=(4000, 3, 5))
    found, before = [], []
    for deep, middle, shallow in draws:
        parts = [judge(BELOW, mean(deep - other)) for other in (middle, shallow)]
        found.append(weakest(parts))
        before.append(judge(BELOW, mean(deep - np.minimum(middle, shallow))))
    rate = found.count("not supported") / len(draws)
    wrong = rate + found.count("supported") / len(draws)
    assert 0.03 < rate <= wrong < 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(draws))
    assert before.count("not supported") / len(draws) > 0.09
