"""The gradient norm does not go to zero as the loss flattens; it spikes and oscillates.

hw1_2_gradient_norm (functions) and hw1_2_gradient_norm_mnist share a study and this analysis.
"""

from collections.abc import Callable, Sequence
from functools import partial

from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.gradient_norm.claims import (
    KINDS,
    LARGEST,
    judge,
    oscillation,
)
from dl_experiments.analysis.phenomena.gradient_norm.curves import norm_by_layer, norm_under_loss
from dl_experiments.analysis.phenomena.gradient_norm.plane import norm_against_loss
from dl_experiments.analysis.phenomena.gradient_norm.series import (
    LOSS,
    SPIKE,
    Columns,
    Series,
    minibatch,
    shared,
    short_name,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import is_classification, number
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.quantities import Outcome, Quantity
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.swept import arms, confounded
from dl_experiments.analysis.sections import Section, over, put_together


def analyse(runs: Sequence[Run]) -> Finding:
    """Three figures for each kind of data and arm that the study has, numbers and claims."""
    kinds = Grid(runs).along(lambda run: "images" if is_classification(run) else "functions")
    bare = [run.path.name for run in runs if run.completed and not len(minibatch(run).steps)]
    notes = [f"Without mini-batch norms: {', '.join(bare)}."] if bare else []
    sections = [
        over(arms(some, ["data.name"]), partial(_section, kind)) for kind, some in kinds.items()
    ]
    return put_together(runs, sections, notes)


def _section(kind: str, arm: str, runs: Grid) -> Section:
    columns = runs.along("data.name")
    drawings = {
        f"norm-under-loss-{kind}": norm_under_loss(arm, columns),
        f"norm-against-loss-{kind}": norm_against_loss(arm, columns),
        f"norm-by-layer-{kind}": norm_by_layer(arm, columns),
    }
    along = confounded(runs, within="data.name")  # but for the claims that compare data sets
    return Section(drawings, _numbers(columns), judge(columns), confounded(runs), along)


def _numbers(by_data: Columns) -> list[Row]:
    quantities = {f"oscillation, {kind} (decades)": oscillation(kind) for kind in KINDS}
    quantities["largest over running median"] = LARGEST
    series = {"train/loss": _loss, **{f"{kind} norm": read for kind, read in KINDS.items()}}
    rows = []
    for name, runs in by_data.items():
        over = [minibatch(run).over_running_median() for run in runs if run.completed]
        spiked, updates = sum(int((o > SPIKE).sum()) for o in over), sum(map(len, over))
        more = {f"{title}, early → end": _ends(runs, read) for title, read in series.items()}
        more["updates that spike"] = f"{spiked:,} of {updates:,}" if updates else "–"
        rows.append(Row({"data": short_name(name)}, runs, quantities, more))
    return rows


def _loss(run: Run) -> Series:
    return shared(run, LOSS)


def _ends(runs: Sequence[Run], read: Callable[[Run], Series]) -> str:
    """As in "0.9 → 0.2": medians of the second and the last tenth, geometric means over seeds."""
    outcomes: tuple[Outcome, ...] = (lambda run: read(run).early, lambda run: read(run).end)
    found = [Quantity("", outcome, LOG).level(runs) for outcome in outcomes]
    early, end = (number(level.value if level else None) for level in found)
    return f"{early} → {end}"
