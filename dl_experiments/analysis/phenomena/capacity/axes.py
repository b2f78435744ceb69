"""Drawing what runs reach against the size of their nets."""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.runs.quantities import Quantity
from dl_experiments.analysis.runs.scales import PERCENT

SHORT = 300.0  # largest over smallest count, below which decades are too few ticks
TRAIN, TEST = style.COLOURS[0], style.COLOURS[4]


def size_axis(axis: Axes) -> None:
    """A logarithmic axis of parameter counts: 10k, 100k, 1M, or 10k, 20k, 50k over a short range.

    Call it when everything is drawn.
    """
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    if high < SHORT * low:
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: short(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("parameters (log scale)")


def short(count: float) -> str:
    """A parameter count in few letters: 800, 40k, 1.6M."""
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:.3g}{letter}"
    return f"{count:.0f}"


def split_keys() -> list[Line2D]:
    """Legend entries for the two sets, which differ in colour and dashes."""
    return [
        style.key("training set", color=TRAIN, ls=style.TRAIN),
        style.key("test set", color=TEST, ls=style.TEST),
    ]


def error(of: Callable[[str], Quantity], split: str) -> Quantity:
    """The share of wrong answers in %, from a reading's accuracy."""
    right = of(f"{split}/accuracy")
    return right.turned(lambda share: 100 * (1 - share), f"{split} error", PERCENT, "%")
