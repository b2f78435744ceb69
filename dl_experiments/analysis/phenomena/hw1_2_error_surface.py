"""The loss around and between the weights of the runs of hw1_2_trajectory.

Expected: on the straight line from initial to final weights the loss falls all the way (Goodfellow,
Vinyals and Saxe 2015, "Qualitatively characterizing neural network optimization problems").
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dl_experiments.analysis import curves
from dl_experiments.analysis.claims import Claim, Region, claim, in_arm
from dl_experiments.analysis.collect import REPORT, Run
from dl_experiments.analysis.describe import interval, number
from dl_experiments.analysis.findings import Drawing, Finding, Passing
from dl_experiments.analysis.kept import keep_only
from dl_experiments.analysis.learned import hardly_trained
from dl_experiments.analysis.phenomena._surface import KIND, Surfaces, surfaces
from dl_experiments.analysis.phenomena._surface_figures import lines, planes
from dl_experiments.analysis.phenomena._trajectory import Arm, in_words, split
from dl_experiments.analysis.statistics import mean

NAME = "hw1_2_error_surface"
STUDY = "hw1_2_trajectory"
TITLE = "Error surface of the trajectory nets"
FALLS = Region(below=1.0)
SAME = 1e-3  # relative; what another processor's rounding cannot make of a loss


def analyse(runs: Sequence[Run], samples: int | None = 1000, points: int = 25) -> Finding:
    """Two planes, the lines of all runs, numbers and the claim, for each config of the study.

    Args:
        runs: Of the study.
        samples: Of the training set, on which losses are evaluated; None: all.
        points: A side of a plane.
    """
    folder = runs[0].path.parents[1] / REPORT / NAME
    drawings: list[Drawing] = []
    rows, judged, used = [], [], []
    arms, notes = split(runs)
    for count, arm in enumerate(arms, start=1):
        ending = f"-{count}" if len(arms) > 1 else ""
        try:
            path, found = surfaces(arm, folder, samples, points)
        except ValueError as error:  # data that is not here, snapshots that do not differ
            notes.append(Passing(in_words(arm.name, str(error))))
            continue
        used.append(path)
        drawings.append(Drawing(f"planes{ending}", *planes(arm, found)))
        drawings.append(Drawing(f"lines{ending}", *lines(arm, found)))
        rows.append(_numbers(arm, found))
        judged.append(in_arm(_falls(arm, found), arm.name))
        notes += _differing(arm, found)
    keep_only(folder, KIND, used)
    return Finding(NAME, TITLE, STUDY, runs, drawings, pd.DataFrame(rows), judged, notes)


def rises(losses: np.ndarray) -> np.ndarray:
    """Largest rise above the running minimum over the whole drop, [runs, points] -> [runs].

    0 for a loss that never rises; a line that does not drop at all has no such number (NaN).
    """
    rise = (losses - np.minimum.accumulate(losses, axis=1)).max(axis=1)
    drop = losses[:, 0] - losses[:, -1]
    return np.divide(rise, drop, out=np.full(len(losses), np.nan), where=drop > 0)


def _falls(arm: Arm, found: Surfaces) -> Claim:
    effects = 100 * rises(found["lines"])
    finite = effects[np.isfinite(effects)]
    flat = len(effects) - len(finite)
    return claim(
        "On the line from initial to final weights the loss falls all the way",
        "largest rise above the running minimum relative to the whole drop, on "
        f"{int(found['samples']):,} training samples at {len(found['alphas'])} points",
        FALLS,
        mean(finite) if len(finite) else None,
        "%",
        note=f"left out, no drop from start to end: {flat}" if flat else "",
        unfit=hardly_trained([walk.run for walk in arm.walks]),
    )


def _numbers(arm: Arm, found: Surfaces) -> dict[str, Any]:
    row = {"arm": arm.name} if arm.name else {}
    row |= {"seeds": curves.members(arm.runs), "samples": f"{int(found['samples']):,}"}
    row["loss at the initial weights"] = interval(mean(found["lines"][:, 0]))
    row["half way"] = interval(mean(found["lines"][:, len(found["alphas"]) // 2]))
    row["at the final weights"] = interval(mean(found["lines"][:, -1]))
    row["final weights, all samples"] = interval(mean(found["again"]))
    row["as recorded in training"] = interval(mean(found["recorded"]))
    row["lowest on the joint plane"] = number(float(np.nanmin(found["joint"])))
    return row


def _differing(arm: Arm, found: Surfaces) -> list[str]:
    """The runs whose recorded loss their final weights do not have."""
    return [
        f"{walk.run.path.name}: its final weights have a training loss of {number(again)}, "
        f"recorded is {number(recorded)}; data or code are not what they were in training."
        for walk, again, recorded in zip(arm.walks, found["again"], found["recorded"], strict=True)
        if not abs(again - recorded) <= SAME * abs(recorded)
    ]
