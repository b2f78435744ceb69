"""Forms of a claim that take each seed's runs together, one of each group."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Unpack

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region, claim, judge, leaning
from dl_experiments.analysis.claims.forms import Group, Said, everyone, twice, untaught, why_none
from dl_experiments.analysis.claims.seeds import joined, over_seeds
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.quantities import Quantity, by_seed
from dl_experiments.analysis.runs.scales import CORRELATION, LINEAR, Scale
from dl_experiments.analysis.runs.statistics import spearman
from dl_experiments.artifacts import FINISHED

FEWEST = 3  # groups that a rank correlation takes


def seedwise(
    statement: str,
    of: Callable[[Sequence[Run]], float | None],
    region: Region,
    groups: Sequence[Group],
    scale: Scale = LINEAR,
    unit: str = "",
    effect: str = "",
    lost: str = "counted as last",
    **said: Unpack[Said],
) -> Claim:
    """That what the runs of a seed come to, one of each group, has its level in a region.

    Diverged runs are among them, and ``of`` says what they count as.

    Args:
        statement: The claim in one sentence.
        of: From a seed's runs, in the order of the groups; None where they say nothing.
        region: Where the claim says the level lies.
        groups: What is compared; a seed counts that has a finished run in each, see `together`.
        scale: Of what they come to.
        unit: Of that.
        effect: What was measured, in words.
        lost: What becomes of diverged runs, in words; empty where the note says it.
        said: See `Said`.
    """
    seeds = together(groups)
    found = {runs[0].seed: of(runs) for runs in seeds}
    ended = [{r.seed: 0.0 for r in g.runs if r.status.state in FINISHED} for g in groups]
    gone = sum(not run.completed for runs in seeds for run in runs)
    notes = [said.get("note", ""), f"diverged and {lost}: {gone}" if gone and lost else ""]
    estimate = over_seeds(found, ended, scale)
    why = said.get("unfit", "") or untaught(groups, said.get("learners"))
    unfit = joined([why, twice(groups)]) or ("" if estimate else why_none(groups, ended))
    words = (statement, effect)
    return claim(*words, region, estimate, unit, joined(notes), unfit, runs=everyone(groups))


def together(groups: Sequence[Group]) -> list[list[Run]]:
    """For each seed that has a finished run in every group, those runs."""
    ended = [{run.seed: run for run in g.runs if run.status.state in FINISHED} for g in groups]
    seeds = sorted(set.intersection(*map(set, ended))) if ended else []
    return [[runs[seed] for runs in ended] for seed in seeds]


def association(
    statement: str,
    x: Quantity,
    y: Quantity,
    region: Region,
    groups: Sequence[Group],
    effect: str = "",
    note: str = "",
) -> Claim:
    """That two quantities go along over the groups: Spearman's ρ of each seed, a mean over seeds.

    A diverged run has neither, and nothing bounds what it would do to its seed's ranks: where there
    is one the verdict is never more than leaning.

    Args:
        statement: The claim in one sentence.
        x: What is read off each run.
        y: And what goes along with it.
        region: Where the claim says that ρ lies.
        groups: What is compared; a seed counts that has both in three groups or more.
        effect: What was measured, in words.
        note: Anything the reader should know.
    """
    sides = [(by_seed(group.runs, x), by_seed(group.runs, y)) for group in groups]
    found: dict[int, float | None] = {}
    for seed in sorted({seed for xs, ys in sides for seed in (*xs, *ys)}):
        pairs = [(xs[seed], ys[seed]) for xs, ys in sides if seed in xs and seed in ys]
        of_x, of_y = np.array(pairs).reshape(-1, 2).T
        varies = len(pairs) >= FEWEST and np.ptp(of_x) > 0 and np.ptp(of_y) > 0
        found[seed] = spearman(of_x, of_y) if varies else None
    estimate = over_seeds(found, [ys for _, ys in sides], CORRELATION)
    gone = sum(run.status.state == "diverged" for group in groups for run in group.runs)
    lost = f"diverged and not in it: {gone}" if gone else ""
    notes = joined([note, lost])
    verdict = leaning(judge(region, estimate)) if gone and estimate else None
    none = f"fewer than {FEWEST} groups with both, or nothing varies"
    unfit = untaught(groups) or twice(groups) or ("" if estimate else joined([none, lost]))
    words = (statement, effect or f"Spearman's ρ of {x.name} and {y.name} over a seed's groups")
    made = partial(claim, *words, region, estimate, note=notes, unfit=unfit)
    return made(verdict=verdict, runs=everyone(groups))
