"""What hw1_2_trajectory claims about the paths of runs that differ in their seed.

*Similar final loss*: each run against the mean of the others, so that a run does not vouch for
itself; the claim falls when they differ by a tenth or more.

*Nearby centres*: how far a start is from the common centre of the starts, as a share of the way
that its run then goes (through the snapshots, so a lower bound of it). Below one half the start
matters less than the way. It is asked of all weights, and of the plane that the figure shows,
because the two need not agree: independent initial weights of P parameters are about √(2P)·σ
apart, in as many directions as there are runs, of which a plane shows two.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, compared, level
from dl_experiments.analysis.phenomena.trajectory.arm import Walks, distances_to_centre
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.runs.quantities import final
from dl_experiments.analysis.runs.scales import SIZE
from dl_experiments.analysis.runs.statistics import Estimate

SIMILAR = Region(below=10.0)
NEARBY = Region(below=0.5)


def judge(arm: Walks) -> list[Claim]:
    """The claims on one arm."""
    apart = distances_to_centre(arm.ends[0])
    starts = [path[0] for path in arm.whole.paths]
    ways = [float(path.diff(dim=0).norm(dim=1).sum()) for path in arm.whole.paths]
    centre = sum(starts) / len(starts)
    in_plane = [float((start - centre).norm()) for start in starts]
    return [
        compared(
            f"{len(arm.walks)} arms end at similar loss",
            final("train/loss"),
            SIMILAR,
            [Group(arm.runs)],
            lambda sides: deviation(sides[0]),
            "%",
            "final training loss of a run against the mean of the others', size of the difference "
            "relative to that mean; refuted by an interval above the region",
        ),
        level(
            "The arms start from nearby centres",
            arm.quantity("start", _over(apart.tolist(), arm.lengths.tolist())),
            NEARBY,
            arm.runs,
            effect="distance of the initial weights to their common centre over the length of the "
            "path, all weights",
            note=f"on average the starts are {number(float(apart.mean()))} from their centre, the "
            f"ends {number(float(distances_to_centre(arm.ends[1]).mean()))} from theirs, and the "
            f"paths {number(float(arm.lengths.mean()))} long",
        ),
        level(
            "… and they do in the plane of the first two components",
            arm.quantity("start in the plane", _over(in_plane, ways)),
            NEARBY,
            arm.runs,
            effect="the same distance and length, both in the plane of PC1 and PC2",
        ),
    ]


def deviation(losses: Mapping[int, float]) -> Estimate | None:
    """Mean over seeds of |Lᵢ − that of the others| / that of the others, in percent.

    None with fewer than two seeds, or where the others' mean is 0, of which nothing is a share.
    """
    ends = np.array(list(losses.values()))
    if len(ends) < 2:
        return None
    others = (ends.sum() - ends) / (len(ends) - 1)
    return SIZE.level(100 * np.abs(ends - others) / others) if others.all() else None


def _over(distances: Sequence[float], lengths: Sequence[float]) -> list[float]:
    return [d / way if way else np.nan for d, way in zip(distances, lengths, strict=True)]
