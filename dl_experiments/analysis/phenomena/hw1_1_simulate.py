"""Deep, middle and shallow nets of equal size on functions of one variable.

More layers converge in fewer epochs; the deep net is best on the sign functions; on sinc the order
varies with the seed, which is why there are seeds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dl_experiments.analysis import curves
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import is_classification, number, states
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena._simulate import LOSS, Functions, flat, target
from dl_experiments.analysis.phenomena._simulate_claims import judge
from dl_experiments.analysis.phenomena._simulate_fits import predictions, stages
from dl_experiments.analysis.phenomena._simulate_losses import convergence, losses
from dl_experiments.analysis.quantities import final
from dl_experiments.analysis.sections import Section, put_together
from dl_experiments.analysis.statistics import epochs_to_reach
from dl_experiments.analysis.swept import arms, group

STUDY = "hw1_1_simulate"
TITLE = "Deep against shallow on functions"


def analyse(runs: Sequence[Run]) -> Finding:
    """Four figures, numbers and claims for each arm (optimizer, loss, …) that the study has."""
    fitted = [run for run in runs if not is_classification(run)]
    fitted = [run for run in runs if not is_classification(run)]
    lost = [run for run in runs if run not in fitted]
    notes = [f"Left out: {states(lost)}, on images."] if lost else []
    there = arms(fitted, ["data.name", "model.name"])
    return put_together(STUDY, TITLE, runs, there, _section, notes)


def _section(arm: str, runs: list[Run]) -> Section:
    functions = {
        key[0]: {name[0]: found for name, found in group(some, ["model.name"]).items()}
        for key, some in group(runs, ["data.name"]).items()
    }
    return Section(_figures(arm, functions), _numbers(functions), judge(functions))


def _figures(arm: str, functions: Functions) -> dict[str, tuple[str, Figure] | None]:
    """In the order of the report; None: nothing to draw."""
    return {
        "loss": losses(arm, functions),
        "predictions": predictions(arm, functions),
        "convergence": convergence(arm, functions),
        "what-epochs-buy": stages(arm, functions),
    }


def _numbers(functions: Functions) -> list[dict[str, Any]]:
    goal = target(flat(functions))
    rows = []
    for function, models in functions.items():
        for model, runs in models.items():
            reached = [epochs_to_reach(*r.curve(LOSS), goal) for r in runs if r.completed]
            got = [epochs for epochs in reached if epochs is not None]
            row = {"function": function, "model": model, "seeds": curves.members(runs)}
            row["parameters"] = curves.parameters(runs).strip(" ()").removesuffix(" parameters")
            for metric in (LOSS, "test/loss"):
                row[final(metric).title] = final(metric).words(runs)
            row[f"reached {number(goal)}"] = f"{len(got)} of {len(reached)}"
            row["median epochs of those"] = number(float(np.median(got))) if got else "–"
            rows.append(row)
    return rows
