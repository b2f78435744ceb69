"""The control of hw1_3_sensitivity: what becomes of a batch-mean loss's gradient, an artefact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np
from matplotlib.axes import Axes

from dl_experiments.analysis.drawing import curves, panels, style
from dl_experiments.analysis.phenomena.batch_sizes.arms import LOSS_ARM, Arm
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_figures import draw_along, size_axis
from dl_experiments.analysis.runs.describe import about
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.statistics import geometric_mean
from dl_experiments.analysis.sections import Made

KINDS = {
    "whole": ("whole gradient of a batch mean", -0.5, style.COLOURS[1], "D"),
    "row": ("mean row of it", -1.0, style.COLOURS[3], "v"),
}
"""Kind -> written name, expected power of the evaluation batch size, colour, marker."""
POWERS = {-0.5: "∝ 1/√B", -1.0: "∝ 1/B"}


@final
@dataclass(frozen=True)
class Artefact:
    """What one net gives at several evaluation batch sizes.

    Attributes:
        sizes: Evaluation batch sizes B [b], ascending.
        norms: Kind -> norms [b]: ‖∂L/∂x‖ of the mean loss L of B samples.
    """

    sizes: np.ndarray
    norms: Mapping[str, np.ndarray]

    def slope(self, kind: str) -> float | None:
        """The power of B: least squares on logarithms; None below two sizes."""
        good = self.norms[kind] > 0
        if good.sum() < 2:
            return None
        sizes, norms = np.log10(self.sizes[good]), np.log10(self.norms[kind][good])
        return float(np.polyfit(sizes, norms, 1)[0])

    def at(self, size: int, kind: str) -> float | None:
        """The norm at one of the evaluation batch sizes."""
        (place,) = np.nonzero(self.sizes == size)
        return float(self.norms[kind][place[0]]) if len(place) else None


Artefacts = Mapping[Path, Artefact]


def artefact(arrays: Mapping[str, np.ndarray]) -> Artefact:
    """From the arrays of ``measures/sensitivity.npz``."""
    return Artefact(
        arrays["batch_size"].astype(float),
        {kind: arrays[f"batch_mean_{kind}"] for kind in KINDS},
    )


def control(config: str, arms: Sequence[Arm], found: Artefacts) -> Made | None:
    """Norms against the evaluation batch size, and the curve that is drawn of them elsewhere.

    Of one arm: that of equal loss, or else the first that was measured.
    """
    measured = [arm for arm in arms if any(run.path in found for run in arm.runs)]
    if not measured:
        return None
    arm = next((arm for arm in measured if arm.key == LOSS_ARM), measured[0])
    title = "Control: a curve that only shows the evaluation batch size"
    words = about(arm.runs, config, arm.name)
    figure, ((left, right),) = style.page(title, words, 1, 2, (4.9, 3.6))
    colours = style.colours(list(arm.sizes), ordered=True)
    for kind, (name, power, _, _) in KINDS.items():
        drawn = []
        for size, runs in arm.sizes.items():
            norms = [(one.sizes, one.norms[kind]) for r in runs if (one := found.get(r.path))]
            if norms:
                at, values = curves.common(norms)
                drawn.append((at, geometric_mean(values)))
                left.plot(*drawn[-1], color=colours[size], lw=1.4)
        _expected(left, drawn[0][0], 0.6 * min(values[0] for _, values in drawn), power)
        at, values = max(drawn, key=lambda curve: float(curve[1][0]))
        second = (at[:2][-1], values[:2][-1])
        left.annotate(name, second, (6, 3), textcoords="offset points", size=9)
    panels.counts(left, "evaluation batch size B")
    panels.values(left, "‖∂L/∂x‖ of batches of B", LOG)
    left.set_title("the same nets, evaluated at several B")
    _relative(right, arm)
    right.margins(y=0.12)
    size_axis(right)
    panels.values(right, "relative to the smallest batch", LOG)
    right.set_title("every net evaluated at its own batch size")
    keys = [style.key(f"trained with {n:,}", color=c) for n, c in colours.items()]
    style.legend_below(figure, keys)
    caption = (
        "An artefact, shown as a control. Differentiating the mean loss of a batch of B samples "
        "gives each of them 1/B of its gradient, so the norm falls with B whatever the net: left, "
        f"measured on the finished nets at {arm.name}, a line a training batch size (geometric "
        "mean over seeds), with the expected slopes dotted beneath. Right: evaluated at each net's "
        "own training batch size, as it is in many published curves, that norm (orange, pink) "
        "falls by construction; blue is the sensitivity of the same nets, a mean over single "
        "samples, evaluated alike for all; every seed, and means. Batch sizes beyond the probe's "
        "have no such point."
    )
    return caption, figure


def _expected(axis: Axes, sizes: np.ndarray, start: float, power: float) -> None:
    line = start * (sizes / sizes[0]) ** power
    axis.plot(sizes, line, color="black", ls=":", lw=1.6, zorder=4)
    axis.annotate(
        POWERS[power],
        (sizes[-1], line[-1]),
        (4, 0),
        textcoords="offset points",
        va="center",
        size=9,
    )


def _relative(axis: Axes, arm: Arm) -> None:
    """Sensitivity and the naive curves, each over its mean at the smallest batch size."""
    looks = {"loss_gradient": ("mean of single samples", style.COLOURS[0], "o")}
    looks |= {f"own_{kind}": (name, of, mark) for kind, (name, _, of, mark) in KINDS.items()}
    for name, (words, colour, marker) in looks.items():
        read = arm.quantity(name)
        levels = {at: level.value for at, runs in arm.sizes.items() if (level := read.level(runs))}
        if levels:
            (_, first), *_, (end, last) = [*levels.items()] * 2
            relative = read.turned(partial(_share, first), name, LOG)
            draw_along(axis, arm.sizes, relative, colour, marker)
            look: dict[str, Any] = {"textcoords": "offset points", "color": colour, "size": 9}
            axis.annotate(words, (end, last / first), (6, -15), ha="right", **look)


def _share(whole: float, part: float) -> float:
    return part / whole
