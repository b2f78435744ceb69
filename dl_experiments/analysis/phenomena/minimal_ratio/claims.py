"""What hw1_2_minimal_ratio claims about critical points, and how it is tested.

The published claim (lower loss, higher minimal ratio) and the theory (Dauphin et al. 2014: the
share of negative eigenvalues at critical points grows with their loss) are rank correlations over
the critical points that one start of the search found, averaged over its starts: what goes with
the loss from start to start may go with the kind of point. A narrower net inside a net has both
a higher loss and more silent units. Of each start a distinct point counts once, however many runs
found it, with the mean of what these have there, and n is the number of distinct points. Fewer than
five of one start decide nothing: four are in one order with 1/24.

Where an eigenvalue ends and zero begins moves the correlations, so each claim is asked at every
tolerance of the sweep above rounding, and what is judged is the tolerance at which the interval is
least in its favour: it is supported only if it holds at all of them.

The published protocol ends phase two after some epochs of Adam, far from a critical point. Its
claims are shares of runs, with the exact binomial interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region, check, claim
from dl_experiments.analysis.claims.claim import judge as verdict
from dl_experiments.analysis.findings import Row
from dl_experiments.analysis.phenomena.minimal_ratio.points import LIMIT, ZERO_LOSS, Points
from dl_experiments.analysis.runs.correlation import within_kinds
from dl_experiments.analysis.runs.describe import interval, low_to_high, number
from dl_experiments.analysis.runs.scales import SHARE
from dl_experiments.analysis.runs.statistics import Estimate, proportion
from dl_experiments.measures.spectrum import minimal_ratio, negative_share, ratio_with_zeros

FEWEST = 5  # distinct points of one start, or as many comparisons within several
ENOUGH = 0.8  # share of 1-5-10-5-1 tanh nets that should converge
MOST = Region(above=0.5)
POSITIVE, NEGATIVE = Region(above=0.0), Region(below=0.0)

Estimates = list[Estimate | None]


@dataclass(frozen=True)
class Sweep:
    """Rank correlations with the loss at each tolerance of the sweep, 0 last.

    Attributes:
        ratio: Of the minimal ratio [T].
        negative: Of the share of negative eigenvalues [T].
        starts: The start of each distinct point of those that found several [d].
        losses: Their losses [d].
    """

    ratio: Estimates
    negative: Estimates
    starts: np.ndarray
    losses: np.ndarray


def sweep(points: Points) -> Sweep:
    """Over a group's distinct critical points, within each start that found several."""
    starts, losses, ratios, negatives = [], [], [], []
    for start in dict.fromkeys(points.start):
        numbers = points.distinct(start)
        found = [numbers == one for one in range(numbers.max(initial=-1) + 1)]
        for same in found if len(found) > 1 else ():
            starts.append(start)
            losses.append(points.loss[same].min())
            ratios.append(minimal_ratio(points.swept[same]).mean(0))
            negatives.append(negative_share(points.swept[same]).mean(0))
    kinds, of = np.array(starts), np.array(losses)

    def along(shares: list[np.ndarray]) -> Estimates:
        return within_kinds(of, [*np.array(shares).reshape(-1, len(points.relative)).T], kinds)

    return Sweep(along(ratios), along(negatives), kinds, of)


def judge(groups: Mapping[str, Points], sweeps: Mapping[str, Sweep]) -> list[Claim]:
    """The claims on every group."""
    judged = []
    for label, points in groups.items():
        swept, unfit = sweeps[label], points.twice or _unfit(sweeps[label])
        for statement, what, region, found, more in (
            (
                "Among points of one search a lower loss goes with a higher minimal ratio",
                "n₊/P",
                NEGATIVE,
                swept.ratio,
                "",
            ),
            (
                "Among points of one search the share of negative eigenvalues grows with the loss",
                "n₋/P",
                POSITIVE,
                swept.negative,
                "1 − n₋/P is the minimal ratio with zeros counted as positive",
            ),
        ):
            said = f"{statement}, at every tolerance above rounding ({label})"
            judged.append(_at_every(said, what, region, found, points, unfit, more))
    for label, points in groups.items():
        judged += _published(label, points)
        if label == "1-5-10-5-1, tanh":
            judged.append(check(_converged(label, points)))
    return judged


