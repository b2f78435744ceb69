"""The gradient norm does not go to zero as the loss flattens; it spikes and oscillates.

hw1_2_gradient_norm (functions) and hw1_2_gradient_norm_mnist share a study and this analysis.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dl_experiments.analysis import curves
from dl_experiments.analysis.claims import in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import is_classification, number
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.phenomena._gradient_norm import (
    LOSS,
    SPIKE,
    Columns,
    Series,
    minibatch,
    recorded,
    short_name,
)
from dl_experiments.analysis.phenomena._gradient_norm_claims import (
    KINDS,
    judge,
    largest_spike,
    oscillation,
)
from dl_experiments.analysis.phenomena._gradient_norm_curves import (
    Made,
    norm_by_layer,
    norm_under_loss,
)
from dl_experiments.analysis.phenomena._gradient_norm_plane import norm_against_loss
from dl_experiments.analysis.quantities import Outcome, by_seed
from dl_experiments.analysis.swept import arms, confounded, group

STUDY = "hw1_2_gradient_norm"
TITLE = "The gradient norm as the loss flattens"


def analyse(runs: Sequence[Run]) -> Finding:
    """Three figures for each kind of data and arm that the study has, numbers and claims."""
    drawings, rows, judged, notes = [], [], [], []
    for kind, images in (("functions", False), ("images", True)):
        some = [run for run in runs if is_classification(run) == images]
        for count, (arm, members) in enumerate(arms(some, ["data.name"]).items(), start=1):
            columns = {key[0]: found for key, found in group(members, ["data.name"]).items()}
            ending = f"{kind}-{count}" if arm else kind
            figures = _figures(arm, columns)
            drawings += [Drawing(f"{n}-{ending}", *made) for n, made in figures.items() if made]
            rows += _numbers(arm, columns)
            notes += confounded(members)
            judged += [in_arm(claim, arm) for claim in judge(columns)]
    bare = [run.path.name for run in runs if run.completed and not len(minibatch(run).steps)]
    if bare:
        notes.append(f"Without mini-batch norms: {', '.join(bare)}.")
    notes = list(dict.fromkeys(notes))
    return Finding(STUDY, TITLE, STUDY, runs, drawings, pd.DataFrame(rows), judged, notes)


def _figures(arm: str, columns: Columns) -> dict[str, Made | None]:
    """In the order of the report; None: nothing to draw."""
    return {
        "norm-under-loss": norm_under_loss(arm, columns),
        "norm-against-loss": norm_against_loss(arm, columns),
        "norm-by-layer": norm_by_layer(arm, columns),
    }


def _numbers(arm: str, columns: Columns) -> list[dict[str, Any]]:
    rows = []
    for name, runs in columns.items():
        row = {"arm": arm} if arm else {}
        row |= {"data": short_name(name), "seeds": curves.members(runs)}
        for title, read in (("train/loss", _loss), *((f"{k} norm", r) for k, r in KINDS.items())):
            row[f"{title}, early → end"] = _ends(runs, read)
        for kind in KINDS:
            row[f"oscillation, {kind} (decades)"] = oscillation(kind).words(runs)
        over = [minibatch(run).over_running_median() for run in runs if run.completed]
        spiked, updates = sum(int((o > SPIKE).sum()) for o in over), sum(map(len, over))
        row["updates that spike"] = f"{spiked:,} of {updates:,}" if updates else "–"
        largest = by_seed(runs, largest_spike)
        row["largest over running median"] = number(max(largest.values(), default=None), 2)
        rows.append(row)
    return rows


def _loss(run: Run) -> Series:
    return recorded(run, LOSS)


def _ends(runs: list[Run], read: Callable[[Run], Series]) -> str:
    """As in "0.9 → 0.2": medians of the second and the last tenth, geometric means over seeds."""
    outcomes: tuple[Outcome, ...] = (lambda run: read(run).early, lambda run: read(run).end)
    found = [list(by_seed(runs, outcome).values()) for outcome in outcomes]
    early, end = (number(float(np.exp(np.log(v).mean()))) if v else "–" for v in found)
    return f"{early} → {end}"
