"""The forms of a claim: a level, a difference, a trend, … Each counts who is left out.

A net that diverged has no final loss or accuracy, and one whose value is not finite none that can
be averaged. They are left out of the estimate and counted in the claim's note. Where a quantity has
a bound for them (``Quantity.worst``: an accuracy is that of guessing, a loss at least the first
one) the claim is judged with and without them, and has no verdict where the two differ; where it
has none the verdict is never more than leaning. Losses of exactly 0 have no logarithm; they are
treated so, with the lowest loss above 0 as their bound.

Nets that have learned nothing show nothing (see ``learned``): unless one of the ``learners`` has,
a claim has no verdict. These are the nets that it compares, where it does not say others.

A seed is one run of each group. Where a group has several completed runs of one seed its runs
differ in more than that, nobody can say which of them counts, and no claim has a verdict.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypedDict, Unpack, final

from dl_experiments.analysis.claims.claim import NOTHING, Claim, Region, claim, judge, leaning
from dl_experiments.analysis.claims.seeds import Sides, Statistic, each_seed, joined
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.learned import dead, hardly_trained
from dl_experiments.analysis.runs.quantities import Quantity, by_seed
from dl_experiments.analysis.runs.scales import LINEAR, LOG, Scale
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.analysis.runs.swept import swept_keys
from dl_experiments.artifacts import FINISHED

Compare = Callable[[Sides], Estimate | None]


@final
@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed, and what they are called.

    Attributes:
        name: As in "batch 4"; empty where it goes without saying.
    """

    runs: Sequence[Run]
    name: str = ""


class Said(TypedDict, total=False):
    """What a claim is told beside what it compares.

    Attributes:
        note: Anything the reader should know.
        unfit: Why these runs cannot show it; empty where they can.
        learners: Of whom one must have learned something; None: those compared, empty: nobody.
    """

    note: str
    unfit: str
    learners: Sequence[Run] | None


def level(
    statement: str,
    quantity: Quantity,
    region: Region,
    runs: Sequence[Run],
    effect: str = "",
    **said: Unpack[Said],
) -> Claim:
    """That a quantity's level over seeds lies in a region.

    Args:
        statement: The claim in one sentence.
        quantity: What is read off each run.
        region: Where the claim says the level lies, in the quantity's unit.
        runs: Of one group.
        effect: What was measured, in words; the quantity's name where it says that.
        said: See `Said`.
    """

    def compare(sides: Sides) -> Estimate | None:
        found = quantity.over(sides[0])
        done = {run.seed for run in runs if run.completed} - set(sides[0])
        bare = f"{len(done)} completed seeds have no such value" if done else ""
        return found and replace(found, note=joined([found.note, bare]))

    group = Group(runs)
    return compared(statement, quantity, region, [group], compare, quantity.unit, effect, **said)


def difference(
    statement: str,
    quantity: Quantity,
    region: Region,
    pair: tuple[Group, Group],
    effect: str = "",
    **said: Unpack[Said],
) -> Claim:
    """That one group has more of a quantity than another, or less; paired by seed where possible.

    Args:
        statement: The claim in one sentence.
        quantity: What is read off each run.
        region: Where the claim says the difference lies, in the unit of the quantity's scale.
        pair: The group of which the other is taken off, and that.
        effect: What was measured, in words.
        said: See `Said`.
    """

    def compare(sides: Sides) -> Estimate | None:
        return quantity.between(*sides)

    effect = effect or f"{quantity.name}, {pair[0].name} minus {pair[1].name}"
    return compared(statement, quantity, region, pair, compare, quantity.apart, effect, **said)


def trend(
    statement: str,
    quantity: Quantity,
    region: Region,
    groups: Mapping[float, Sequence[Run]] | Mapping[int, Sequence[Run]],
    of: Statistic,
    scale: Scale = LINEAR,
    unit: str = "",
    effect: str = "",
    **said: Unpack[Said],
) -> Claim:
    """That a quantity goes along with a number: a statistic of each seed, a mean over seeds.

    Args:
        statement: The claim in one sentence.
        quantity: What is read off each run.
        region: Where the claim says the statistic lies.
        groups: Number -> runs; a seed counts that has a value in every group.
        of: From the numbers [g] and a seed's values there [g], such as ``spearman``.
        scale: Of the statistic.
        unit: Of the statistic.
        effect: What was measured, in words.
        said: See `Said`.
    """

    def compare(sides: Sides) -> Estimate | None:
        return each_seed(dict(zip(groups, sides, strict=True)), of, scale)

    members = [Group(runs, f"{number:,g}") for number, runs in groups.items()]
    return compared(statement, quantity, region, members, compare, unit, effect, **said)


