"""How sharp the loss is around the nets of hw1_3_sensitivity, against batch size and test accuracy.

Published (Keskar et al. 2017, "On large-batch training for deep learning"): large batches end in
sharp minima, and sharp minima generalise worse.
"""

from collections.abc import Sequence

from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.batch_sizes.arms import (
    GEOMETRIC,
    Arm,
    configs,
    split,
    told_apart,
    told_late,
)
from dl_experiments.analysis.phenomena.batch_sizes.sharpness_claims import judge
from dl_experiments.analysis.phenomena.batch_sizes.sharpness_figures import (
    against_generalisation,
    against_sizes,
)
from dl_experiments.analysis.phenomena.batch_sizes.sharpness_values import (
    CURVATURE,
    EIGENVALUE,
    WAYS,
    measured,
    name,
    radii,
    values,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.sections import Made, Section, over, put_together

NAME = "hw1_3_sharpness"


def analyse(runs: Sequence[Run]) -> Finding:
    """Two figures, numbers and claims for each config that the study has."""
    sections = [over(configs(runs), _section)]
    return put_together(runs, sections, about=f"{Finding.about} {GEOMETRIC}")


def _section(config: str, runs: Grid) -> Section:
    every = split(runs, values)
    arms, late = [arm for arm in every if arm.sizes], told_late(every)
    if not radii(arms):
        what = " of what is compared" * bool(late) + (f": {config}" if config else "")
        return Section(notes=[f"Sharpness has not been measured{what}.", *late])
    drawings: dict[str, Made | None] = {
        "sharpness": against_sizes(config, arms),
        "generalisation": against_generalisation(config, arms),
    }
    notes, words = [*told_apart(arms), *late, *_notes(arms)], _certainty(arms)
    return Section(drawings, _numbers(arms), judge(arms), notes, along=[], about=words)


def _numbers(arms: Sequence[Arm]) -> list[Row]:
    titles = {"test/accuracy": "test/accuracy", "train/loss": "train/loss"}
    titles |= {
        name(way, radius): f"ε = {radius:g}, {text}"
        for way, text in WAYS.items()
        for radius in radii(arms)
    }
    titles |= dict([CURVATURE])
    return [
        Row(
            {"given": arm.name, "batch size": f"{size:,}"},
            runs,
            {title: arm.quantity(key) for key, title in titles.items()},
        )
        for arm in arms
        for size, runs in arm.sizes.items()
    ]


def _notes(arms: Sequence[Arm]) -> list[str]:
    """Which runs lack it."""
    runs = [run for arm in arms for run in arm.runs]
    lacking = [run.path.name for run in runs if run.completed and measured(run) is None]
    return [f"Without sharpness: {', '.join(lacking)}."] if lacking else []


def _certainty(arms: Sequence[Arm]) -> list[str]:
    """How sure the eigenvalues are."""
    errors = [
        found["eigenvalue_error"] / found[EIGENVALUE]
        for arm in arms
        for found in arm.numbers.values()
        if found.get(EIGENVALUE, 0) > 0
    ]
    if not errors:
        return []
    worst = number(100 * max(errors))
    return [f"The error bound of a largest eigenvalue is at most {worst} % of it."]
