"""Runs of several batch sizes -> figures, numbers and claims on sensitivity, for any data set."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dl_experiments.analysis import curves
from dl_experiments.analysis.claims import in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import number
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.phenomena._sensitivity import (
    GEOMETRIC,
    Arm,
    Values,
    split,
)
from dl_experiments.analysis.phenomena._sensitivity_claims import judge
from dl_experiments.analysis.phenomena._sensitivity_control import (
    KINDS,
    Artefacts,
    artefact,
    control,
)
from dl_experiments.analysis.phenomena._sensitivity_figures import MEASURES, with_performance
from dl_experiments.analysis.quantities import METRICS
from dl_experiments.analysis.swept import confounded


def analyse(name: str, title: str, runs: Sequence[Run]) -> Finding:
    """Two figures, numbers and claims for each config that the study has.

    Args:
        name: Of the experiment.
        title: Of the finding.
        runs: Of its study.
    """
    arrays = {run.path: found for run in runs if (found := _measured(run))}
    configs: dict[str, list[Arm]] = {}
    for arm in split(runs, lambda run: _values(run, arrays.get(run.path))):
        configs.setdefault(arm.config, []).append(arm)
    drawings, rows, judged, notes = [], [], [], []
    for count, (config, arms) in enumerate(configs.items(), start=1):
        ending = f"-{count}" if config else ""
        paths = [run.path for arm in arms for run in arm.runs]
        counts = {len(arrays[path]["jacobian"]) for path in paths if path in arrays}
        nets = {path: artefact(arrays[path]) for path in paths if path in arrays}
        samples = f"{' or '.join(f'{n:,}' for n in sorted(counts)) or 'no'} test images"
        drawings.append(Drawing(f"sensitivity{ending}", *with_performance(config, arms, samples)))
        if made := control(config, arms, nets):
            drawings.append(Drawing(f"artefact{ending}", *made))
        rows += [({"config": config} if config else {}) | row for row in _numbers(arms)]
        judged += [in_arm(one, config) for one in judge(arms, nets)]
        notes += _notes(arms, nets)
    return Finding(
        name, title, runs[0].study, runs, drawings, pd.DataFrame(rows), judged,
        list(dict.fromkeys(notes)), f"{Finding.about} {GEOMETRIC}",
    )  # fmt: skip


def _measured(run: Run) -> dict[str, np.ndarray] | None:
    try:
        return run.measure("sensitivity") if run.completed else None
    except ValueError:  # the collection names it
        return None


def _values(run: Run, arrays: dict[str, np.ndarray] | None) -> Values:
    """Means over the probe, and the control at the run's own batch size."""
    if arrays is None:
        return {}
    values = {n: float(arrays[n].mean(dtype=float)) for n in MEASURES if n in arrays}
    one = artefact(arrays)
    own = {f"own_{kind}": one.at(run.batch_size, kind) for kind in KINDS}
    return values | {name: value for name, value in own.items() if value is not None}


def _numbers(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    rows = []
    for arm in arms:
        for size, runs in arm.sizes.items():
            row: dict[str, Any] = {"arm": arm.name, "batch size": f"{size:,}"}
            row["seeds"] = curves.members(runs)
            last = [run.rows[-1] for run in runs if run.completed]
            row["epochs"] = number(last[0]["epoch"]) if last else "–"
            row["updates"] = number(last[0]["step"]) if last else "–"
            for name in (*METRICS, *MEASURES):
                row[MEASURES[name][0] if name in MEASURES else name] = arm.words(size, name)
            rows.append(row)
    return rows


def _notes(arms: Sequence[Arm], found: Artefacts) -> list[str]:
    runs = [run for arm in arms for run in arm.runs]
    lacking = [run.path.name for run in runs if run.completed and run.path not in found]
    notes = [f"Without sensitivity: {', '.join(lacking)}."] if lacking else []
    if any(arm.name == "None" for arm in arms):
        notes.append("Runs without an arm are drawn by themselves, as None.")
    return notes + (confounded(runs) if len({run.get("arm") for run in runs}) == 1 else [])
