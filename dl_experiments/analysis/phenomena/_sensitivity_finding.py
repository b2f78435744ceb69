"""Runs of several batch sizes -> figures, numbers and claims on sensitivity, for any data set."""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis import swept
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import number
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.grid import Grid
from dl_experiments.analysis.phenomena._sensitivity import (
    COMPARED,
    GEOMETRIC,
    Arm,
    Values,
    split,
    told_apart,
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
from dl_experiments.analysis.sections import Row, Section, over, put_together


def analyse(name: str, title: str, runs: Sequence[Run]) -> Finding:
    """Two figures, numbers and claims for each config that the study has.

    Args:
        name: Of the experiment.
        title: Of the finding.
        runs: Of its study.
    """
    arrays = {run.path: found for run in runs if (found := _measured(run))}

    def section(config: str, members: Grid) -> Section:
        arms = split(members, lambda run: _values(run, arrays.get(run.path)))
        mine = {run.path: arrays[run.path] for run in members if run.path in arrays}
        counts = {len(found["jacobian"]) for found in mine.values()}
        nets = {path: artefact(found) for path, found in mine.items()}
        samples = f"{' or '.join(f'{n:,}' for n in sorted(counts)) or 'no'} test images"
        drawings = {
            "sensitivity": with_performance(config, arms, samples),
            "artefact": control(config, arms, nets),
        }
        notes = _notes(arms, nets)
        return Section(drawings, _numbers(arms), judge(arms, nets), notes, told_apart(arms))

    sections = [over(swept.arms(runs, COMPARED), section)]
    return put_together(name, title, runs, sections, about=f"{Finding.about} {GEOMETRIC}")


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


def _numbers(arms: Sequence[Arm]) -> list[Row]:
    titles = {name: name for name in METRICS} | {n: of[0] for n, of in MEASURES.items()}
    rows = []
    for arm in arms:
        quantities = {title: arm.quantity(name) for name, title in titles.items()}
        for size, runs in arm.sizes.items():
            last = [run.rows[-1] for run in runs if run.completed]
            names = {
                "given": arm.name,
                "batch size": f"{size:,}",
                "epochs": number(last[0]["epoch"]) if last else "–",
                "updates": number(last[0]["step"]) if last else "–",
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
