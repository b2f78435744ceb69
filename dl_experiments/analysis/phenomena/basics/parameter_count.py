"""How many parameters every model of conf/model has, layer by layer; this needs no runs."""

from collections.abc import Sequence
from itertools import zip_longest

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.findings import Drawing, Finding, Row
from dl_experiments.analysis.phenomena.basics.nets import Shape, nets
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.scales import SHARE
from dl_experiments.measures.parameters import LayerCount, count

ABOUT = (
    "Each layer's weights, biases and their sum, and the formula that gives the sum by hand: "
    "inputs·outputs + outputs of a dense layer, outputs·inputs·k·k + outputs of a k×k convolution."
)
DRAWN = ("functions", "digits", "mnist", "cifar10")
COLUMNS = 2

Counted = list[tuple[str, Shape, list[LayerCount]]]
"""Model, the data it meets, its layers."""


def analyse(runs: Sequence[Run]) -> Finding:
    """The table of every model, for the terminal too, and where each model's parameters are."""
    built, notes = nets()
    counted = [(model, shape, count(net)) for model, shape, net in built]
    drawings = [Drawing("where-they-are", *_shares(counted))]
    rows = _numbers(counted)
    return Finding(runs, drawings, rows, notes=notes, about=ABOUT, text=_text(counted))


def _numbers(counted: Counted) -> list[Row]:
    rows = []
    for model, shape, layers in counted:
        for one in [*layers, _all(layers)]:
            names = {"model": model, "data": str(shape), "layer": one.layer}
            sizes = {"weights": one.weights, "biases": one.biases, "sum": one.total}
            rows.append(Row(names, counts=sizes, more={"formula": one.formula}))
    return rows


def _all(layers: Sequence[LayerCount]) -> LayerCount:
    """The whole net as a line of its table."""
    weights, biases = sum(one.weights for one in layers), sum(one.biases for one in layers)
    return LayerCount("all", weights, biases, " + ".join(one.formula for one in layers))


def _text(counted: Counted) -> str:
    """One block a model and shape, narrow enough for 80 columns."""
    lines = []
    for model, shape, layers in counted:
        lines += [f"{model} on {shape}", f"  {'layer':10}{'weights':>11}{'biases':>9}{'sum':>11}"]
        for one in [*layers, _all(layers)]:
            formula = f"  {one.formula}" if one in layers else ""
            numbers = f"{one.weights:>11,}{one.biases:>9,}{one.total:>11,}"
            lines.append(f"  {one.layer:10}{numbers}{formula}")
        lines.append("")
    return "\n".join(lines)


def _shares(counted: Counted) -> tuple[str, Figure]:
    """For each kind of data each model's layers as shares of its parameters."""
    shown = [
        found
        for name in DRAWN
        if (found := [one for one in counted if name in one[1].data.split(", ")])
    ]
    most = max(map(len, shown))
    figure, axes = style.page(
        "Where the parameters are", "every model of conf/model with its defaults",
        -(-len(shown) // COLUMNS), COLUMNS, (5.0, 0.6 + 0.24 * most),
    )  # fmt: skip
    for axis, found in zip_longest(axes.flat, shown):
        if found:
            _bars(axis, found)
        else:
            axis.set_axis_off()
    caption = (
        "Each bar is a model, cut into its layers from the input (dark) to the output (light), by "
        "their share of its parameters, weights and biases together; at its right end their "
        "number, for functions of one variable and for images from small to large."
    )
    return caption, figure


def _bars(axis: Axes, counted: Counted) -> None:
    for at, (_, _, layers) in enumerate(counted):
        total, left = sum(layer.total for layer in layers), 0.0
        shades = style.colours([layer.layer for layer in layers], ordered=True)
        for layer in layers:
            share = layer.total / total
            shade = to_hex(shades[layer.layer])
            axis.barh(at, share, left=left, color=shade, ec="white", lw=0.6, height=0.75)
            left += share
        axis.text(1.01, at, f"{total:,}", va="center", size=9)
    axis.set_yticks(range(len(counted)), [model for model, _, _ in counted])
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.grid(axis="y", visible=False)
    panels.values(axis, "share of the parameters", SHARE, "x")
    axis.set_title(str(counted[0][1]))
