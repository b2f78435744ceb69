"""What an activation is for: without one, a net of any depth is a single linear map.

``linear`` is one linear layer, ``identity`` the deep net with nothing between its layers. Both can
be the same functions and no others (see ``measures/linear.py``), so the deep one should end no
better; a non-linearity can be more. What counts is training loss on a function and test accuracy
on images.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dl_experiments.analysis import curves
from dl_experiments.analysis.claims import Claim, Region, claim, in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import interval, is_classification, number, percent
from dl_experiments.analysis.findings import Drawing, Finding, Passing
from dl_experiments.analysis.outcomes import by_seed, estimate, final, geometric, in_percent
from dl_experiments.analysis.outcomes import log10_final as log10
from dl_experiments.analysis.phenomena._basics import unfit
from dl_experiments.analysis.phenomena._basics_activations import (
    COMPARED,
    Nets,
    fits,
    learning,
    ordered,
    outcomes,
)
from dl_experiments.analysis.phenomena._basics_linear import Collapsed, collapsed
from dl_experiments.analysis.statistics import Estimate, difference, mean
from dl_experiments.analysis.swept import arms, confounded

STUDY = "basics_activations"
TITLE = "Activations"
ROUNDING = Region(below=1e-10)  # float64 has 16 digits, and the layers are few
BETTER = Region(above=0.0)
NO_BETTER = {True: Region(below=0.5), False: Region(below=0.05)}  # on images, on a function
UNIT = {True: "percentage points", False: "decades"}
EFFECT = {True: "final test accuracy", False: "log10 of final training loss, sign turned"}


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves, where they end, fitted functions, the collapsed stacks, numbers and claims."""
    drawings, rows, judged = [], [], []
    notes: list[str] = []
    for count, (arm, members) in enumerate(arms(runs, COMPARED).items(), start=1):
        nets = ordered(members)
        ending = f"-{count}" if arm else ""
        figures = {"curves": learning, "where-they-end": outcomes, "fits": fits}
        drawings += [
            Drawing(f"{name}{ending}", *made)
            for name, draw in figures.items()
            if (made := draw(arm, nets))
        ]
        stacks, problems = collapsed([run for found in nets.values() for run in deep(found)])
        rows += _numbers(arm, nets, stacks)
        judged += [in_arm(one, arm) for one in judge(nets, stacks)]
        notes += [Passing(f"Not collapsed: {problem}.") for problem in problems]
        for found in nets.values():
            notes += confounded([run for some in found.values() for run in some])
    notes = list(dict.fromkeys(notes))
    return Finding(STUDY, TITLE, STUDY, runs, drawings, pd.DataFrame(rows), judged, notes)


def deep(nets: dict[str, list[Run]]) -> list[Run]:
    """The runs of one data set that have layers and no activation between them."""
    return [run for name, found in nets.items() if name.startswith("identity") for run in found]


def judge(nets: Nets, stacks: Sequence[Collapsed]) -> list[Claim]:
    """The claims on one arm's runs."""
    judged = [_is_linear(stacks)]
    for data, found in nets.items():
        runs = [run for some in found.values() for run in some]
        images = any(is_classification(run) for run in runs)
        judged.append(
            claim(
                f"Layers without activation are no better than one linear layer on {data}",
                f"{EFFECT[images]}, identity minus linear",
                NO_BETTER[images],
                _lead(found, "identity", images),
                UNIT[images],
                note=_on_the_way(found),
                unfit=unfit(runs),
            )
        )
        judged.append(
            claim(
                f"With ReLU between them they beat one linear layer on {data}",
                f"{EFFECT[images]}, relu minus linear",
                BETTER,
                _lead(found, "relu", images),
                UNIT[images],
                unfit=unfit(runs),
            )
        )
    return judged


def _lead(nets: dict[str, list[Run]], name: str, images: bool) -> Estimate | None:
    """How much better than ``linear`` a net ends; above 0 is better."""
    outcome = in_percent(final("test/accuracy")) if images else log10("train/loss")
    ours, linear = (by_seed(nets.get(side, []), outcome) for side in (name, "linear"))
    if not ours or not linear:
        return None
    return difference(ours, linear) if images else difference(linear, ours)


def _on_the_way(nets: dict[str, list[Run]]) -> str:
    """Both can be the same functions, but they need not be equally far on the way there."""
    deep_, linear = (geometric(nets.get(name, []), "train/loss") for name in ("identity", "linear"))
    if deep_ is None or linear is None:
        return ""
    return (
        f"final training loss {number(deep_.value)}, of one layer {number(linear.value)}: the same "
        "functions, but not the same way there"
    )


def _is_linear(stacks: Sequence[Collapsed]) -> Claim:
    """For each seed the worst of its data sets."""
    worst: dict[int, float] = {}
    for one in stacks:
        worst[one.run.seed] = max(one.relative, worst.get(one.run.seed, 0.0))
    nets = f"{len(stacks)} net{'' if len(stacks) == 1 else 's'}"
    return claim(
        "Layers without activation are one linear map: the collapsed product is the same function",
        "largest difference between stack and product on the test set, in float64, as a share of "
        "the largest output; worst data set of each seed",
        ROUNDING,
        mean(np.array(list(worst.values()))) if worst else None,
        note=f"{nets} collapsed from their final weights" if stacks else "",
    )


def _numbers(arm: str, nets: Nets, stacks: Sequence[Collapsed]) -> list[dict[str, str]]:
    rows = []
    for data, found in nets.items():
        for name, runs in found.items():
            row = {"arm": arm} if arm else {}
            row |= {"data": data, "activation": name, "seeds": curves.members(runs)}
            row["parameters"] = curves.parameters(runs).strip(" ()").removesuffix(" parameters")
            for metric in ("train/loss", "test/loss"):
                row[f"final {metric} (geometric mean)"] = interval(geometric(runs, metric))
            ends = estimate(runs, final("test/accuracy"))
            row["final test/accuracy"] = interval(ends, percent)
            own = [one.difference for one in stacks if one.run in runs]
            row["largest difference to one linear map"] = number(max(own)) if own else "–"
            rows.append(row)
    return rows
