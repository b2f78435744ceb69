"""hw1_2_error_surface: the loss on two planes, and along the lines from start to end."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.drawing.text import Label, place
from dl_experiments.analysis.phenomena.trajectory.arm import Walks
from dl_experiments.analysis.phenomena.trajectory.paths_figures import component, draw_path
from dl_experiments.analysis.phenomena.trajectory.surface_losses import Surfaces
from dl_experiments.analysis.runs.describe import about, loss_name, number
from dl_experiments.analysis.runs.scales import LOG

COLOURMAP = "cividis"  # made to look the same with and without colour blindness
LEVELS = 18
INK, HALO = "white", "black"


def planes(arm: Walks, found: Surfaces) -> tuple[str, Figure]:
    """The joint PCA's plane and a random one; caption and figure."""
    samples = int(found["samples"])
    title = "Training loss on two planes in weight space"
    what = f"evaluated on {samples:,} training samples"
    figure, axes = style.page(title, about(arm.runs, arm.name, what), 1, 2, (6.0, 4.9))
    joint, random = axes[0]
    name = f"{loss_name(arm.runs)} (log scale)"
    for axis, sides, losses in (
        (joint, (found["pc1"], found["pc2"]), found["joint"]),
        (random, (found["steps"], found["steps"]), found["random"]),
    ):
        _contours(axis, *sides, losses, name)
    for path in np.split(found["paths"], np.cumsum(found["counts"])[:-1]):
        _on_colour(joint, path)
    seed = arm.walks[0].run.seed
    joint.set_title("through the mean of all snapshots, joint PCA")
    for at, put in enumerate((joint.set_xlabel, joint.set_ylabel)):
        put(component(at, float(found["variance_ratio"][at])))
    random.plot([0], [0], "*", color=INK, mec=HALO, ms=15, zorder=5)
    random.set_title(f"around the final weights of seed {seed}, random")
    random.set_xlabel("step along the first random direction")
    random.set_ylabel("step along the second")
    look = {"color": INK, "markeredgecolor": HALO}
    keys = [
        style.key("initial weights", marker="o", ls="", ms=8, **look),
        style.key("final weights", marker="*", ls="", ms=14, **look),
    ]
    style.legend_below(figure, keys)
    ends = np.cumsum(found["counts"]) - 1
    seeds = [
        Label(found["paths"][end], f"{walk.run.seed}", INK, 9.0, HALO)
        for walk, end in zip(arm.walks, ends, strict=True)
    ]
    place(joint, seeds, found["paths"])
    origin = found["random"][len(found["steps"]) // 2, len(found["steps"]) // 2]
    caption = (
        f"Loss on {samples:,} samples of seed {seed}'s training set, eval mode. Left: the plane of "
        "the first two components of the joint PCA through the mean of all snapshots, with the "
        "runs' paths projected on it and their seeds (the nets themselves lie off this plane: it "
        f"holds {100 * found['variance_ratio'].sum():.0f} % of the variance, so the colour under "
        "a path is not its loss). Right: two filter-normalised random directions (Li et al. "
        f"2018) around the final weights of seed {seed}, where the loss on these samples is "
        f"{number(origin)}. Seen in these two directions the whole path of that run is "
        f"{number(float(np.abs(found['way']).max()), 2)} long and would lie under the star. "
        "Each plane has its own colours."
    )
    return caption, figure


def lines(arm: Walks, found: Surfaces) -> tuple[str, Figure]:
    """The loss on the straight line from initial to final weights; caption and figure."""
    samples = int(found["samples"])
    title = "Training loss on the straight line from initial to final weights"
    what = f"evaluated on {samples:,} training samples"
    figure, ((axis,),) = style.page(title, about(arm.runs, arm.name, what), 1, 1, (7.0, 3.8))
    keys = []
    for walk, colour, losses in zip(arm.walks, arm.colours, found["lines"], strict=True):
        axis.plot(found["alphas"], losses, color=colour, lw=1.4)
        axis.plot(found["alphas"][:1], losses[:1], "o", color=colour, mfc="white", ms=7, zorder=4)
        axis.plot(
            found["alphas"][-1:], losses[-1:], "*", color=colour, mec="white", ms=13, zorder=5
        )
        keys.append(style.key(f"seed {walk.run.seed}", color=colour))
    panels.values(axis, f"training loss ({loss_name(arm.runs)})", LOG)
    axis.set_xlabel("α: initial weights at 0, final weights at 1")
    style.legend_below(figure, keys)
    caption = (
        "Loss at (1 − α)·initial + α·final weights of each run (Goodfellow, Vinyals and Saxe "
        f"2015), in eval mode on {samples:,} samples of its training set; circles and stars are "
        "the initial and the final weights. No net was trained for this."
    )
    return caption, figure


def _contours(axis: Axes, x: np.ndarray, y: np.ndarray, losses: np.ndarray, name: str) -> None:
    seen = losses[np.isfinite(losses) & (losses > 0)]
    low, high = (seen.min(), seen.max()) if len(seen) else (1.0, 1.0)
    if high < low * 1.001:  # a flat surface still needs levels
        low, high = low / 1.01, high * 1.01
    levels = np.geomspace(low * 0.9999, high * 1.0001, LEVELS)
    shown = np.ma.masked_invalid(np.where(losses > 0, losses, np.nan)).T
    grid: dict[str, Any] = {"levels": levels, "norm": LogNorm(levels[0], levels[-1])}
    filled = axis.contourf(x, y, shown, cmap=COLOURMAP, **grid)
    axis.contour(x, y, shown, colors="black", linewidths=0.4, alpha=0.45, **grid)
    axis.grid(visible=False)
    figure = axis.figure.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(filled, ax=axis, label=name)
    steps = (1, 2, 5) if high / low < 1e3 else (1,)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=steps))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: number(value)))
    bar.ax.yaxis.set_minor_locator(NullLocator())


def _on_colour(axis: Axes, path: np.ndarray) -> None:
    axis.plot(*path.T, "-", color=HALO, lw=3.2)
    draw_path(axis, path, INK, HALO)
