"""Who is left out of a claim is counted in it, and where they would turn it there is no verdict."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from synthetic import config, write

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, difference, level, trend
from dl_experiments.analysis.claims.seeds import each_seed, ranked
from dl_experiments.analysis.claims.seedwise import association, seedwise
from dl_experiments.analysis.runs.collect import Run, collect
from dl_experiments.analysis.runs.quantities import Quantity, final, in_percent
from dl_experiments.analysis.runs.scales import CORRELATION, OFTEN
from dl_experiments.analysis.runs.statistics import slope, spearman
from dl_experiments.artifacts import State

ACCURACY, LOSS = in_percent(final("test/accuracy")), final("train/loss")
ABOVE, BELOW = Region(above=0.0), Region(below=0.0)


def add(
    path: Path,
    model: str,
    seed: int,
    accuracy: float,
    loss: float = 0.1,
    state: State = "completed",
) -> None:
    curves = {"train/loss": [2.3, loss], "test/accuracy": [0.1, accuracy]}
    made = config("adhoc", model, "mnist", seed)
    write(path, made, {k: np.array(v, dtype=float) for k, v in curves.items()}, np.arange(2), state)


def of(path: Path, model: str) -> Group:
    return Group([run for run in collect(path).runs if run.model == model], model)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Ten seeds of two nets, the deep one half a point better in each."""
    for seed in range(10):
        add(tmp_path, "deep", seed, 0.96 + 1e-4 * seed**2, 0.01 * (1 + seed))
        add(tmp_path, "shallow", seed, 0.955 + 1.1e-4 * seed**2, 0.05 * (1 + seed) ** 1.01)
    return tmp_path


def compared(path: Path, quantity: Quantity = ACCURACY, region: Region = ABOVE) -> Claim:
    return difference("s", quantity, region, (of(path, "deep"), of(path, "shallow")))


def test_a_difference_is_in_the_unit_of_its_scale(two: Path) -> None:
    points, decades = compared(two), compared(two, LOSS, BELOW)
    assert (points.unit, points.verdict, points.n) == ("percentage points", "supported", 10)
    assert points.effect == "final test/accuracy, deep minus shallow"
    assert (decades.unit, decades.verdict, decades.note) == ("decades", "supported", "")
    assert decades.estimate == pytest.approx(-np.log10(5), abs=0.01)


def test_where_diverged_seeds_would_turn_it_there_is_no_verdict(two: Path) -> None:
    for seed in range(10, 15):  # of the better net five more, which diverged
        add(two, "deep", seed, 0.5, np.inf, state="diverged")
        add(two, "shallow", seed, 0.955)
    found = compared(two)
    assert found.verdict == "inconclusive"
    assert found.n == 10
    assert "5 of 15 seeds of deep diverged and are not in it" in found.note
    assert "counted at their bound they make it not supported" in found.note


def test_where_they_would_not_the_verdict_stays_and_they_are_counted(two: Path) -> None:
    add(two, "shallow", 10, 0.5, np.inf, state="diverged")
    add(two, "deep", 10, 0.96)
    found = compared(two)
    assert found.verdict == "supported"
    assert "1 of 11 seeds of shallow diverged and are not in it" in found.note


def test_a_loss_that_is_not_finite_counts_as_lost(two: Path) -> None:
    add(two, "deep", 10, 0.96, np.nan)
    add(two, "shallow", 10, 0.955, 0.3)
    found = compared(two, LOSS, BELOW)
    assert "1 of 11 seeds of deep diverged and are not in it" in found.note
    assert (found.n, found.verdict) == (10, "supported")  # at its first loss one is the worse
    for seed in range(11, 15):
        add(two, "deep", seed, 0.96, np.nan)
        add(two, "shallow", seed, 0.955, 0.3)
    assert compared(two, LOSS, BELOW).verdict == "inconclusive"


def test_without_a_bound_a_verdict_only_leans(two: Path) -> None:
    add(two, "deep", 10, 0.5, np.inf, state="diverged")
    gap = Quantity("gap", lambda run: run.rows[-1]["train/loss"], unit="")
    found = compared(two, gap, BELOW)
    assert found.verdict == "inconclusive, leaning supported"
    assert "1 of 11 seeds of deep diverged" in found.note


