"""Deep, middle and shallow nets of equal size on functions of one variable.

More layers converge in fewer epochs; the deep net is best on the sign functions; on sinc the order
varies with the seed, which is why there are seeds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dl_experiments.analysis import curves
from dl_experiments.analysis.claims import in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import interval, is_classification, number, states
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.outcomes import geometric
from dl_experiments.analysis.phenomena._simulate import LOSS, Functions, flat, target
from dl_experiments.analysis.phenomena._simulate_claims import judge
from dl_experiments.analysis.phenomena._simulate_fits import predictions, stages
from dl_experiments.analysis.phenomena._simulate_losses import convergence, losses
from dl_experiments.analysis.statistics import epochs_to_reach
from dl_experiments.analysis.swept import arms, confounded, group

STUDY = "hw1_1_simulate"
TITLE = "Deep against shallow on functions"


def analyse(runs: Sequence[Run]) -> Finding:
    """Four figures, numbers and claims for each arm (optimizer, loss, …) that the study has."""
    fitted = [run for run in runs if not is_classification(run)]
    drawings, rows, judged, notes = [], [], [], []
    for count, (arm, members) in enumerate(arms(fitted, ["data.name", "model.name"]).items(), 1):
        functions = {
            key[0]: {name[0]: found for name, found in group(some, ["model.name"]).items()}
            for key, some in group(members, ["data.name"]).items()
        }
        ending = f"-{count}" if arm else ""
        figures = _figures(arm, functions)
        drawings += [Drawing(f"{name}{ending}", *made) for name, made in figures.items() if made]
        rows += _numbers(arm, functions)
        notes += confounded(members)
        judged += [in_arm(claim, arm) for claim in judge(functions)]
    notes = list(dict.fromkeys(notes))
    if len(fitted) < len(runs):
        notes.append(f"Left out: {states([r for r in runs if r not in fitted])}, on images.")
    return Finding(STUDY, TITLE, STUDY, runs, drawings, pd.DataFrame(rows), judged, notes)


def _figures(arm: str, functions: Functions) -> dict[str, tuple[str, Figure] | None]:
    """In the order of the report; None: nothing to draw."""
    return {
        "loss": losses(arm, functions),
        "predictions": predictions(arm, functions),
        "convergence": convergence(arm, functions),
        "what-epochs-buy": stages(arm, functions),
    }


def _numbers(arm: str, functions: Functions) -> list[dict[str, Any]]:
    goal = target(flat(functions))
    rows = []
    for function, models in functions.items():
        for model, runs in models.items():
            reached = [epochs_to_reach(*r.curve(LOSS), goal) for r in runs if r.completed]
            got = [epochs for epochs in reached if epochs is not None]
            row = {"arm": arm} if arm else {}
            row |= {"function": function, "model": model, "seeds": curves.members(runs)}
            row["parameters"] = curves.parameters(runs).strip(" ()").removesuffix(" parameters")
            row["final train/loss (geometric mean)"] = interval(geometric(runs, LOSS))
            row["final test/loss (geometric mean)"] = interval(geometric(runs, "test/loss"))
            row[f"reached {number(goal)}"] = f"{len(got)} of {len(reached)}"
            row["median epochs of those"] = number(float(np.median(got))) if got else "–"
            rows.append(row)
    return rows
