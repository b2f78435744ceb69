"""The control of hw1_3_sensitivity: what becomes of a batch-mean loss's gradient, an artefact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
from matplotlib.axes import Axes

from dl_experiments.analysis.drawing import dots, panels, style
from dl_experiments.analysis.phenomena.batch_sizes.arms import Arm
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_figures import (
    all_runs,
)
from dl_experiments.analysis.runs.describe import about
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.sections import Made

KINDS = {
    "whole": ("whole gradient of a batch mean", -0.5, style.COLOURS[1], "D"),
    "row": ("mean row of it", -1.0, style.COLOURS[3], "v"),
}
"""Kind -> written name, expected power of the evaluation batch size, colour, marker."""
POWERS = {-0.5: "∝ 1/√B", -1.0: "∝ 1/B"}
MARKERS = ("o", "s", "^", "D")


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
    """Norms against the evaluation batch size, and the curve that is drawn of them elsewhere."""
    measured = [run for run in all_runs(arms) if run.path in found]
    if not measured:
        return None
    title = "Control: a curve that only shows the evaluation batch size"
    figure, ((left, right),) = style.page(title, about(all_runs(arms), config), 1, 2, (4.9, 3.6))
    colours = style.colours(sorted({run.batch_size for run in measured}), ordered=True)
    for kind, (_, power, _, _) in KINDS.items():
        first = []
        for run in measured:
            one = found[run.path]
            dashes = style.TRAIN if kind == "whole" else style.TEST
            colour = colours[run.batch_size]
            left.plot(one.sizes, one.norms[kind], color=colour, ls=dashes, lw=0.9, alpha=0.8)
            first.append(one.norms[kind][0])
        _expected(left, found[measured[0].path].sizes, float(np.median(first)), power)
    panels.counts(left, "evaluation batch size B")
    panels.values(left, "‖∂L/∂x‖ of batches of B", LOG)
    left.set_title("the same nets, evaluated at several B")
    for arm, marker in zip(arms, MARKERS, strict=False):
        _relative(right, arm, marker)
    panels.counts(right, "training batch size")
    panels.values(right, "relative to the smallest batch", LOG)
    right.set_title("every net evaluated at its own batch size")
    keys = [style.key(f"trained with {n:,}", color=c) for n, c in colours.items()]
    keys += [
        style.key("left: whole gradient", color="#555555", ls=style.TRAIN),
        style.key("left: mean row of it", color="#555555", ls=style.TEST),
        style.key("left: expected slopes", color="black", ls=":", lw=1.6),
        style.key("right: mean over single samples ‖∂ℓ/∂x‖", color=style.COLOURS[0]),
        *(
            style.key(f"right: {name} ‖∂L/∂x‖", color=colour)
            for name, _, colour, _ in KINDS.values()
        ),
        *(
            style.key(f"right: {arm.name}", ls="", marker=m, color="#777777")
            for arm, m in zip(arms, MARKERS, strict=False)
        ),
    ]
    style.legend_below(figure, keys)
    caption = (
        "An artefact, shown as a control. Differentiating the mean loss of a batch of B samples "
        "gives each of them 1/B of its gradient, so the norm falls with B whatever the net: left, "
        "measured on the finished nets (colour: training batch size), a line a run, with the "
        "expected slopes dotted. Right: evaluated at each net's own training batch size, as it is "
        "in many published curves, that norm (orange, pink) falls by construction; blue is the "
        "sensitivity of the same nets, a mean over single samples, evaluated alike for all. Batch "
        "sizes beyond the probe's have no such point."
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


def _relative(axis: Axes, arm: Arm, marker: str) -> None:
    """Sensitivity and the naive curves, each over its mean at the smallest batch size."""
    names = {"loss_gradient": style.COLOURS[0]}
    names |= {f"own_{kind}": colour for kind, (_, _, colour, _) in KINDS.items()}
    for name, colour in names.items():
        read = arm.quantity(name)
        levels = [level for runs in arm.sizes.values() if (level := read.level(runs))]
        if levels:
            relative = read.turned(partial(_share, levels[0].value), name, LOG)
            dots.through(axis, arm.sizes, relative, colour, marker=marker)


def _share(whole: float, part: float) -> float:
    return part / whole