def test_a_level_counts_them_too(two: Path) -> None:
    runs: list[Run] = list(of(two, "deep").runs)
    whole = level("s", ACCURACY, Region(above=95.0), runs)
    assert (whole.verdict, whole.unit, whole.note) == ("supported", "%", "")
    add(two, "deep", 10, 0.5, np.inf, state="diverged")
    some = level("s", ACCURACY, Region(above=95.0), of(two, "deep").runs)
    assert some.verdict == "inconclusive"
    assert some.note.startswith("1 of 11 seeds diverged and are not in it")


def test_what_was_not_recorded_is_said(two: Path) -> None:
    never = Quantity("noise", lambda run: None)
    found = compared(two, never)
    assert (found.estimate, found.verdict) == (None, "inconclusive")
    assert found.note == "what it takes was not recorded by the 10 completed runs of deep"


def test_unfit_runs_decide_nothing_whoever_is_lost(two: Path) -> None:
    add(two, "deep", 10, 0.5, np.inf, state="diverged")
    pair = (of(two, "deep"), of(two, "shallow"))
    found = difference("s", ACCURACY, ABOVE, pair, unfit="too few epochs")
    assert found.verdict == "inconclusive"
    assert found.note.startswith("too few epochs; 1 of 11 seeds of deep diverged")


def test_nets_that_learned_nothing_decide_nothing(tmp_path: Path) -> None:
    for seed in range(5):
        add(tmp_path, "deep", seed, 0.96, loss=1.2)  # of 2.3, not half
        add(tmp_path, "shallow", seed, 0.955, loss=2.3)
        add(tmp_path, "middle", seed, 0.99)
    why = "no net got below half its first loss: too few epochs to tell"
    pair = (of(tmp_path, "deep"), of(tmp_path, "shallow"))
    found = difference("s", ACCURACY, ABOVE, pair)
    assert (found.verdict, found.note.split("; ")[0]) == ("inconclusive", why)
    for learners in ([], of(tmp_path, "middle").runs):  # nobody need have, or others have
        assert difference("s", ACCURACY, ABOVE, pair, learners=learners).verdict == "supported"


def sizes(path: Path, rise: float, seeds: int = 5) -> dict[int, list[Run]]:
    """Three nets, each by so much more accurate than the smaller one."""
    for place, model in enumerate(("shallow", "middle", "deep")):
        for seed in range(seeds):
            add(path, model, seed, 0.9 + rise * place + 1e-4 * seed * (1 + place) ** 2)
    return {
        10 * (n + 1): list(of(path, m).runs) for n, m in enumerate(("shallow", "middle", "deep"))
    }


def test_a_trend_is_a_statistic_of_each_seed(tmp_path: Path) -> None:
    groups = sizes(tmp_path, 0.02)
    found = trend("s", ACCURACY, ABOVE, groups, slope, unit="points a unit", effect="slope")
    assert found.estimate == pytest.approx(0.2, abs=0.01)
    assert (found.verdict, found.n, found.unit) == ("supported", 5, "points a unit")
    ranks = trend("s", ACCURACY, ABOVE, groups, spearman, CORRELATION)
    assert (ranks.estimate, ranks.low, ranks.verdict) == (1.0, None, "supported")
    assert ranks.note == "all 5 have one value: no interval"
    falling = trend("s", ACCURACY, BELOW, groups, spearman, CORRELATION)
    assert falling.verdict == "not supported"


def test_a_seed_that_lacks_a_place_is_counted(tmp_path: Path) -> None:
    groups = sizes(tmp_path, 0.02)
    add(tmp_path, "deep", 5, 0.94)
    groups[30] = list(of(tmp_path, "deep").runs)
    found = trend("s", ACCURACY, ABOVE, groups, slope)
    assert found.n == 5
    assert found.note == "1 of 6 seeds lack a value somewhere and are not in it"


def test_diverged_runs_of_a_trend_count_at_their_bound(tmp_path: Path) -> None:
    groups = sizes(tmp_path, 0.02)
    for seed in range(5, 9):  # the largest net diverges half of the time
        for model in ("shallow", "middle"):
            add(tmp_path, model, seed, 0.9)
        add(tmp_path, "deep", seed, 0.9, np.inf, state="diverged")
    groups = {size: list(of(tmp_path, runs[0].model).runs) for size, runs in groups.items()}
    found = trend("s", ACCURACY, ABOVE, groups, slope)
    assert (found.n, found.verdict) == (5, "inconclusive")
    assert "4 of 9 seeds of 30 diverged and are not in it" in found.note


def test_a_statistic_of_no_seed_is_none() -> None:
    assert each_seed({}, slope) is None
    assert each_seed({1.0: {0: 1.0}, 2.0: {1: 1.0}}, slope) is None


