"""Deep, middle and shallow nets of equal size on functions of one variable.

More layers converge in fewer epochs; the deep net is best on the sign functions; on sinc the order
varies with the seed, which is why there are seeds.

The published setting has a weight decay of 1e-4 in the gradient. RMSProp divides by the gradient's
size, so where torch's initial weights let hardly a gradient through seven layers, the decay alone
decides and the net stays flat: with it nets are compared that have died. It is an arm beside the
main one, which has none.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.depth.groups import (
    LOSS,
    Functions,
    reached_levels,
    target,
)
from dl_experiments.analysis.phenomena.depth.simulate_claims import judge
from dl_experiments.analysis.phenomena.depth.simulate_fits import predictions, stages
from dl_experiments.analysis.phenomena.depth.simulate_losses import losses
from dl_experiments.analysis.phenomena.depth.simulate_times import convergence
from dl_experiments.analysis.runs.censored import reaching, told
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import is_classification, number, parameters, usable
from dl_experiments.analysis.runs.grid import Grid, flat, show
from dl_experiments.analysis.runs.quantities import Quantity, columns, final
from dl_experiments.analysis.runs.scales import OFTEN
from dl_experiments.analysis.runs.statistics import epochs_to_reach
from dl_experiments.analysis.runs.swept import arms, confounded, label
from dl_experiments.analysis.sections import Section, over, put_together

DECAY = "optimizer.weight_decay"
PUBLISHED = (1e-4, "torch.optim.RMSprop")
FLAT = (
    "A weight decay of 1e-4 is the published setting. It stands in the gradient, which RMSProp "
    "divides by its size, and leaves nets flat whose initial weights let hardly another gradient "
    "through: the flat lines among the predictions."
)


def analyse(runs: Sequence[Run]) -> Finding:
    """Four figures, numbers and claims for each arm (optimizer, loss, …) that the study has."""
    fitted, notes = usable(runs, lambda run: not is_classification(run), "on images")
    there = arms(fitted, ["data.name", "model.name"])
    named = {_named(arm, members): members for arm, members in there.items()}
    return put_together(runs, [over(named, _section)], notes)


def _named(arm: str, runs: Grid) -> str:
    """An arm's label, which says of RMSProp's published weight decay that it is that."""
    of = label([DECAY], [show(PUBLISHED[0])])
    return arm.replace(of, f"{of} as published") if _is_published(runs) else arm


def _is_published(runs: Grid) -> bool:
    return {(run.get(DECAY), run.get("optimizer._target_")) for run in runs} == {PUBLISHED}


def _section(arm: str, runs: Grid) -> Section:
    functions = {of: some.along("model.name") for of, some in runs.along("data.name").items()}
    along = confounded(runs, within="data.name")  # no claim compares functions
    drawn, rows, judged = _figures(arm, functions), _numbers(functions), judge(functions)
    about = [FLAT] if _is_published(runs) else []
    return Section(drawn, rows, judged, along=along, about=about)


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

    def there(run: Run) -> float:
        return float(epochs_to_reach(*run.shared(LOSS), goal) is not None)

    quantities = columns(map(final, (LOSS, "test/loss")))
    quantities[f"reached {number(goal)}"] = Quantity("there", there, OFTEN)
    rows = []
    for function, models in functions.items():
        asked = reached_levels(flat(models))
        for model, runs in models.items():
            names = {"function": function, "model": model, "parameters": parameters(runs)}
            times = {level: reaching(runs, LOSS, level) for level in asked}
            words = [f"{number(level)}: {told(of)}" for level, of in times.items() if of]
            more = {"median epochs to a loss of": "; ".join(words) or "–"}
            rows.append(Row(names, runs, quantities, more))
    return rows
