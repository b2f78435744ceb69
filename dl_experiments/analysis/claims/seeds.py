"""What the seeds of several groups come to together."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.quantities import Quantity
from dl_experiments.analysis.runs.scales import LINEAR, Scale
from dl_experiments.analysis.runs.statistics import Estimate

Statistic = Callable[[np.ndarray, np.ndarray], float | None]
"""Of numbers [n] and values there [n]."""

Key = TypeVar("Key")
Sides = Sequence[Mapping[int, float]]
"""For each group what its seeds have."""


def each_seed(
    sides: Mapping[float, Mapping[int, float]], of: Statistic, scale: Scale = LINEAR
) -> Estimate | None:
    """The mean over seeds of a statistic of (numbers, a seed's values there); None without any.

    Args:
        sides: Number -> seed -> value; a seed counts that has a value at every number.
        of: The statistic.
        scale: Of the statistic.
    """
    numbers = np.array(list(sides), dtype=float)
    found = {seed: of(numbers, values) for seed, values in across([*sides.values()]).items()}
    return over_seeds(found, [*sides.values()], scale)


def ranked(
    groups: Mapping[Key, Sequence[Run]], quantity: Quantity, best: int = 1
) -> tuple[list[Key], dict[int, dict[Key, float]]]:
    """The groups by their level, the best first, and what they are ranked by.

    Only seeds count that all groups have which have any; a diverged run counts at its bound, and
    not where it has none, see `unbounded`.

    Args:
        groups: What is ranked.
        quantity: By what.
        best: 1 where the highest is the best, −1 where the lowest is.

    Returns:
        The keys, and for each such seed its values by key.
    """
    sides = {key: found for key, runs in groups.items() if (found := quantity.counted(runs))}
    curves = across([*sides.values()])
    columns = np.array([*curves.values()]).T
    levels = np.array([quantity.scale.level(column).value for column in columns])
    order = [[*sides][place] for place in np.argsort(-best * levels, kind="stable")]
    return order, {seed: dict(zip(sides, map(float, v), strict=True)) for seed, v in curves.items()}


def unbounded(groups: Collection[Sequence[Run]], quantity: Quantity) -> str:
    """Why groups cannot be ranked: runs diverged that count as nothing; empty where none did."""
    gone = sum(value is None for runs in groups for value in quantity.lost(runs).values())
    return f"{gone} diverged, and nothing tells what they count as" if gone else ""


def across(sides: Sides) -> dict[int, np.ndarray]:
    """Seed -> its values [sides], of the seeds that have one on every side."""
    seeds = sorted(set.intersection(*map(set, sides))) if sides else []
    return {seed: np.array([side[seed] for side in sides]) for seed in seeds}


def over_seeds(
    found: Mapping[int, float | None], sides: Sides, scale: Scale = LINEAR
) -> Estimate | None:
    """The level of what the seeds of some sides come to, None without any; counts who lacks it."""
    known = [one for one in found.values() if one is not None and np.isfinite(one)]
    if not known:
        return None
    every = len({seed for side in sides for seed in side})
    estimate = scale.level(np.array(known))
    return replace(estimate, note=joined([estimate.note, _lacking(every - len(known), every)]))


def joined(notes: Sequence[str]) -> str:
    """Several notes as one."""
    return "; ".join(filter(None, notes))


def _lacking(out: int, every: int) -> str:
    return f"{out} of {every} seeds lack a value somewhere and are not in it" if out else ""