def test_losses_of_zero_decide_nothing_where_they_would_turn_it(two: Path) -> None:
    for seed in range(10, 15):  # of the worse net five more, which fit to the last digit
        add(two, "deep", seed, 0.96, 0.05)
        add(two, "shallow", seed, 0.955, 0.0)
    lower = compared(two, LOSS, BELOW)
    assert lower.n == 10
    assert "5 at exactly 0 left out" in lower.note
    assert lower.verdict == "inconclusive"
    assert "counted at their bound" in lower.note


def test_a_loss_that_is_below_zero_has_no_difference_in_decades(tmp_path: Path) -> None:
    for seed in range(5):
        add(tmp_path, "deep", seed, 0.9, -1.0 - 0.1 * seed)
        add(tmp_path, "shallow", seed, 0.9, -2.0 - 0.1 * seed)
    found = compared(tmp_path, LOSS, BELOW)
    assert (found.estimate, found.verdict) == (None, "inconclusive")


def pairs(path: Path) -> list[Group]:
    return [of(path, "deep"), of(path, "shallow")]


def lead(runs: Sequence[Run]) -> float | None:
    """How much better the first is; a diverged run has 10 %."""
    first, second = (ACCURACY(run) if run.completed else 10.0 for run in runs)
    return None if first is None or second is None else first - second


def test_a_seed_wise_number_takes_diverged_runs_along(two: Path) -> None:
    add(two, "deep", 10, 0.0, state="diverged")
    add(two, "shallow", 10, 0.5)
    add(two, "deep", 11, 0.9)
    found = seedwise("s", lead, ABOVE, pairs(two))
    assert (found.n, found.verdict) == (11, "inconclusive")
    assert found.estimate == pytest.approx(np.mean([*_leads(), -40.0]))
    assert found.note == (
        "diverged and counted as last: 1; 1 of 12 seeds lack a value somewhere and are not in it"
    )


def _leads() -> list[float]:
    return [100 * (0.96 + 1e-4 * s**2 - 0.955 - 1.1e-4 * s**2) for s in range(10)]


def test_a_share_of_seeds_is_binomial(two: Path) -> None:
    often = Quantity("better", lambda run: float(run.seed > 1), OFTEN)
    runs = of(two, "deep").runs
    found = level("s", often, Region(above=0.5), runs)
    assert (found.estimate, found.n) == (0.8, 10)
    assert (found.low, found.high) == pytest.approx((0.4439, 0.9748), abs=1e-4)  # exact
    assert often.words(runs) == "8 of 10"
    with pytest.raises(TypeError, match="compared with a region"):
        difference("s", often, ABOVE, (of(two, "deep"), of(two, "shallow")))


def test_quantities_go_along_within_a_seed(tmp_path: Path) -> None:
    for seed in range(6):
        for rank, model in enumerate(("deep", "middle", "shallow")):
            add(tmp_path, model, seed, 0.9 - 0.1 * rank, 0.1 + 0.1 * rank)
    groups = [of(tmp_path, model) for model in ("deep", "middle", "shallow")]
    found = association("s", LOSS, ACCURACY, Region(below=0.0), groups)
    assert (found.estimate, found.n, found.verdict) == (-1.0, 6, "supported")
    assert "fewer than 3" in association("s", LOSS, ACCURACY, BELOW, groups[:2]).note
    add(tmp_path, "deep", 7, 0.1, state="diverged")
    groups = [of(tmp_path, model) for model in ("deep", "middle", "shallow")]
    found = association("s", LOSS, ACCURACY, Region(below=0.0), groups)
    assert (found.verdict, found.note.split(";")[0]) == (
        "inconclusive, leaning supported",
        "diverged and not in it: 1",
    )


def test_groups_are_ranked_over_the_seeds_of_all(two: Path) -> None:
    add(two, "deep", 10, 0.1)  # alone: it does not count
    sides = {group.name: group.runs for group in pairs(two)}
    order, seeds = ranked(sides, ACCURACY)
    assert (order, sorted(seeds)) == (["deep", "shallow"], list(range(10)))
    add(two, "middle", 0, 0.99)
    assert ranked(sides | {"middle": of(two, "middle").runs}, ACCURACY)[0][0] == "middle"


def test_what_completed_runs_lack_is_counted(two: Path) -> None:
    some = Quantity("some", lambda run: float(run.seed) if run.seed > 3 else None)
    found = level("s", some, ABOVE, of(two, "deep").runs)
    assert (found.n, found.note) == (6, "4 completed seeds have no such value")
