"""What hw1_1_simulate claims about nets of equal size fitting functions, and how it is tested.

One loss level would decide too much: at a high one a net that sits on a plateau for good can look
fast, at a low one most nets never arrive. So speed is taken at several levels, which are fixed
beforehand (`groups.levels`): the mean over them of log10 epochs, of a net that did not get there,
which is censored, up to the last epoch. That is the *restricted mean* of the time to an event
(Royston & Parmar 2013, "Restricted mean survival time", BMC Medical Research Methodology 13), the
area under the Kaplan-Meier curve: it asks who is ahead within these epochs and supposes nothing of
what would come after, so one whose deep net died is as much a result as one where it flew, and a
seed whose nets got nowhere is a tie.

Epochs are those that all nets have recorded: one that was logged more seldom is no slower for it,
and from fewer than ``SELDOM`` of them nobody can tell which is the faster.

A net that diverged comes last: it counts with the last epoch at every level (those are the other
nets'), and its final loss is its first one, a lower bound. A seed takes part when all the
nets compared are finished and one of them completed.

That deep is *best* says that it ends lower than each of the others, seed by seed: as many paired
comparisons, of which all must hold (`jointly`). Deep less the better of the others would not do:
the lower of two losses lies below their mean, so that of three equal nets deep would be refuted in
11 % of studies of five seeds and in 45 % of those of twenty. The prediction is the homework's; so
is that more layers need fewer epochs, which is asked of deep against middle as well, where the
order may be open.

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
from dl_experiments.analysis.claims.jointly import all_hold
from dl_experiments.analysis.claims.seedwise import seedwise, together
from dl_experiments.analysis.phenomena.depth.groups import LOSS, Functions, levels, reached_levels
from dl_experiments.analysis.runs.censored import FIRST
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.learned import hardly_trained, seldom
from dl_experiments.analysis.runs.quantities import above_zero, decades, final
from dl_experiments.analysis.runs.scales import OFTEN
from dl_experiments.analysis.runs.statistics import epochs_to_reach

Models = dict[str, Grid]
SELDOM = 10
END = final(LOSS)
VARIES = Region(above=0.05, below=0.95)


def judge(functions: Functions) -> list[Claim]:
    """The claims on one arm's runs, given as function -> model -> runs."""
    judged = []
    for name, models in functions.items():
        for other in ("shallow", "middle"):
            pair = _groups(models, ["deep", other])
            if other == "middle" and not pair[1].runs:
                continue  # it is one claim more where there is such a net
            judged.append(
                seedwise(
                    f"More layers converge in fewer epochs: deep before {other} on {name}",
                    _lead,
                    Region(above=0.0),
                    pair,
                    unit="decades",
                    effect=f"log10 of epochs, {other} over deep, mean over loss levels within "
                    "these epochs, paired by seed",
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
    """For each run the restricted mean of log10 epochs over the levels (see above).

    Lower is faster. Epoch 0 counts as 1. None without levels.
    """
    curves = [run.shared(LOSS) if run.completed else None for run in runs]
    known = [curve for curve in curves if curve is not None]
    if not known or not all(len(values) for _, values in known):
        return None
    last = max(epochs[-1] for epochs, _ in known)
    asked = levels([run for run in runs if run.completed])
    if not asked:
        return None
    reached = [[epochs_to_reach(*curve, at) if curve else None for at in asked] for curve in curves]
    within = [[last if epoch is None else epoch for epoch in one] for one in reached]
    return [float(np.log10(np.maximum(one, FIRST)).mean()) for one in within]


def _lead(runs: Sequence[Run]) -> float | None:
    """How much slower a seed's second net is than its first, in decades."""
    found = speeds(runs)
    return found[1] - found[0] if found else None


def _groups(models: Models, names: Sequence[str]) -> list[Group]:
    return [Group(models.get(name, Grid()), name) for name in names]


def _no_speeds(groups: Sequence[Group]) -> str:
    runs = [run for found in together(groups) for run in found]
    return hardly_trained(runs) or seldom(runs, LOSS, SELDOM) or _nowhere(runs)


def _nowhere(runs: Sequence[Run]) -> str:
    asked = levels([run for run in runs if run.completed])
    return "no net got to any of the levels" if asked and not reached_levels(runs) else ""


def _deep_is_best(name: str, models: Models) -> Claim:
    others = [model for model in models if model != "deep"] or ["shallow"]
    every = flat(models)
    zeros = sum(run.completed and END(run) == 0 for run in every)
    read = decades(above_zero(END, every))

    def end(run: Run) -> float | None:
        """A diverged one counts as if it had never started."""
        return read(run) if run.completed else read.worst(run)

    def lead(runs: Sequence[Run]) -> float | None:
        deep, other = map(end, runs)
        there = any(run.completed for run in runs)
        return deep - other if there and deep is not None and other is not None else None

    statement, effect = f"Deep is best on {name}", "log10 of final training loss, paired by seed"
    parts = {
        f"deep minus {other}": seedwise(
            statement, lead, Region(below=0.0), _groups(models, ["deep", other]), unit="decades"
        )
        for other in others
    }
    floored = f"at exactly 0 and counted at the lowest above it: {zeros}" if zeros else ""
    return all_hold(statement, effect, parts, floored)


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
