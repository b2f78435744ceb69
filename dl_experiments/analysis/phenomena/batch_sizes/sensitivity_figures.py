"""Numbers against batch size, and the figures of hw1_3_sensitivity."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.phenomena.batch_sizes.arms import Arm
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, loss_name
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import Quantity
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.analysis.sections import Made

MEASURES = {
    "loss_gradient": ("gradient of the loss ‖∂ℓ/∂x‖", style.COLOURS[0], "o"),
    "jacobian": ("Jacobian of the logits ‖∂z/∂x‖", style.COLOURS[4], "s"),
    "softmax_jacobian": ("Jacobian of the softmax ‖∂p/∂x‖", style.COLOURS[2], "^"),
}
"""Measure -> written name, colour, marker."""
BEST: dict[str, Any] = {"color": "#777777", "ls": "", "marker": "^", "ms": 8}
NEAR = 4.0  # one batch size over the next, up to which a line joins them
MARKED = (
    "Small marks: every completed seed; large ones: their mean (of what is logarithmic geometric), "
    f"joined where batch sizes are at most a factor of {NEAR:g} apart."
)


def along_sizes(
    axis: Axes, arm: Arm, name: str, colour: Any, marker: str = "o", dashes: Any = style.TRAIN
) -> None:
    """Draw a number of an arm against batch size."""
    draw_along(axis, arm.sizes, arm.quantity(name), colour, marker, dashes)


def draw_along(
    axis: Axes,
    sizes: Mapping[int, Grid],
    read: Quantity,
    colour: Any,
    marker: str = "o",
    dashes: Any = style.TRAIN,
) -> None:
    """Draw a quantity against batch size, see `MARKED`; what is dashed has open marks."""
    for some in _stretches(sizes):
        dots.through(axis, some, read, colour, dashes, marker)
    look: dict[str, Any] = {"ls": "", "marker": marker, "ms": 6.5, "color": colour, "zorder": 4}
    look |= {"mfc": "white"} if dashes == style.TEST else {}
    for size, runs in sizes.items():
        if level := read.level(runs):
            axis.plot([size], [level.value], **look)


def _stretches(sizes: Mapping[int, Grid]) -> list[dict[int, Grid]]:
    """Batch sizes that lie near one another, together."""
    found: list[dict[int, Grid]] = []
    for size, runs in sizes.items():
        if not found or size > NEAR * max(found[-1]):
            found.append({})
        found[-1][size] = runs
    return found


def size_axis(axis: Axes) -> None:
    """The batch sizes of training; marks tell where they are, so there is no grid."""
    panels.counts(axis, "training batch size")
    axis.grid(axis="x", visible=False)


def mark_best(axis: Axes, arm: Arm) -> None:
    """A mark on the axis at the batch size with the best test accuracy."""
    if (best := arm.best()) is not None:
        axis.plot([best], [0.0], transform=axis.get_xaxis_transform(), clip_on=False, **BEST)


def best_key() -> Line2D:
    """Its legend entry."""
    return style.key("best mean test accuracy", **BEST)


def sizes_in_words(arms: Sequence[Arm]) -> str:
    """As in "10, 385 and 1,510"."""
    words = [f"{size:,}" for size in sorted({size for arm in arms for size in arm.sizes})]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def all_runs(arms: Sequence[Arm]) -> list[Run]:
    """Of all arms."""
    return flat({arm.name: arm.sizes for arm in arms})


def with_performance(config: str, arms: Sequence[Arm], samples: str) -> Made:
    """Loss, accuracy and sensitivity against batch size, a column an arm; caption and figure."""
    runs = all_runs(arms)
    title = "Loss, accuracy and sensitivity against batch size"
    figure, axes = style.page(
        title, about(runs, config), 3, len(arms), panel(arms), sharex=True, sharey="row"
    )
    black = style.COLOURS[6]
    for column, arm in zip(axes.T, arms, strict=True):
        loss, accuracy, sensitivity = column
        for split, dashes in curves.SPLITS.items():
            along_sizes(loss, arm, f"{split}/loss", black, dashes=dashes)
            along_sizes(accuracy, arm, f"{split}/accuracy", black, dashes=dashes)
        for name, (_, colour, marker) in MEASURES.items():
            along_sizes(sensitivity, arm, name, colour, marker)
        for axis in column:
            size_axis(axis)
            mark_best(axis, arm)
        loss.set_title(arm.title)
    inner(axes)
    panels.values(axes[0, 0], loss_name(runs), LOG)
    panels.values(axes[1, 0], "accuracy", SHARE)
    panels.values(axes[2, 0], "sensitivity", LOG)
    keys = [
        style.key("train", color=black, ls=style.TRAIN, marker="o", ms=6),
        style.key("test", color=black, ls=style.TEST, marker="o", ms=6, mfc="white"),
        *(style.key(n, color=c, marker=m, ms=6) for n, c, m in MEASURES.values()),
    ]
    style.legend_below(figure, [*keys, best_key(), *curves.state_keys(runs)])
    caption = (
        f"Trained with batches of {sizes_in_words(arms)}. Sensitivity is a mean over {samples}, "
        "the same for all runs of a data seed: of (Frobenius) norms of derivatives with respect to "
        "a sample's own input (normalised pixels), whatever the batch size it is evaluated at. "
        "All numbers belong to the final weights, in eval mode; at equal loss a run stops "
        f"when its training loss is first seen there. {MARKED}"
    )
    return caption, figure


def panel(arms: Sequence[Arm]) -> tuple[float, float]:
    """Width and height of one, of a column an arm."""
    return max(3.1, 7.0 / len(arms)), 2.4


def inner(axes: np.ndarray) -> None:
    """Leave the label of the batch sizes to the lowest panels."""
    for axis in axes[:-1].flat:
        axis.set_xlabel("")
