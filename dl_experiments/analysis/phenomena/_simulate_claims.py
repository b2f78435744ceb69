"""What hw1_1_simulate claims about nets of equal size fitting functions, and how it is tested.

One loss level would decide too much: at a high one a net that sits on a plateau for good can look
fast, at a low one most nets never arrive. So speed is the mean of log10 epochs over *many* levels,
evenly spaced in the logarithm of the loss, from the lowest first loss of the nets compared down to
the lowest loss any of them reached (not below the experiment's target). A net that never got to a
level counts with the last epoch there, which makes its disadvantage a lower bound: one whose deep
net died is as much a result as one where it flew.

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

from dl_experiments.analysis.claims import Claim, Region, claim
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.learned import hardly_trained
from dl_experiments.analysis.phenomena._simulate import LOSS, Functions, target
from dl_experiments.analysis.quantities import decades, final
from dl_experiments.analysis.statistics import Estimate, epochs_to_reach, mean, proportion
from dl_experiments.artifacts import FINISHED

Models = dict[str, list[Run]]
LEVELS = 33
VARIES = Region(above=0.05, below=0.95)


def judge(functions: Functions) -> list[Claim]:
    """The claims on one arm's runs, given as function -> model -> runs."""
    judged = []
    for name, models in functions.items():
        pairs = _together(models, ["deep", "shallow"])
        judged.append(
            claim(
                f"More layers converge in fewer epochs: deep before shallow on {name}",
                "log10 of epochs, shallow over deep, mean over loss levels, paired by seed",
                Region(above=0.0),
                _over_seeds(_leads(pairs)),
                "decades",
                note=_diverged(pairs),
                unfit=_hardly_trained(pairs),
            )
        )
    for name in ("sign_sinc", "sign_sin"):
        if name in functions:
            judged.append(_deep_is_best(name, functions[name]))
    if "sinc" in functions:
        judged.append(_order_varies(functions["sinc"]))
    return judged


def speeds(runs: list[Run]) -> list[float] | None:
    """For each run the mean of log10 epochs over the levels (see above); None without a curve.

    Lower is faster. Epoch 0 counts as 1.
    """
    curves = [run.curve(LOSS) if run.completed else None for run in runs]
    known = [curve for curve in curves if curve is not None]
    if not known or not all(len(values) for _, values in known):
        return None
    top = min(values[0] for _, values in known)
    bottom = min(top, max(target(runs), min(np.nanmin(values) for _, values in known)))
    last = max(epochs[-1] for epochs, _ in known)
    found = []
    for curve in curves:
        levels = np.geomspace(top, bottom, LEVELS)
        reached = [epochs_to_reach(*curve, level) if curve else None for level in levels]
        at_level = [last if epoch is None else epoch for epoch in reached]
        found.append(float(np.log10(np.maximum(at_level, 1)).mean()))
    return found


def _leads(pairs: Sequence[list[Run]]) -> list[float]:
    """For each seed how much slower the second net is than the first, in decades."""
    return [speed[1] - speed[0] for runs in pairs if (speed := speeds(runs))]


def _together(models: Models, names: Sequence[str]) -> list[list[Run]]:
    """For each seed that can be compared (see above), its runs in the order of the names."""
    by_name = [
        {run.seed: run for run in models.get(name, []) if run.status.state in FINISHED}
        for name in names
    ]
    seeds = sorted(set.intersection(*(set(runs) for runs in by_name)))
    together = [[runs[seed] for runs in by_name] for seed in seeds]
    return [runs for runs in together if any(run.completed for run in runs)]


def _diverged(together: Sequence[list[Run]]) -> str:
    lost = sum(not run.completed for runs in together for run in runs)
    return f"diverged and counted as last: {lost}" if lost else ""


def _hardly_trained(together: Sequence[list[Run]]) -> str:
    return hardly_trained([run for runs in together for run in runs])


def _over_seeds(values: Sequence[float]) -> Estimate | None:
    return mean(np.array(values)) if values else None


def _deep_is_best(name: str, models: Models) -> Claim:
    others = [model for model in models if model != "deep"]
    together = _together(models, ["deep", *others]) if others else []
    leads = []
    for runs in together:
        deep, *rest = map(_end, runs)
        known = [loss for loss in rest if loss is not None]
        if deep is not None and known:
            leads.append(deep - min(known))
    return claim(
        f"Deep is best on {name}",
        "log10 of final training loss, deep minus the better of the others, paired by seed",
        Region(below=0.0),
        _over_seeds(leads),
        "decades",
        note=_diverged(together),
        unfit=_hardly_trained(together),
    )


def _end(run: Run) -> float | None:
    """log10 of the loss a run ends at; a diverged one counts as if it had never started."""
    if run.completed:
        return decades(final(LOSS))(run)
    first = run.curve(LOSS)[1][:1]
    return float(np.log10(first[0])) if len(first) and 0 < first[0] < np.inf else None


def _order_varies(models: Models) -> Claim:
    pairs = _together(models, ["deep", "shallow"])
    leads = [lead for lead in _leads(pairs) if lead]
    orders: Counter[str] = Counter()
    for runs in _together(models, list(models)) if models else []:
        if found := speeds(runs):
            ranked = sorted(zip(found, [run.model for run in runs], strict=True))
            orders[" < ".join(name for _, name in ranked)] += 1
    seen = ", ".join(f"{order} ({count})" for order, count in orders.most_common())
    notes = [f"orders seen, fewest epochs first: {seen}" if seen else "", _diverged(pairs)]
    return claim(
        "On sinc the order of the nets varies with the seed: deep and shallow",
        "share of seeds in which deep takes fewer epochs (exact binomial; ties left out)",
        VARIES,
        proportion(sum(lead > 0 for lead in leads), len(leads)) if leads else None,
        "",
        note="; ".join(note for note in notes if note),
        unfit=_hardly_trained(pairs),
    )
