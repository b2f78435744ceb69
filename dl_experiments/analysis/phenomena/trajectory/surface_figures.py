"""hw1_2_error_surface: the loss on two planes, and along the lines from start to end."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.drawing.text import Label, place
from dl_experiments.analysis.phenomena.trajectory.arm import Walks
from dl_experiments.analysis.phenomena.trajectory.surface_losses import Surfaces
from dl_experiments.analysis.runs.describe import about, loss_name, number
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.statistics import seed_band

COLOURMAP = "cividis"  # made to look the same with and without colour blindness
LEVELS = 18
INK, HALO = "white", "black"


def planes(arm: Walks, found: Surfaces) -> tuple[str, Figure]:
    """The plane through three nets and a random one; caption and figure."""
    samples = int(found["samples"])
    title = "Training loss on two planes in weight space"
    what = f"evaluated on {samples:,} training samples"
    figure, axes = style.page(title, about(arm.runs, arm.name, what), 1, 2, (5.4, 4.7))
    through, random = axes[0]
    levels = _levels(*(found[name] for name in ("through", "random", "own", "starts")))
    _contours(through, found["along"], found["aside"], found["through"], levels)
    filled = _contours(random, found["steps"], found["steps"], found["random"], levels)
    _bar(figure.colorbar(filled, ax=axes[0].tolist()), loss_name(arm.runs), levels)
    colour = ScalarMappable(filled.norm, COLOURMAP).to_rgba
    names = [str(name) for name in found["names"]]
    paths = np.split(found["paths"], np.cumsum(found["counts"])[:-1])
    for path, start in zip(paths, found["starts"], strict=True):
        through.plot(*path.T, "-", color=HALO, lw=2.6)
        through.plot(*path.T, "-", color=INK, lw=1.0)
        through.plot(*path[0], "o", mfc=colour(start), mec=INK, ms=8, zorder=5)
    for net, own in zip(found["nets"], found["own"], strict=True):
        through.plot(*net, "*", mfc=colour(own), mec=INK, mew=1.1, ms=17, zorder=5)
    own = found["random"][len(found["steps"]) // 2, len(found["steps"]) // 2]
    random.plot([0], [0], "*", mfc=colour(own), mec=INK, mew=1.1, ms=17, zorder=5)
    through.set_title(f"through {', '.join(names[:-1])} and {names[-1]}")
    through.set_xlabel(f"distance from {names[0]} towards {names[1]}")
    through.set_ylabel(f"distance at a right angle, towards {names[2]}")
    random.set_title(f"around the final weights of {names[0]}, random")
    random.set_xlabel("step along the first random direction")
    random.set_ylabel("step along the second random direction")
    look = {"ls": "", "mfc": "#888888", "mec": "black"}
    keys = [
        style.key("a net on the plane, in the colour of its own loss", marker="*", ms=14, **look),
        style.key("initial weights, off the plane, in that of theirs", marker="o", ms=8, **look),
    ]
    style.legend_below(figure, keys)
    labels = [
        Label(net, f"{name}: {number(float(own))}", INK, 9.0, HALO)
        for net, name, own in zip(found["nets"], names, found["own"], strict=True)
    ]
    place(through, labels, np.concatenate([found["paths"], found["nets"]]))
    caption = (
        f"Loss on {samples:,} samples of {names[0]}'s training set, eval mode, both planes in the "
        "same colours. Left: the plane that goes exactly through three nets' weights (stars, with "
        "their losses), so that its colour there is theirs; lines: the paths of their runs "
        "projected on it, which but for the stars lie off it. Right: two filter-normalised "
        f"random directions (Li et al. 2018) around the final weights of {names[0]}. Seen in "
        "these two directions the whole path of that run, which is not drawn, is never further "
        f"than {number(float(np.abs(found['way']).max()), 2)} steps from the star along either."
    )
    return caption, figure


def lines(arm: Walks, found: Surfaces) -> tuple[str, Figure]:
    """The loss on the straight line from initial to final weights; caption and figure."""
    samples = int(found["samples"])
    title = "Training loss on the straight line from initial to final weights"
    what = f"evaluated on {samples:,} training samples"
    figure, ((axis,),) = style.page(title, about(arm.runs, arm.name, what), 1, 1, (7.0, 3.8))
    colour, at = style.COLOURS[0], found["alphas"]
    for losses in found["lines"]:
        axis.plot(at, losses, color=colour, lw=0.7, alpha=0.45)
    mean = seed_band(found["lines"], geometric=bool((found["lines"] > 0).all()))[0]
    axis.plot(at, mean, color=colour, lw=2.2)
    axis.plot(at[:1], mean[:1], "o", color=colour, mfc="white", ms=7, zorder=4)
    axis.plot(at[-1:], mean[-1:], "*", color=colour, mec="white", ms=13, zorder=5)
    panels.values(axis, f"training loss ({loss_name(arm.runs)})", LOG)
    axis.set_xlabel("α: initial weights at 0, final weights at 1")
    keys = [
        style.key(f"each of {len(arm.walks)} runs", color=colour, lw=0.7, alpha=0.6),
        style.key("their geometric mean", color=colour, lw=2.2),
    ]
    style.legend_below(figure, keys)
    caption = (
        "Loss at (1 − α)·initial + α·final weights of each run (Goodfellow, Vinyals and Saxe "
        f"2015), in eval mode on {samples:,} samples of its training set; circle and star are "
        "the initial and the final weights. No net was trained for this."
    )
    return caption, figure


def _levels(*losses: np.ndarray) -> np.ndarray:
    """Steps of one colour scale for all of them."""
    flat = np.concatenate([of.ravel() for of in losses])
    seen = flat[np.isfinite(flat) & (flat > 0)]
    low, high = (seen.min(), seen.max()) if len(seen) else (1.0, 1.0)
    if high < low * 1.001:  # a flat surface still needs levels
        low, high = low / 1.01, high * 1.01
    return np.geomspace(low * 0.9999, high * 1.0001, LEVELS)


def _contours(
    axis: Axes, x: np.ndarray, y: np.ndarray, losses: np.ndarray, levels: np.ndarray
) -> Any:
    shown = np.ma.masked_invalid(np.where(losses > 0, losses, np.nan)).T
    grid: dict[str, Any] = {"levels": levels, "norm": LogNorm(levels[0], levels[-1])}
    filled = axis.contourf(x, y, shown, cmap=COLOURMAP, **grid)
    axis.contour(x, y, shown, colors="black", linewidths=0.4, alpha=0.45, **grid)
    axis.grid(visible=False)
    return filled


def _bar(bar: Colorbar, name: str, levels: np.ndarray) -> None:
    bar.set_label(f"{name} (log scale)")
    steps = (1, 2, 5) if levels[-1] < 1e3 * levels[0] else (1,)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=steps))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: number(value)))
    bar.ax.yaxis.set_minor_locator(NullLocator())
