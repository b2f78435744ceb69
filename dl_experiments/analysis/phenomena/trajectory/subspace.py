"""What can be said of the joint PCA beyond its first axes: its scree, and what its span is of."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.phenomena.trajectory.arm import Walks
from dl_experiments.analysis.runs.describe import about
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.measures.trajectory import by_layer, leverage, spread

GREY = "#BBBBBB"
COLOURS = style.COLOURS[:2]
LOOKED_AT = ("the runs' places, θ(t)", "their ways, θ(t) − θ(0)")
EQUAL = {"color": "black", "ls": ":", "lw": 1.4}


def scree(arm: Walks) -> tuple[str, Figure]:
    """Explained variance by component, of places and of ways; caption and figure."""
    title = "How much each component of the joint PCA explains"
    figure, axes = style.page(title, about(arm.runs, arm.name), 1, 2, (4.6, 3.2), sharey="row")
    pcas, k = (arm.whole, arm.ways), len(arm.walks)
    for axis, pca, what, colour in zip(axes[0], pcas, LOOKED_AT, COLOURS, strict=True):
        shown = pca.scree[: 2 * k].numpy()
        axis.bar(np.arange(1, len(shown) + 1), shown, 0.7, color=colour)
        axis.set_title(f"PCA of {what}")
        axis.set_xlabel("component")
        axis.set_xticks(range(1, len(shown) + 1, 1 + len(shown) // 13))
        axis.grid(axis="x", visible=False)
        panels.values(axis, "share of the variance", SHARE)
    axes[0, 0].plot([0.5, arm.span + 0.5], [arm.whole.between / arm.span] * 2, **EQUAL)
    words = f"what {k} equally distant means of the runs would make"
    style.legend_below(figure, [style.key(words, **EQUAL)])
    whole, ways = (100 * pca.between for pca in pcas)
    caption = (
        f"Left: one PCA of all snapshots of all {k} runs; right: of what each has moved from its "
        f"own start. {whole:.0f} % and {ways:.0f} % of the variance are between the means of the "
        f"runs. {k} means that are equally far from one another, as independent initial weights "
        f"nearly are, make {arm.span} equal components of that (dotted). Then nothing tells one "
        "axis, or the plane of two, from another: the subspace alone means something."
    )
    return caption, figure


def layers(arm: Walks) -> tuple[str, Figure]:
    """Each layer's share of both subspaces, and its spread in it; caption and figure."""
    title = f"Which layers the first {arm.span} components are made of"
    names = list(arm.layout.layers())
    wide = max(4.8, 1.0 * len(names))
    figure, axes = style.page(title, about(arm.runs, arm.name), 1, 2, (wide, 3.6))
    found = [leverage(pca.loadings[: arm.span]) for pca in (arm.whole, arm.ways)]
    counts = {
        name: (at.stop - at.start) / arm.layout.size for name, at in arm.layout.layers().items()
    }
    shares = [*(by_layer(of, arm.layout) for of in found), counts]
    for aside, of, colour in zip((-0.26, 0, 0.26), shares, (*COLOURS, GREY), strict=True):
        axes[0, 0].bar(np.arange(len(names)) + aside, list(of.values()), 0.24, color=colour)
    panels.values(axes[0, 0], "share of the leverage", SHARE)
    _spread(axes[0, 1], [spread(of, arm.layout) for of in found])
    for axis in axes[0]:
        axis.set_xticks(range(len(names)), names)
        axis.grid(axis="x", visible=False)
    keys = [style.key(of, color=c, lw=6) for of, c in zip(LOOKED_AT, COLOURS, strict=True)]
    keys.append(style.key("share of the parameters", color=GREY, lw=6))
    keys.append(style.key("leverage of the average weight", color="black", lw=0.9, ls=":"))
    style.legend_below(figure, keys)
    caption = (
        f"Leverage of a weight: Σ of its squared loadings over the first {arm.span} components, "
        f"over {arm.span}. It belongs to their subspace and is the same for any axes in it; all "
        "sum to 1. Left: each layer's share (weights and biases), beside its share of the "
        "parameters. Right: how leverage is spread within a layer, times the number of "
        "parameters, so that 1 is the average: box from the first to the third quartile with the "
        "median, whiskers from 5 to 95 %, dot at the largest."
    )
    return caption, figure


def _spread(axis: Axes, found: list[dict[str, list[float]]]) -> None:
    smallest = np.inf
    for of, colour, aside in zip(found, COLOURS, (-0.15, 0.15), strict=True):
        for place, quantiles in enumerate(of.values()):
            low, first, median, third, high, largest = quantiles
            smallest = min(smallest, *(q for q in quantiles if q > 0), np.inf)
            middle = place + aside
            axis.plot([middle] * 2, [low, high], color=colour, lw=1.2)
            axis.bar(middle, third - first, 0.24, bottom=first, color=colour, alpha=0.55)
            axis.plot([middle - 0.12, middle + 0.12], [median] * 2, color="black", lw=1.4)
            axis.plot([middle], [largest], "o", color=colour, ms=4)
    panels.values(axis, "leverage × parameters", LOG)
    if np.isfinite(smallest):
        axis.set_ylim(bottom=smallest / 2)
    axis.axhline(1, color="black", lw=0.9, ls=":")
