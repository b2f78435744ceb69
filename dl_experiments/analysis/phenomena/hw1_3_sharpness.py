"""How sharp the loss is around the nets of hw1_3_sensitivity, against batch size and test accuracy.

Published (Keskar et al. 2017, "On large-batch training for deep learning"): large batches end in
sharp minima, and sharp minima generalise worse.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dl_experiments.analysis import curves
from dl_experiments.analysis.claims import in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import number
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.phenomena._sensitivity import GEOMETRIC, Arm, split
from dl_experiments.analysis.phenomena._sharpness import (
    CURVATURE,
    WAYS,
    measured,
    name,
    radii,
    values,
)
from dl_experiments.analysis.phenomena._sharpness_claims import judge
from dl_experiments.analysis.phenomena._sharpness_figures import (
    against_generalisation,
    against_sizes,
)

NAME = "hw1_3_sharpness"
STUDY = "hw1_3_sensitivity"
TITLE = "Sharpness, batch size and generalisation"


def analyse(runs: Sequence[Run]) -> Finding:
    """Two figures, numbers and claims for each config that the study has."""
    configs: dict[str, list[Arm]] = {}
    for arm in split(runs, values):
        configs.setdefault(arm.config, []).append(arm)
    drawings, rows, judged, notes, words = [], [], [], [], [Finding.about, GEOMETRIC]
    for count, (config, arms) in enumerate(configs.items(), start=1):
        if not radii(arms):
            notes.append(f"Sharpness has not been measured{f': {config}' if config else ''}.")
            continue
        ending = f"-{count}" if config else ""
        drawings.append(Drawing(f"sharpness{ending}", *against_sizes(config, arms)))
        made = against_generalisation(config, arms)
        drawings.append(Drawing(f"generalisation{ending}", *made))
        rows += [({"config": config} if config else {}) | row for row in _numbers(arms)]
        judged += [in_arm(one, config) for one in judge(arms)]
        notes += _notes(arms)
        words += _certainty(arms)
    return Finding(
        NAME, TITLE, STUDY, runs, drawings, pd.DataFrame(rows), judged,
        list(dict.fromkeys(notes)), " ".join(words),
    )  # fmt: skip


def _numbers(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    columns = {
        f"ε = {radius:g}, {text}": name(way, radius)
        for way, text in WAYS.items()
        for radius in radii(arms)
    }
    columns["largest eigenvalue"] = CURVATURE
    rows = []
    for arm in arms:
        for size, runs in arm.sizes.items():
            row: dict[str, Any] = {"arm": arm.name, "batch size": f"{size:,}"}
            row |= {"seeds": curves.members(runs)}
            recorded = ("test/accuracy", "train/loss")
            for title, key in {**dict(zip(recorded, recorded, strict=True)), **columns}.items():
                row[title] = arm.words(size, key)
            rows.append(row)
    return rows


def _notes(arms: Sequence[Arm]) -> list[str]:
    """Which runs lack it."""
    runs = [run for arm in arms for run in arm.runs]
    lacking = [run.path.name for run in runs if run.completed and measured(run) is None]
    return [f"Without sharpness: {', '.join(lacking)}."] if lacking else []


def _certainty(arms: Sequence[Arm]) -> list[str]:
    """How sure the eigenvalues are."""
    errors = [
        found["eigenvalue_error"] / found[CURVATURE]
        for arm in arms
        for found in arm.numbers.values()
        if found.get(CURVATURE, 0) > 0
    ]
    if not errors:
        return []
    worst = number(100 * max(errors))
    return [f"The error bound of a largest eigenvalue is at most {worst} % of it."]
