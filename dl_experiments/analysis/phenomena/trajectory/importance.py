"""Which weights make the components of the joint PCA: shares of layers, spread, the strongest."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.phenomena.trajectory.arm import Walks
from dl_experiments.analysis.runs.describe import about
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.measures.flat import layer_of
from dl_experiments.measures.trajectory import importance, importance_quantiles, strongest

STRONGEST = 12
GREY = "#BBBBBB"


def layers(arm: Walks) -> tuple[str, Figure]:
    """Each layer's share of the squared loadings, and their spread in it; caption and figure."""
    pca = arm.whole
    title = "Which layers the principal components are made of"
    names = list(pca.layout.layers())
    wide = max(4.8, 1.0 * len(names))
    figure, axes = style.page(title, about(arm.runs, arm.name), 1, 2, (wide, 3.6))
    _shares(axes[0, 0], arm)
    _spread(axes[0, 1], arm)
    for axis in axes[0]:
        axis.set_xticks(range(len(names)), names)
        axis.grid(axis="x", visible=False)
    keys = [style.key(f"PC{at + 1}", color=style.COLOURS[at], lw=6) for at in range(2)]
    keys.append(style.key("share of the parameters", color=GREY, lw=6))
    keys.append(style.key("importance of the average weight", color="black", lw=0.9, ls=":"))
    style.legend_below(figure, keys)
    caption = (
        "Importance of a weight in a component is its squared loading; all importances of a "
        "component sum to 1. Left: each layer's share (weights and biases), beside its share of "
        "the parameters. Right: how importance is spread within a layer, times the number of "
        "parameters, so that 1 is the average: box from the first to the third quartile with the "
        "median, whiskers from 5 to 95 %, dot at the largest."
    )
    return caption, figure


def weights(arm: Walks) -> tuple[str, Figure]:
    """The weights that load most on each component; caption and figure."""
    pca = arm.whole
    title = "The weights that load most on each component"
    figure, axes = style.page(title, about(arm.runs, arm.name), 1, 2, (5.2, 3.6))
    names = list(pca.layout.layers())
    colours = style.colours(names)
    seen: set[str] = set()
    for at, axis in enumerate(axes[0]):
        found = strongest(pca.loadings[at], pca.layout, min(STRONGEST, pca.layout.size))
        texts = [f"{name}[{', '.join(map(str, index))}]" for name, index, _ in found]
        values = [loading for *_, loading in found]
        shades = [colours[layer_of(name)] for name, *_ in found]
        seen |= {layer_of(name) for name, *_ in found}
        axis.barh(range(len(found)), values, color=shades, height=0.7)
        axis.set_yticks(range(len(found)), texts)
        axis.invert_yaxis()
        axis.axvline(0, color="black", lw=0.8)
        axis.grid(axis="y", visible=False)
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.set_xlabel("loading")
        axis.set_title(f"PC{at + 1}")
    shown = [
        style.key(f"layer {name}", color=colours[name], lw=6) for name in names if name in seen
    ]
    style.legend_below(figure, shown)
    even = 1 / math.sqrt(pca.layout.size)
    caption = (
        f"The {STRONGEST} largest loadings of each component by size, named by tensor and index "
        "in it (output unit first). Signs are relative to one another within a component. If all "
        f"{pca.layout.size:,} weights mattered alike, each would have {even:.2g}."
    )
    return caption, figure


def _shares(axis: Axes, arm: Walks) -> None:
    pca = arm.whole
    found = importance(pca.loadings, pca.layout)
    for place, (name, where) in enumerate(pca.layout.layers().items()):
        counts = (where.stop - where.start) / pca.layout.size
        bars = [*found[name].tolist(), counts]
        looks = [*style.COLOURS[:2], GREY]
        axis.bar([place - 0.26, place, place + 0.26], bars, 0.24, color=looks)
    panels.values(axis, "share of squared loading", SHARE)


def _spread(axis: Axes, arm: Walks) -> None:
    pca = arm.whole
    smallest = np.inf
    for place, (_, spread) in enumerate(importance_quantiles(pca.loadings, pca.layout).items()):
        for at, quantiles in enumerate(spread[:2].tolist()):
            low, first, median, third, high, largest = quantiles
            smallest = min(smallest, *(q for q in quantiles if q > 0), np.inf)
            middle, look = place + 0.3 * at - 0.15, style.COLOURS[at]
            axis.plot([middle] * 2, [low, high], color=look, lw=1.2)
            axis.bar(middle, third - first, 0.24, bottom=first, color=look, alpha=0.55)
            axis.plot([middle - 0.12, middle + 0.12], [median] * 2, color="black", lw=1.4)
            axis.plot([middle], [largest], "o", color=look, ms=4)
    panels.values(axis, "importance × parameters", LOG)
    if np.isfinite(smallest):
        axis.set_ylim(bottom=smallest / 2)
    axis.axhline(1, color="black", lw=0.9, ls=":")
