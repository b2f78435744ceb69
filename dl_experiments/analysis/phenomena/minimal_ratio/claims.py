"""What hw1_2_minimal_ratio claims about critical points, and how it is tested.

The published claim (lower loss, higher minimal ratio) and the theory (the share of negative
eigenvalues at critical points grows with their loss) are rank correlations over the converged
points of a net, with an interval over runs. Where an eigenvalue ends and zero begins moves them, so
each claim is asked at every tolerance of the sweep, and what is judged is the tolerance at which
the interval is least in its favour: it is supported only if it holds at all of them. Losses that
agree to three digits are one level, whose points are tied.

The published protocol ends phase two after some epochs of Adam, far from a critical point. Its
claims are shares of runs, with the exact binomial interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region, check, claim
from dl_experiments.analysis.claims.claim import judge as verdict
from dl_experiments.analysis.findings import Row
from dl_experiments.analysis.phenomena.minimal_ratio.points import LIMIT, Points
from dl_experiments.analysis.runs.correlation import rank_correlations
from dl_experiments.analysis.runs.describe import interval, number
from dl_experiments.analysis.runs.scales import SHARE
from dl_experiments.analysis.runs.statistics import Estimate, proportion
from dl_experiments.measures.spectrum import minimal_ratio, negative_share, ratio_with_zeros

ZERO_LOSS = 1e-8  # root mean square error 10⁻⁴: no eye tells such a fit from the truth
ENOUGH = 0.8  # share of 1-5-10-5-1 tanh nets that should converge
MOST = Region(above=0.5)
POSITIVE, NEGATIVE = Region(above=0.0), Region(below=0.0)

Estimates = list[Estimate | None]


@dataclass(frozen=True)
class Sweep:
    """Rank correlations with the loss at each tolerance of the sweep, 0 last."""

    ratio: Estimates
    negative: Estimates


def sweep(points: Points) -> Sweep:
    """Over a group's critical points."""
    shown = points.converged
    counts = points.swept[shown]
    tolerances = range(counts.shape[1])
    ratios = [minimal_ratio(counts[:, t]) for t in tolerances]
    negatives = [negative_share(counts[:, t]) for t in tolerances]
    # many runs end at one saddle, up to rounding: its losses are one level, not an order
    levels = np.array([float(f"{loss:.2e}") for loss in points.loss[shown]])
    found = rank_correlations(levels, ratios + negatives, points.runs[shown])
    return Sweep(found[: len(ratios)], found[len(ratios) :])


def judge(groups: Mapping[str, Points], sweeps: Mapping[str, Sweep]) -> list[Claim]:
    """The claims on every group."""
    judged = []
    for label, points in groups.items():
        tolerances, swept = points.relative, sweeps[label]
        unfit = _unfit(points)
        judged.append(
            _at_every(
                f"Lower loss goes with a higher minimal ratio, at every tolerance ({label})",
                "n₊/P",
                NEGATIVE,
                swept.ratio,
                tolerances,
                unfit,
            )
        )
        judged.append(
            _at_every(
                "The share of negative eigenvalues at critical points grows with the loss, at "
                f"every tolerance ({label})",
                "n₋/P",
                POSITIVE,
                swept.negative,
                tolerances,
                unfit,
                "1 − n₋/P is the minimal ratio with zeros counted as positive, so this is what "
                "becomes of the claim on the minimal ratio then",
            )
        )
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
    tolerances: np.ndarray,
    unfit: str,
    more: str = "",
) -> Claim:
    """Judge the tolerance whose interval reaches furthest from where the claim says it lies."""
    known = [(e, t) for e, t in zip(found, tolerances, strict=True) if e is not None]
    sign = 1 if region is POSITIVE else -1

    def favour(pair: tuple[Estimate, float]) -> float:
        ends = [sign * end for end in (pair[0].low, pair[0].high) if end is not None]
        return min(ends, default=sign * pair[0].value)

    worst, where = min(known, key=favour, default=(None, 0.0))
    note = ""
    if worst is not None:
        values = [e.value for e, _ in known]
        alone = [verdict(region, e) for e, _ in known]
        note = (
            f"ρ from {number(min(values))} to {number(max(values))} over {len(known)} tolerances, "
            f"by itself supported at {alone.count('supported')} and not supported at "
            f"{alone.count('not supported')}; least in favour at {_tolerance(where)}"
        )
    return claim(
        statement,
        f"Spearman's ρ of loss (to three digits) and {what} over critical points, at the tolerance "
        "least in favour (bootstrap over runs)",
        region,
        worst,
        "",
        note="; ".join(part for part in (note, more) if part),
        unfit=unfit,
    )


def _tolerance(relative: float) -> str:
    return f"{number(relative, 1)}·max|λ|" if relative else "0, by sign alone"


def _unfit(points: Points) -> str:
    """Why a group cannot show how anything goes with the loss."""
    losses = points.loss[points.converged]
    if len(losses) < 10 or np.ptp(np.log10(losses)) < 1:
        return f"{len(losses)} critical points: too few, or all within a decade of loss"
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
        made.append(claim(statement, f"{effect} (exact binomial)", MOST, estimate))
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
            row["share converged"] = interval(proportion(int(ended.sum()), int(mine.sum())))
            row["loss, all (median)"] = number(float(np.median(points.loss[mine])))
            row["‖∇L‖, all (median)"] = number(float(np.median(points.gradient_norm[mine])))
            row["loss, converged"] = _range(losses)
            counts = points.counts[ended]
            row["n₊/P"] = _mean(minimal_ratio(counts))
            row["n₋/P"] = _mean(negative_share(counts))
            row["(n₊ + n₀)/P"] = _mean(ratio_with_zeros(counts))
            row["n₊/P by sign alone"] = _mean(minimal_ratio(points.at(0.0)[ended]))
            row["sampled ratio"] = _mean(points.sampled[ended])
            rows.append(Row(row))
    return rows


def _range(values: np.ndarray) -> str:
    return (
        f"{number(float(values.min()), 2)} to {number(float(values.max()), 2)}"
        if len(values)
        else "–"
    )


def _mean(values: Sequence[float] | np.ndarray) -> str:
    return interval(SHARE.level(np.asarray(values, dtype=float))) if len(values) else "–"
