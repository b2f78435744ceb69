"""Numbers against batch size, and the figures of hw1_3_sensitivity."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.phenomena.batch_sizes.arms import Arm
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, loss_name
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.analysis.sections import Made

MEASURES = {
    "loss_gradient": ("gradient of the loss ‖∂ℓ/∂x‖", style.COLOURS[0], "o"),
    "jacobian": ("Jacobian of the logits ‖∂z/∂x‖", style.COLOURS[4], "s"),
    "softmax_jacobian": ("Jacobian of the softmax ‖∂p/∂x‖", style.COLOURS[2], "^"),
}
"""Measure -> written name, colour, marker."""
BEST: dict[str, Any] = {"color": "#777777", "ls": ":", "lw": 1.6}


def mark_best(axis: Axes, arm: Arm) -> None:
    """A line at the batch size with the best test accuracy."""
    if (best := arm.best()) is not None:
        axis.axvline(best, zorder=0.5, **BEST)


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
    size = (max(4.4, 7.0 / len(arms)), 2.5)
    figure, axes = style.page(
        title, about(runs, config), 3, len(arms), size, sharex=True, sharey="row"
    )
    for column, arm in zip(axes.T, arms, strict=True):
        loss, accuracy, sensitivity = column
        for split, dashes in (("train", style.TRAIN), ("test", style.TEST)):
            black = style.COLOURS[6]
            for axis, metric in ((loss, f"{split}/loss"), (accuracy, f"{split}/accuracy")):
                dots.through(axis, arm.sizes, arm.quantity(metric), black, dashes)
        for name, (_, colour, marker) in MEASURES.items():
            dots.through(sensitivity, arm.sizes, arm.quantity(name), colour, marker=marker)
        for axis in column:
            mark_best(axis, arm)
        loss.set_title(arm.title)
        panels.counts(sensitivity, "training batch size")
    panels.values(axes[0, 0], loss_name(runs), LOG)
    panels.values(axes[1, 0], "accuracy", SHARE)
    panels.values(axes[2, 0], "sensitivity", LOG)
    keys = [style.key(n, color=c, marker=m, ms=5) for n, c, m in MEASURES.values()]
    style.legend_below(figure, [*curves.split_keys(), *keys, best_key(), *curves.state_keys(runs)])
    caption = (
        f"Trained with batches of {sizes_in_words(arms)}. Sensitivity is a mean over {samples}, "
        "the same for all runs, of (Frobenius) norms of derivatives with respect to a sample's own "
        "input (normalised pixels); it does not depend on the batch size at which it is evaluated. "
        "All numbers belong to the final weights, in eval mode. "
        f"{dots.THROUGH}"
    )
    return caption, figure
