"""Deep, middle and shallow nets of equal size on functions of one variable.

More layers converge in fewer epochs; the deep net is best on the sign functions; on sinc the order
varies with the seed, which is why there are seeds.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.depth.groups import LOSS, Functions, target
from dl_experiments.analysis.phenomena.depth.simulate_claims import judge
from dl_experiments.analysis.phenomena.depth.simulate_fits import predictions, stages
from dl_experiments.analysis.phenomena.depth.simulate_losses import convergence, losses
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import is_classification, number, parameters, usable
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import Quantity, by_seed, columns, final
from dl_experiments.analysis.runs.scales import OFTEN
from dl_experiments.analysis.runs.statistics import epochs_to_reach
from dl_experiments.analysis.runs.swept import arms, confounded
from dl_experiments.analysis.sections import Section, over, put_together


def analyse(runs: Sequence[Run]) -> Finding:
    """Four figures, numbers and claims for each arm (optimizer, loss, …) that the study has."""
    fitted, notes = usable(runs, lambda run: not is_classification(run), "on images")
    there = arms(fitted, ["data.name", "model.name"])
    return put_together(runs, [over(there, _section)], notes)


def _section(arm: str, runs: Grid) -> Section:
    functions = {of: some.along("model.name") for of, some in runs.along("data.name").items()}
    along = confounded(runs, within="data.name")  # no claim compares functions
    return Section(_figures(arm, functions), _numbers(functions), judge(functions), along=along)


def _figures(arm: str, functions: Functions) -> dict[str, tuple[str, Figure] | None]:
    """In the order of the report; None: nothing to draw."""
    return {
        "loss": losses(arm, functions),
        "predictions": predictions(arm, functions),
        "convergence": convergence(arm, functions),
        "what-epochs-buy": stages(arm, functions),
    }


def _numbers(functions: Functions) -> list[Row]:
    goal = target(flat(functions))

    def epochs(run: Run) -> float | None:
        return epochs_to_reach(*run.shared(LOSS), goal)

    quantities = columns(map(final, (LOSS, "test/loss")))
    there = Quantity("there", lambda run: float(epochs(run) is not None), OFTEN)
    quantities[f"reached {number(goal)}"] = there
    rows = []
    for function, models in functions.items():
        for model, runs in models.items():
            got = list(by_seed(runs, epochs).values())
            names = {"function": function, "model": model, "parameters": parameters(runs)}
            middle = {"median epochs of those": number(float(np.median(got))) if got else "–"}
            rows.append(Row(names, runs, quantities, middle))
    return rows
