"""The loss around and between the weights of the runs of hw1_2_trajectory.

Expected: on the straight line from initial to final weights the loss falls all the way (Goodfellow,
Vinyals and Saxe 2015, "Qualitatively characterizing neural network optimization problems").
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import level
from dl_experiments.analysis.findings import Finding, Passing, Row
from dl_experiments.analysis.phenomena.trajectory.arm import Walks, in_words, walked
from dl_experiments.analysis.phenomena.trajectory.surface_figures import lines, planes
from dl_experiments.analysis.phenomena.trajectory.surface_losses import KIND, Surfaces, surfaces
from dl_experiments.analysis.runs.collect import REPORT, Run
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.kept import keep_only
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.analysis.sections import Made, Section, over, put_together

NAME = "hw1_2_error_surface"
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
    used: list[Path] = []
    apart = arms(runs, [])
    there, notes = walked(apart)

    def section(name: str, _: Grid) -> Section:
        if name not in there:
            return Section()
        arm = there[name]
        try:
            path, found = surfaces(arm, folder, samples, points)
        except ValueError as error:  # data that is not here, snapshots that do not differ
            return Section(notes=[Passing(in_words(name, str(error)))])
        used.append(path)
        drawings: dict[str, Made | None] = {
            "planes": planes(arm, found),
            "lines": lines(arm, found),
        }
        return Section(
            drawings, [_numbers(arm, found)], [_falls(arm, found)], _differing(arm, found)
        )

    sections = [over(apart, section)]
    keep_only(folder, KIND, used)
    return put_together(runs, sections, notes)


def rises(losses: np.ndarray) -> np.ndarray:
    """Largest rise above the running minimum over the whole drop, [runs, points] -> [runs].

    0 for a loss that never rises; a line that does not drop at all has no such number (NaN).
    """
    rise = (losses - np.minimum.accumulate(losses, axis=1)).max(axis=1)
    drop = losses[:, 0] - losses[:, -1]
    return np.divide(rise, drop, out=np.full(len(losses), np.nan), where=drop > 0)


def _falls(arm: Walks, found: Surfaces) -> Claim:
    effects = 100 * rises(found["lines"])
    return level(
        "On the line from initial to final weights the loss falls all the way",
        arm.quantity("largest rise", effects.tolist(), unit="%"),
        FALLS,
        arm.runs,
        effect="largest rise above the running minimum relative to the whole drop, on "
        f"{int(found['samples']):,} training samples at {len(found['alphas'])} points",
        note=f"no drop from start to end: {flat}" if (flat := np.isnan(effects).sum()) else "",
    )


def _numbers(arm: Walks, found: Surfaces) -> Row:
    values = {
        "loss at the initial weights": found["lines"][:, 0],
        "half way": found["lines"][:, len(found["alphas"]) // 2],
        "at the final weights": found["lines"][:, -1],
        "final weights, all samples": found["again"],
        "as recorded in training": found["recorded"],
    }
    losses = {name: arm.quantity(name, of.tolist(), LOG) for name, of in values.items()}
    lowest = {"lowest on the plane of three nets": number(float(np.nanmin(found["through"])))}
    return Row({"samples": f"{int(found['samples']):,}"}, arm.runs, losses, lowest)


def _differing(arm: Walks, found: Surfaces) -> list[str]:
    """The runs whose recorded loss their final weights do not have."""
    return [
        f"{walk.run.path.name}: its final weights have a training loss of {number(again)}, "
        f"recorded is {number(recorded)}; data or code are not what they were in training."
        for walk, again, recorded in zip(arm.walks, found["again"], found["recorded"], strict=True)
        if not abs(again - recorded) <= SAME * abs(recorded)
    ]
