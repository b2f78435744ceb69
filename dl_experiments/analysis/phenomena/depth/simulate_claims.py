"""What hw1_1_simulate claims about nets of equal size fitting functions, and how it is tested.

One loss level would decide too much: at a high one a net that sits on a plateau for good can look
fast, at a low one most nets never arrive. So speed is the mean of log10 epochs over *many* levels,
evenly spaced in the logarithm of the loss, from the lowest first loss of the nets compared down to
the lowest loss any of them reached (not below the experiment's target). A net that never got to a
level counts with the last epoch there, which makes its disadvantage a lower bound: one whose deep
net died is as much a result as one where it flew.

Epochs are those that all nets have recorded: one that was logged more seldom is no slower for it,
and from fewer than ``SELDOM`` of them nobody can tell which is the faster.

A net that diverged comes last: it counts with the last epoch at every level (those are the other
nets'), and its final loss is its first one, again a lower bound. A seed takes part when all the
nets compared are finished and one of them completed.

That the order *varies* on sinc is asked of deep and shallow alone, so that what is counted is fixed
before the seeds are seen: deep is faster in some share of all seeds, and the order varies when that
share is neither near 0 nor near 1. Its interval is the exact binomial one, and so it takes
at least 5 seeds, split 2 to 3, to find that it varies, and 72 seeds of one order to find that it
does not; with fewer, seeds that agree leave the claim inconclusive.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group
from dl_experiments.analysis.claims.seedwise import seedwise, together
from dl_experiments.analysis.phenomena.depth.groups import LOSS, Functions, target
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.learned import hardly_trained, seldom
from dl_experiments.analysis.runs.quantities import above_zero, decades, final
from dl_experiments.analysis.runs.scales import OFTEN
from dl_experiments.analysis.runs.statistics import epochs_to_reach

Models = dict[str, Grid]
LEVELS = 33
SELDOM = 10
END = final(LOSS)
VARIES = Region(above=0.05, below=0.95)


def judge(functions: Functions) -> list[Claim]:
    """The claims on one arm's runs, given as function -> model -> runs."""
    judged = []
    for name, models in functions.items():
        pair = _groups(models, ["deep", "shallow"])
        judged.append(
            seedwise(
                f"More layers converge in fewer epochs: deep before shallow on {name}",
                _lead,
                Region(above=0.0),
                pair,
                unit="decades",
                effect="log10 of epochs, shallow over deep, mean over loss levels, paired by seed",
                unfit=_no_speeds(pair),
            )
        )
    for name in ("sign_sinc", "sign_sin"):
        if name in functions:
            judged.append(_deep_is_best(name, functions[name]))
    if "sinc" in functions:
        judged.append(_order_varies(functions["sinc"]))
    return judged


def speeds(runs: Sequence[Run]) -> list[float] | None:
    """For each run the mean of log10 epochs over the levels (see above); None without levels.

    Lower is faster. Epoch 0 counts as 1.
    """
    curves = [run.shared(LOSS) if run.completed else None for run in runs]
    known = [curve for curve in curves if curve is not None]
    if not known or not all(len(values) for _, values in known):
        return None
    top = min(values[0] for _, values in known)
    if not top > 0:
        return None
    bottom = min(top, max(target(runs), min(np.fmin.reduce(values) for _, values in known)))
    last = max(epochs[-1] for epochs, _ in known)
    found = []
    for curve in curves:
        levels = np.geomspace(top, bottom, LEVELS)
        reached = [epochs_to_reach(*curve, level) if curve else None for level in levels]
        at_level = [last if epoch is None else epoch for epoch in reached]
        found.append(float(np.log10(np.maximum(at_level, 1)).mean()))
    return found


def _lead(runs: Sequence[Run]) -> float | None:
    """How much slower a seed's second net is than its first, in decades."""
    found = speeds(runs)
    return found[1] - found[0] if found else None


def _groups(models: Models, names: Sequence[str]) -> list[Group]:
    return [Group(models.get(name, Grid()), name) for name in names]


def _no_speeds(groups: Sequence[Group]) -> str:
    runs = [run for found in together(groups) for run in found]
    return hardly_trained(runs) or seldom(runs, LOSS, SELDOM)


def _deep_is_best(name: str, models: Models) -> Claim:
    others = [model for model in models if model != "deep"]
    groups = _groups(models, ["deep", *others]) if others else []
    every = [run for group in groups for run in group.runs]
    zeros = sum(run.completed and END(run) == 0 for run in every)
    read = decades(above_zero(END, every))

    def end(run: Run) -> float | None:
        """A diverged one counts as if it had never started."""
        return read(run) if run.completed else read.worst(run)

    def lead(runs: Sequence[Run]) -> float | None:
        deep, *rest = map(end, runs)
        known = [loss for loss in rest if loss is not None]
        there = deep is not None and known and any(run.completed for run in runs)
        return deep - min(known) if deep is not None and there else None

    return seedwise(
        f"Deep is best on {name}",
        lead,
        Region(below=0.0),
        groups,
        unit="decades",
        effect="log10 of final training loss, deep minus the better of the others, paired by seed",
        note=f"at exactly 0 and counted at the lowest above it: {zeros}" if zeros else "",
    )


def _order_varies(models: Models) -> Claim:
    pair = _groups(models, ["deep", "shallow"])
    orders: Counter[str] = Counter()
    for runs in together(_groups(models, list(models))):
        if found := speeds(runs):
            ranked = sorted(zip(found, [run.model for run in runs], strict=True))
            orders[" < ".join(name for _, name in ranked)] += 1
    seen = ", ".join(f"{order} ({count})" for order, count in orders.most_common())

    def first(runs: Sequence[Run]) -> float | None:
        lead = _lead(runs)
        return float(lead > 0) if lead else None

    return seedwise(
        "On sinc the order of the nets varies with the seed: deep and shallow",
        first,
        VARIES,
        pair,
        OFTEN,
        effect="share of seeds in which deep takes fewer epochs (exact binomial; ties left out)",
        note=f"orders seen, fewest epochs first: {seen}" if seen else "",
        unfit=_no_speeds(pair),
    )