def compared(
    statement: str,
    quantity: Quantity,
    region: Region,
    groups: Sequence[Group],
    compare: Compare,
    unit: str = "",
    effect: str = "",
    note: str = "",
    unfit: str = "",
    learners: Sequence[Run] | None = None,
) -> Claim:
    """That what several groups come to lies in a region, where no other form says how.

    Args:
        statement: The claim in one sentence.
        quantity: What is read off each run.
        region: Where the claim says the effect lies.
        groups: What is compared.
        compare: For each group a mapping of seed to value -> the effect; None: there is none.
        unit: Of the effect.
        effect: What was measured, in words; the quantity's name where it says that.
        note: See `Said`.
        unfit: See `Said`.
        learners: See `Said`.
    """
    words = (statement, effect or quantity.name)
    unfit = unfit or untaught(groups, learners)
    sides = [by_seed(group.runs, quantity) for group in groups]
    found = compare(sides)
    lost = [quantity.lost(group.runs) for group in groups]
    notes = [note, *map(_left_out, groups, lost), *([] if unfit else map(_dead, groups))]
    floored = _floored(quantity, sides)
    unfit = joined([unfit, twice(groups)])
    made = partial(claim, *words, region, found, unit, runs=everyone(groups))
    if found is None:
        why = unfit or _below(quantity, groups, sides) or why_none(groups, sides)
        return made(unfit=joined([why, *notes[1:]]))
    if (not any(lost) and floored == sides) or unfit:
        return made(joined(notes), unfit)
    plain = judge(region, found)
    if any(value is None for one in lost for value in one.values()):
        return made(joined(notes), verdict=leaning(plain))
    bounds = [{seed: value for seed, value in one.items() if value is not None} for one in lost]
    whole = compare([dict(side) | bound for side, bound in zip(floored, bounds, strict=True)])
    counted = judge(region, whole) if whole else plain
    if counted == plain or (whole and _further(region, found.value, whole.value, plain)):
        return made(joined(notes))
    notes.append(f"counted at their bound they make it {counted}, so there is no verdict")
    return made(joined(notes), verdict="inconclusive")


def untaught(groups: Sequence[Group], learners: Sequence[Run] | None = None) -> str:
    """Why nothing shows of what nets have learned, if none has; see ``learners`` above."""
    return hardly_trained(everyone(groups) if learners is None else learners)


def everyone(groups: Sequence[Group]) -> list[Run]:
    """The runs of several groups."""
    return [run for group in groups for run in group.runs]


def _floored(quantity: Quantity, sides: Sides) -> Sides:
    """The values of several groups, losses of 0 at the lowest above it, where logarithms count."""
    seen = [value for side in sides for value in side.values() if value > 0]
    if quantity.scale is not LOG or len(sides) < 2 or not seen:
        return sides
    return [{seed: max(value, min(seen)) for seed, value in side.items()} for side in sides]


def _further(region: Region, value: float, counted: float, verdict: str) -> bool:
    """Whether those left out only move an estimate further to where the verdict has it."""
    low, high = region.ends
    if (low is None) == (high is None):  # between two ends there is no further
        return False
    inwards = counted >= value if high is None else counted <= value
    return inwards != verdict.endswith("not supported")


def _left_out(group: Group, lost: Mapping[int, float | None]) -> str:
    """As in "5 of 10 seeds of batch 1 diverged and are not in it"."""
    if not lost:
        return ""
    count = len({run.seed for run in group.runs if run.status.state in FINISHED})
    of = f" of {group.name}" if group.name else ""
    return f"{len(lost)} of {count} seeds{of} diverged and are not in it"


def _dead(group: Group) -> str:
    """As in "deep: 2 of 8 never halved their loss"; such nets lie apart from the others."""
    said = dead(group.runs)
    return f"{group.name}: {said}" if said and group.name else said


def twice(groups: Sequence[Group]) -> str:
    """That a group has several completed runs of one seed, and in what they differ; else empty."""
    for group in groups:
        done = Counter(run.seed for run in group.runs if run.completed)
        if again := [seed for seed, count in done.items() if count > 1]:
            apart = swept_keys([run for run in group.runs if run.seed == again[0]])
            keys = " and ".join(apart) or "what is written down"
            return (
                f"{group.name or 'its group'} has several runs of one seed, which differ in {keys}"
            )
    return ""


def why_none(groups: Sequence[Group], sides: Sequence[Collection[int]]) -> str:
    """Why groups whose seeds have values in ``sides``, or have none, come to nothing."""
    done = [sum(run.completed for run in group.runs) for group in groups]
    for group, side, count in zip(groups, sides, done, strict=True):
        of = f" of {group.name}" if group.name else ""
        if count and not side:
            return f"what it takes was not recorded by the {count} completed runs{of}"
        if any(done) and not side:
            return f"no run{of} completed" if group.runs else f"there is no run{of}"
    if len(groups) > 1 and all(sides) and not set.intersection(*map(set, sides)):
        return "no seed has a run in all of them"
    return NOTHING if not any(done) else "no seed has such a number"


def _below(quantity: Quantity, groups: Sequence[Group], sides: Sides) -> str:
    """That a group has no value above 0 where logarithms are compared; else empty."""
    for group, side in zip(groups, sides, strict=True):
        if quantity.scale is LOG and side and max(side.values()) <= 0:
            return f"all of {group.name or 'them'} are 0 or below, which has no logarithm"
    return ""
