"""Batch size, sensitivity and generalisation, in arms.

Published curves show sensitivity falling with the batch size. Most are an artefact of evaluating it
at that batch size, which is drawn beside as a control.
"""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.batch_sizes.arms import (
    GEOMETRIC,
    Arm,
    Values,
    configs,
    how_long,
    split,
    told_apart,
    told_late,
)
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_claims import judge
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_control import (
    KINDS,
    Artefacts,
    artefact,
    control,
)
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_figures import (
    MEASURES,
    with_performance,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.quantities import METRICS
from dl_experiments.analysis.sections import Section, over, put_together


def analyse(runs: Sequence[Run]) -> Finding:
    """Two figures, numbers and claims for each config that the study has."""
    done = [run for run in runs if run.completed]
    arrays = {run.path: found for run in done if (found := run.measure("sensitivity"))}

    def section(config: str, members: Grid) -> Section:
        every = split(members, lambda run: _values(run, arrays.get(run.path)))
        arms, late = [arm for arm in every if arm.sizes], told_late(every)
        if not arms:
            return Section(notes=late)
        mine = {run.path: arrays[run.path] for run in members if run.path in arrays}
        counts = {len(found["jacobian"]) for found in mine.values()}
        nets = {path: artefact(found) for path, found in mine.items()}
        samples = f"{' or '.join(f'{n:,}' for n in sorted(counts)) or 'no'} test images"
        drawings = {
            "sensitivity": with_performance(config, arms, samples),
            "artefact": control(config, arms, nets),
        }
        notes = [*told_apart(arms), *late, *_notes(arms, nets)]
        return Section(drawings, _numbers(arms), judge(arms, nets), notes, along=[])

    sections = [over(configs(runs), section)]
    return put_together(runs, sections, about=f"{Finding.about} {GEOMETRIC}")


def _values(run: Run, arrays: dict[str, np.ndarray] | None) -> Values:
    """Means over the probe, and the control at the run's own batch size."""
    if arrays is None:
        return {}
    values = {n: float(arrays[n].mean(dtype=float)) for n in MEASURES if n in arrays}
    one = artefact(arrays)
    own = {f"own_{kind}": one.at(run.batch_size, kind) for kind in KINDS}
    return values | {name: value for name, value in own.items() if value is not None}


def _numbers(arms: Sequence[Arm]) -> list[Row]:
    titles = {name: name for name in METRICS} | {n: of[0] for n, of in MEASURES.items()}
    rows = []
    for arm in arms:
        quantities = {title: arm.quantity(name) for name, title in titles.items()}
        for size, runs in arm.sizes.items():
            names = {
                "given": arm.name,
                "batch size": f"{size:,}",
                "epochs": how_long(runs, "epoch"),
                "updates": how_long(runs, "step"),
            }
            rows.append(Row(names, runs, quantities))
    return rows


def _notes(arms: Sequence[Arm], found: Artefacts) -> list[str]:
    runs = [run for arm in arms for run in arm.runs]
    lacking = [run.path.name for run in runs if run.completed and run.path not in found]
    notes = [f"Without sensitivity: {', '.join(lacking)}."] if lacking else []
    if any(arm.name == "None" for arm in arms):
        notes.append("Runs without an arm are drawn by themselves, as None.")
    return notes
