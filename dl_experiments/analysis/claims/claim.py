"""A textbook claim, the effect that tests it, and the verdict.

A claim predicts that an effect lies in a *region* (above 0, below 0, between 0.975 and 0.995).
With the effect's confidence interval over n seeds:

* interval inside the region: **supported**
* interval outside the region: **not supported**
* interval across its edge, or none as of a single seed: **inconclusive**
* no interval, as all n seeds have one value: judged by that, if n seeds that fall either way with
  equal chance would agree less often than once in twenty (2⁻ⁿ: from 5 seeds up)
* fewer than 5 seeds: never more than **inconclusive, leaning supported / not supported**
* runs that cannot show it (too short, …): **inconclusive**, and the note says why
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.statistics import Estimate

Verdict = Literal[
    "supported",
    "not supported",
    "inconclusive",
    "inconclusive, leaning supported",
    "inconclusive, leaning not supported",
]
Kind = Literal["finding", "check"]
DECIDED = ("supported", "not supported")
ENOUGH_SEEDS = 5
NOTHING = "no completed runs to test it on"


@dataclass(frozen=True)
class Region:
    """Where a claim says the effect lies; the ends do not belong to it, None is no end."""

    above: float | None = None
    below: float | None = None

    def holds(self, low: float, high: float) -> bool:
        """Whether the whole interval lies inside."""
        return (self.above is None or low > self.above) and (
            self.below is None or high < self.below
        )

    def misses(self, low: float, high: float) -> bool:
        """Whether the whole interval lies outside; an interval that only touches does."""
        return (self.above is not None and high <= self.above) or (
            self.below is not None and low >= self.below
        )

    def __str__(self) -> str:
        low, high = (f"{end:.4g}".replace("-", "−") if end is not None else "" for end in self.ends)
        if low and high:
            return f"between {low} and {high}"
        return f"above {low}" if low else f"below {high}"

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """Both ends, the lower first."""
        return self.above, self.below


@dataclass(frozen=True)
class Claim:
    """One claim with its numbers and verdict. Without an estimate there were no runs to ask.

    Attributes:
        scale: On which its interval was taken, by name; empty where it has one of its own.
        p: Of the one-sided test against the edge of the region, between two the larger of both;
            None where there is no such test. Of n seeds of one value 2⁻ⁿ where that lies inside,
            else 1.
        p_outside: The same of the test that it lies outside, between two ends twice the smaller.
        unfit: Whether the runs cannot show it, whatever they say.
        seeds: Of an open claim how many would decide it, if estimate and spread stay; None where
            seeds alone do not, or `significance.NEAR` would not.
        far: Whether that many would not.
        runs: That it compares.
        kind: A check is an identity or a property of this software, and no finding on nets.
    """

    statement: str
    effect: str
    region: Region
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    verdict: Verdict
    note: str = ""
    scale: str = ""
    p: float | None = None
    p_outside: float | None = None
    unfit: bool = False
    seeds: int | None = None
    far: bool = False
    runs: Sequence[Run] = field(default=(), repr=False, compare=False)
    kind: Kind = "finding"

    @property
    def short(self) -> str:
        """The verdict as data have it: "leaning supported", "unfit"."""
        return "unfit" if self.unfit else self.verdict.removeprefix("inconclusive, ")


def judge(region: Region, estimate: Estimate) -> Verdict:
    """The verdict on an estimate; the rule stands at the top of this module."""
    if estimate.same:
        low = high = estimate.value
    elif estimate.low is None or estimate.high is None:
        return "inconclusive"
    else:
        low, high = estimate.low, estimate.high
    enough = estimate.n >= ENOUGH_SEEDS
    if region.holds(low, high):
        return "supported" if enough else "inconclusive, leaning supported"
    if region.misses(low, high):
        return "not supported" if enough else "inconclusive, leaning not supported"
    return "inconclusive"


def claim(
    statement: str,
    effect: str,
    region: Region,
    estimate: Estimate | None,
    unit: str = "",
    note: str = "",
    unfit: str = "",
    verdict: Verdict | None = None,
    runs: Sequence[Run] = (),
) -> Claim:
    """Judge an estimate and keep its numbers.

    Args:
        statement: The claim in one sentence.
        effect: What was measured to test it, in words.
        region: Where the claim says the effect lies.
        estimate: The effect over seeds, None where no runs allow one.
        unit: Of the effect.
        note: Anything the reader should know.
        unfit: Why these runs cannot show the claim whatever the effect; empty where they can.
        verdict: Where more than the estimate decides, and more seeds would not.
        runs: That it compares.
    """
    if estimate is None:
        why = unfit or NOTHING
        made = Claim(statement, effect, region, None, None, None, 0, unit, "inconclusive", why)
        return replace(made, unfit=bool(unfit), runs=runs)
    found: Verdict = "inconclusive" if unfit else verdict or judge(region, estimate)
    alike = f"all {estimate.n} have one value: no interval" if estimate.same and not unfit else ""
    note = "; ".join(part for part in (unfit, note, estimate.note, alike) if part)
    asked = not unfit and verdict is None and found not in DECIDED
    needed = _seeds(region, estimate) if asked else None
    far = needed == math.inf
    return Claim(
        statement,
        effect,
        region,
        estimate.value,
        estimate.low,
        estimate.high,
        estimate.n,
        unit,
        found,
        note,
        estimate.scale,
        *_tested(region, estimate),
        bool(unfit),
        None if needed is None or far else int(needed),
        far,
        runs,
    )


def _seeds(region: Region, estimate: Estimate) -> float | None:
    """How many would decide it, at least one more than there are; see `significance.Test`."""
    least = max(ENOUGH_SEEDS, estimate.n + 1)
    if estimate.same:
        return least
    test = estimate.test
    found = [test.seeds(end) for end in region.ends if end is not None] if test else []
    known = [seeds for seeds in found if seeds is not None]
    return max(least, *known) if known else None


def _tested(region: Region, estimate: Estimate) -> tuple[float | None, float | None]:
    """P that it does not lie in the region, and that it does not lie outside; see `Claim`."""
    if estimate.same:
        alike = 2.0**-estimate.n
        holds = region.holds(estimate.value, estimate.value)
        return (alike, 1.0) if holds else (1.0, alike)
    test, sides = estimate.test, zip(region.ends, (1, -1), strict=True)
    ends = [(end, side) for end, side in sides if end is not None]
    if not test:
        return None, None
    inside = max(test.p(end, side) for end, side in ends)
    outside = len(ends) * min(test.p(end, -side) for end, side in ends)
    return inside, min(1.0, outside)


def leaning(verdict: Verdict) -> Verdict:
    """The most that is said where not all count that should."""
    if verdict == "supported":
        return "inconclusive, leaning supported"
    return "inconclusive, leaning not supported" if verdict == "not supported" else verdict


def check(claim: Claim) -> Claim:
    """The claim as a check: an identity or a property of this software."""
    return replace(claim, kind="check")


def in_arm(claim: Claim, arm: str) -> Claim:
    """The claim, told apart from the same claim on the study's other arms."""
    return replace(claim, statement=f"{claim.statement} ({arm})") if arm else claim
