"""The paths of runs through weight space: what the trajectory experiments share."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dl_experiments.analysis import curves
from dl_experiments.analysis.claims import in_arm
from dl_experiments.analysis.collect import AnalysisError, Run
from dl_experiments.analysis.describe import interval, percent
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.phenomena import _trajectory_arms as figures_
from dl_experiments.analysis.phenomena import _trajectory_importance as importance
from dl_experiments.analysis.phenomena._trajectory import Arm, distances_to_centre, in_words, split
from dl_experiments.analysis.phenomena._trajectory_claims import judge
from dl_experiments.analysis.quantities import final
from dl_experiments.analysis.statistics import mean
from dl_experiments.measures.trajectory import JointPCA


def analyse(name: str, title: str, runs: Sequence[Run], layer: str) -> Finding:
    """Four figures, numbers and claims for each config the study has.

    Args:
        name: Of the experiment.
        title: Of the finding.
        runs: Of its study.
        layer: The layer that gets a joint PCA of its own.

    Raises:
        AnalysisError: No model of the study has such a layer.
    """
    drawings: list[Drawing] = []
    rows, judged = [], []
    arms, notes = split(runs)
    _check_layer(name, layer, arms)
    for count, arm in enumerate(arms, start=1):
        ending = f"-{count}" if len(arms) > 1 else ""
        try:
            of_layer = _of_layer(arm, layer)
            figures = _figures(arm, layer, of_layer)
        except ValueError as error:  # snapshots that do not differ
            notes.append(in_words(arm.name, str(error)))
            continue
        if of_layer is None:
            notes.append(in_words(arm.name, f"no layer {layer}."))
        drawings += [Drawing(f"{part}{ending}", *made) for part, made in figures.items()]
        rows.append(_numbers(arm, layer, of_layer))
        judged += [in_arm(claim, arm.name) for claim in judge(arm)]
    return Finding(name, title, runs[0].study, runs, drawings, pd.DataFrame(rows), judged, notes)


def _check_layer(name: str, layer: str, arms: Sequence[Arm]) -> None:
    known = dict.fromkeys(found for arm in arms for found in arm.layout.layers())
    if arms and layer not in known:
        raise AnalysisError(
            f"options.{name}.layer={layer} is unknown; choose one of {', '.join(known)}"
        )


def _of_layer(arm: Arm, layer: str) -> JointPCA | None:
    return arm.pca(arm.layout.only(layer)) if layer in arm.layout.layers() else None


def _figures(arm: Arm, layer: str, of_layer: JointPCA | None) -> dict[str, tuple[str, Figure]]:
    return {
        "paths": figures_.paths(arm, layer, of_layer),
        "loss": figures_.losses(arm),
        "importance": importance.layers(arm),
        "strongest-weights": importance.weights(arm),
    }


def _numbers(arm: Arm, layer: str, of_layer: JointPCA | None) -> dict[str, Any]:
    runs = [walk.run for walk in arm.walks]
    starts, ends = arm.ends
    row = {"arm": arm.name} if arm.name else {}
    row |= {"seeds": curves.members(arm.runs), "parameters": f"{arm.layout.size:,}"}
    for quantity in (final("train/loss"), final("test/accuracy")):
        row[quantity.title] = quantity.words(runs)
    row["distance of starts to their centre"] = interval(mean(distances_to_centre(starts).numpy()))
    row["of ends to theirs"] = interval(mean(distances_to_centre(ends).numpy()))
    row["from start to end"] = interval(mean((ends - starts).norm(dim=1).numpy()))
    row["length of the path"] = interval(mean(arm.lengths.numpy()))
    for what, pca in (("PC1 + PC2", arm.whole), (f"PC1 + PC2 of {layer}", of_layer)):
        row[what] = percent(float(pca.variance_ratio.sum())) if pca else "–"
    return row
