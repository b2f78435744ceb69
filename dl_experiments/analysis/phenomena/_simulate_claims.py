"""What hw1_1_simulate claims about nets of equal size fitting functions, and how it is tested.

One loss level would decide too much: at a high one a net that sits on a plateau for good can look
fast, at a low one most nets never arrive. So speed is the mean of log10 epochs over *many* levels,
evenly spaced in the logarithm of the loss, from the lowest first loss of the nets compared down to
the lowest loss any of them reached (not below the experiment's target). A net that never got to a
level counts with its last epoch there, which makes its disadvantage a lower bound. So no seed drops
out: one whose deep net died is as much a result as one where it flew.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.claims import Claim, Region, claim
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.outcomes import log10_final
from dl_experiments.analysis.phenomena._simulate import LOSS, Functions, target
from dl_experiments.analysis.statistics import Estimate, bootstrap, epochs_to_reach, proportion

Models = dict[str, list[Run]]
LEVELS = 33
VARIES = Region(above=0.05)


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
                _over_seeds([speed[1] - speed[0] for runs in pairs if (speed := speeds(runs))]),
                "decades",
                unfit=_unfit(pairs),
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
    curves = [run.curve(LOSS) for run in runs]
    if not all(len(values) for _, values in curves):
        return None
    top = min(values[0] for _, values in curves)
    bottom = min(top, max(target(runs), min(np.nanmin(values) for _, values in curves)))
    found = []
    for epochs, values in curves:
        reached = [epochs_to_reach(epochs, values, at) for at in np.geomspace(top, bottom, LEVELS)]
        at_level = [epochs[-1] if epoch is None else epoch for epoch in reached]
        found.append(float(np.log10(np.maximum(at_level, 1)).mean()))
    return found


def _together(models: Models, names: Sequence[str]) -> list[list[Run]]:
    """For each seed that completed under all the names, its runs in their order."""
    by_name = [{run.seed: run for run in models.get(name, []) if run.completed} for name in names]
    seeds = sorted(set.intersection(*(set(runs) for runs in by_name)))
    return [[runs[seed] for runs in by_name] for seed in seeds]


def _unfit(together: Sequence[list[Run]]) -> str:
    """Why runs cannot show who is faster or better: nothing was learned yet."""
    curves = [run.curve(LOSS)[1] for runs in together for run in runs]
    if not curves or any(len(v) and np.nanmin(v) < v[0] / 2 for v in curves):
        return ""
    return "no net got below half its first loss: too few epochs to tell"


def _over_seeds(values: Sequence[float]) -> Estimate | None:
    return bootstrap(np.array(values)) if values else None


def _deep_is_best(name: str, models: Models) -> Claim:
    others = [model for model in models if model != "deep"]
    together = _together(models, ["deep", *others]) if others else []
    leads = []
    for runs in together:
        deep, *rest = (log10_final(LOSS)(run) for run in runs)
        known = [loss for loss in rest if loss is not None]
        if deep is not None and known:
            leads.append(deep - min(known))
    return claim(
        f"Deep is best on {name}",
        "log10 of final training loss, deep minus the better of the others, paired by seed",
        Region(below=0.0),
        _over_seeds(leads),
        "decades",
        unfit=_unfit(together),
    )


def _order_varies(models: Models) -> Claim:
    orders: Counter[str] = Counter()
    together = _together(models, list(models)) if len(models) > 1 else []
    for runs in together:
        if found := speeds(runs):
            ranked = sorted(zip(found, [run.model for run in runs], strict=True))
            orders[" < ".join(name for _, name in ranked)] += 1
    n = orders.total()
    estimate = proportion(n - orders.most_common(1)[0][1], n) if n else None
    seen = ", ".join(f"{order} ({count})" for order, count in orders.most_common())
    return claim(
        "On sinc the order of the nets varies with the seed",
        "share of seeds whose order of speed is not the most frequent one (exact binomial)",
        VARIES,
        estimate,
        "share",
        note=f"orders seen, fewest epochs first: {seen}" if seen else "",
        unfit=_unfit(together),
    )
