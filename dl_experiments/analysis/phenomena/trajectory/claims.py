"""What hw1_2_trajectory claims about the paths of runs that differ in their seed.

*Similar final loss*: each run against the mean of the others, so that a run does not vouch for
itself; the claim falls when they differ by a tenth or more.

*Nearby centres*, as published: how far a start is from the common centre of the starts, as a share
of the way that its run then goes (through the snapshots, so a lower bound of it). Below one half
the start matters less than the way. It is asked of all weights; the published figures show planes.
Independent initial weights of P parameters are about √(2P)·σ apart, and how far they go depends on
how many updates they make.

*The subspace*: starts that are equally far from one another make as many equal components of the
joint PCA as there are runs, less one, so no axis and no plane of it is a finding. Their span is one
if it is the same whoever is left out: within 10°, where cos² = 97 % of a direction is kept. Of the
angles by which it turns without each run the largest decides. That follows from such starts,
whatever is learned: it is a check of the joint PCA and no finding on nets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region, check
from dl_experiments.analysis.claims.forms import Group, compared, level
from dl_experiments.analysis.phenomena.trajectory.arm import Walks, distances_to_centre
from dl_experiments.analysis.runs.describe import low_to_high, number
from dl_experiments.analysis.runs.quantities import final
from dl_experiments.analysis.runs.scales import SIZE
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.measures.trajectory import left_out

SIMILAR = Region(below=10.0)
NEARBY = Region(below=0.5)
STAYS = Region(below=10.0)  # degrees
FEWEST = 4  # runs, of which three have a plane
PUBLISHED = 2700  # updates on MNIST: 45 epochs of 60,000 images in batches of 1,000


def judge(arm: Walks) -> list[Claim]:
    """The claims on one arm."""
    apart = distances_to_centre(arm.ends[0])
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
            f"paths {number(float(arm.lengths.mean()))} long{_updates(arm)}",
        ),
        _stays(arm),
    ]


def turns(arm: Walks, leading: int, within: int) -> list[float]:
    """By how many degrees a subspace turns without each run; nan where too few are left."""
    if len(arm.walks) < FEWEST:
        return [np.nan] * len(arm.walks)
    return [float(angle) for angle in left_out(arm.whole, leading, within)]


def _stays(arm: Walks) -> Claim:
    plane = turns(arm, 2, 2)
    found = compared(
        "The runs' centres span one subspace, whichever run is left out",
        arm.quantity("turn", turns(arm, arm.span - 1, arm.span)),
        STAYS,
        [Group(arm.runs)],
        lambda sides: _largest(sides[0]),
        "°",
        f"largest principal angle from the first {arm.span - 1} components of all runs but one to "
        f"the first {arm.span} of all, for the run that moves it most",
        note="one number of all runs, so that it has no interval; the plane of the first two "
        f"components turns by {low_to_high(plane, '{:.0f}'.format)}°, so nothing follows from "
        "where a run lies in it",
        unfit="" if len(arm.walks) >= FEWEST else f"it takes {FEWEST} runs",
    )
    if found.unfit or found.estimate is None:
        return check(found)
    within = STAYS.holds(found.estimate, found.estimate)
    return replace(check(found), verdict="supported" if within else "not supported")


def _largest(turned: Mapping[int, float]) -> Estimate | None:
    """Of the angles of all seeds; None without any."""
    return Estimate(max(turned.values()), None, None, len(turned)) if turned else None


def _updates(arm: Walks) -> str:
    """How many there were, and on the data of the published runs how many those had."""
    made = low_to_high([walk.run.rows[-1]["step"] for walk in arm.walks], "{:,.0f}".format)
    other = f" (published: planes of two components, after {PUBLISHED:,} updates)"
    return f", after {made} updates{other if arm.runs[0].data == 'mnist' else ''}"


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
