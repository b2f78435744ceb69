"""What hw1_3_sharpness reads from a run, and what each number is called."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dl_experiments.analysis.phenomena.batch_sizes.arms import Arm, Values
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import low_to_high

WAYS = {"ascended": "gradient ascent", "sampled": "random points of the ball"}
EIGENVALUE = "eigenvalue"
CURVATURE = (EIGENVALUE, "largest Hessian eigenvalue")
"""Name, in words."""

Arrays = Mapping[str, np.ndarray]


def measured(run: Run) -> Arrays | None:
    """The arrays of ``measures/sharpness.npz``; None where there are none that can be read."""
    return run.measure("sharpness") if run.completed else None


def values(run: Run) -> Values:
    """``<way>/<radius>`` for each way and radius, the largest eigenvalue and what goes with it."""
    arrays = measured(run)
    if arrays is None:
        return {}
    found = {
        name(way, radius): float(value)
        for way in WAYS
        for radius, value in zip(arrays["radius"].tolist(), arrays[way], strict=True)
    }
    return found | {
        key: float(arrays[key]) for key in (EIGENVALUE, "eigenvalue_error", "weight_norm")
    }


def name(way: str, radius: float) -> str:
    """Of a number: a way and a radius."""
    return f"{way}/{radius:g}"


def radii(arms: Sequence[Arm]) -> list[float]:
    """All radii at which something was measured, ascending."""
    names = {key for arm in arms for found in arm.numbers.values() for key in found}
    return sorted({float(key.split("/")[1]) for key in names if key.split("/")[0] in WAYS})


def ascended(radius: float) -> tuple[str, str]:
    """Of the sharpness that gradient ascent finds: its name, in words."""
    return name("ascended", radius), f"sharpness by gradient ascent, ε = {radius:g}"


def chosen(arms: Sequence[Arm]) -> dict[str, str]:
    """What is set against generalisation: the eigenvalue, and sharpness of the middle radius."""
    known = radii(arms)
    return dict([CURVATURE, ascended(known[len(known) // 2])])


def settings(arms: Sequence[Arm]) -> dict[str, Any]:
    """How it was measured; of the first run that says so."""
    for arm in arms:
        for run in arm.runs:
            if (arrays := measured(run)) is not None:
                found: dict[str, Any] = json.loads(str(arrays["settings"]))
                return found
    return {}


def weight_norms(arms: Sequence[Arm]) -> str:
    """As in "6.1 to 18.4", to read radii against."""
    norms = [v["weight_norm"] for arm in arms for v in arm.numbers.values() if "weight_norm" in v]
    return low_to_high(norms)