def _at_every(
    statement: str,
    what: str,
    region: Region,
    found: Estimates,
    points: Points,
    unfit: str,
    more: str,
) -> Claim:
    """Judge the tolerance whose interval reaches furthest from where the claim says it lies.

    One that refutes the claim comes first, and one without an interval next.
    """
    pairs = zip(found, points.relative, points.judged, strict=True)
    known = [(e, t) for e, t, judged in pairs if judged and e is not None]
    sign = 1 if region is POSITIVE else -1

    def favour(pair: tuple[Estimate, float]) -> tuple[bool, float]:
        ends = [sign * end for end in (pair[0].low, pair[0].high) if end is not None]
        return verdict(region, pair[0]) != "not supported", min(ends, default=-1.0)

    worst, where = min(known, key=favour, default=(None, 0.0))
    note = ""
    if worst is not None:
        values = [e.value for e, _ in known]
        alone = [verdict(region, e) for e, _ in known]
        note = (
            f"ρ {low_to_high(values)} over {len(known)} tolerances, "
            f"by itself supported at {alone.count('supported')} and not supported at "
            f"{alone.count('not supported')}; least in favour at {number(where, 1)}·max|λ|"
        )
    return claim(
        statement,
        f"Spearman's ρ of loss and {what} over the distinct critical points of a start, mean over "
        "starts, at the tolerance least in favour (n: points; interval by permutation)",
        region,
        worst,
        "",
        note="; ".join(part for part in (note, more) if part),
        unfit=unfit,
        runs=points.runs,
    )


def _unfit(swept: Sweep) -> str:
    """Why a group cannot show how anything goes with the loss."""
    count, kinds = len(swept.starts), len(set(swept.starts))
    if count - kinds < FEWEST - 1:
        return f"{count} distinct critical points of starts that found several: too few"
    return ""


def _published(label: str, points: Points) -> list[Claim]:
    mine = points.arm == "published"
    made = []
    for statement, effect, count in (
        (
            f"Published protocol: in most runs the loss does not reach zero ({label})",
            f"share of runs that end phase two at a loss above {number(ZERO_LOSS)}",
            int((points.loss[mine] > ZERO_LOSS).sum()),
        ),
        (
            f"Published protocol: in most runs the gradient does not vanish ({label})",
            f"share of runs that end phase two at ‖∇L‖ of {number(LIMIT)} or more",
            int((points.gradient_norm[mine] >= LIMIT).sum()),
        ),
    ):
        estimate = proportion(count, int(mine.sum())) if mine.any() else None
        words = statement, f"{effect} (exact binomial)"
        made.append(claim(*words, MOST, estimate, unfit=points.twice, runs=points.runs))
    return made


def _converged(label: str, points: Points) -> Claim:
    mine = points.arm == "descent"
    count, n = int(points.converged[mine].sum()), int(mine.sum())
    return claim(
        f"Levenberg–Marquardt, then Newton on ‖∇L‖², finds a critical point ({label})",
        "share of runs that end at ‖∇L‖ < 10⁻⁸ (exact binomial)",
        Region(above=ENOUGH),
        proportion(count, n) if n else None,
        note="the steps were chosen on other seeds",
        unfit=points.twice,
        runs=points.runs,
    )


def numbers(groups: Mapping[str, Points]) -> list[Row]:
    """A row for each start of each group."""
    rows = []
    for label, points in groups.items():
        for start in dict.fromkeys(points.start):
            mine = points.start == start
            ended, losses = mine & points.converged, points.loss[mine & points.converged]
            row = {"net": label, "start": start}
            row["converged"] = f"{int(ended.sum())} of {int(mine.sum())}"
            row["distinct"] = f"{points.distinct(start).max() + 1}"
            row["share converged"] = interval(proportion(int(ended.sum()), int(mine.sum())))
            row["loss, all (median)"] = number(float(np.median(points.loss[mine])))
            row["‖∇L‖, all (median)"] = number(float(np.median(points.gradient_norm[mine])))
            row["loss, converged"] = low_to_high(losses, partial(number, digits=2))
            counts = points.counts[ended]
            row["n₊/P"] = _mean(minimal_ratio(counts))
            row["n₋/P"] = _mean(negative_share(counts))
            row["(n₊ + n₀)/P"] = _mean(ratio_with_zeros(counts))
            row["n₊/P by sign alone"] = _mean(minimal_ratio(points.at(0.0)[ended]))
            row["sampled ratio"] = _mean(points.sampled[ended])
            rows.append(Row(row))
    return rows


def _mean(values: Sequence[float] | np.ndarray) -> str:
    return interval(SHARE.level(np.asarray(values, dtype=float))) if len(values) else "–"
