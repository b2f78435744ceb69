"""How every figure looks: colours, sizes, what solid and dashed mean, title and legend.

Colours are Okabe & Ito's, less the yellow, too faint for a line: told apart with any common colour
blindness (Wong 2011, "Points of view: Color blindness", Nature Methods 8). Ordered values take
equal steps of viridis instead, less its lightest quarter.
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")
FIXED: dict[Any, str] = {"deep": COLOURS[0], "middle": COLOURS[1], "shallow": COLOURS[2]}
ORDERED = ListedColormap(
    mpl.colormaps["viridis"](np.linspace(0, 0.75, 256)), "ordered"
)  # beyond, a line is too faint on white
TRUTH = "#888888"
TRAIN, TEST = "-", (0, (4, 1.6))
MARKS = {"diverged": "X", "running": ">", "interrupted": "s", "failed": "v"}
ONE, RANGE, MEAN = "thin: one seed", "band: range of seeds", "mean and 95 % interval"

SHARED: dict[str, dict[str, Any]] = {
    ONE: {"color": "#555555", "lw": 0.7, "alpha": 0.6},
    RANGE: {"color": "#555555", "lw": 7, "alpha": 0.2, "solid_capstyle": "butt"},
    MEAN: {"color": "black", "ls": "", "marker": "+", "ms": 11, "mew": 1.4},
}
"""Label of what is drawn the same in every figure -> its look in a legend."""

Name = TypeVar("Name", bound=Hashable)

FONT = "DejaVu Sans"  # Matplotlib brings it along

_SETTINGS: dict[Any, Any] = {
    "font.family": FONT,
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "text.parse_math": False,  # names may hold a $
    "svg.hashsalt": "dl_experiments",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def applied() -> Iterator[None]:
    """Our settings on top of matplotlib's defaults, whatever the user's matplotlibrc says."""
    _list_font()
    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in _SETTINGS.items():
            mpl.rcParams[name] = value
        yield


def _list_font() -> None:
    """Matplotlib's own fonts are on its list, which may have been kept by a Matplotlib without."""
    if all(font.name != FONT for font in fontManager.ttflist):
        for path in Path(mpl.get_data_path(), "fonts/ttf").glob("*.ttf"):
            fontManager.addfont(path)


def colours(names: Sequence[Name], ordered: bool = False) -> dict[Name, Any]:
    """Name (or number) -> colour; deep, middle and shallow have the same colour in every figure."""
    if ordered or len(names) > len(COLOURS):
        return {
            n: ORDERED(s) for n, s in zip(names, np.linspace(0.0, 1.0, len(names)), strict=True)
        }
    free = iter([c for c in COLOURS if c not in {FIXED[n] for n in names if n in FIXED}])
    return {name: FIXED[name] if name in FIXED else next(free) for name in names}


def page(
    title: str, about: str, rows: int, columns: int, size: tuple[float, float], **share: Any
) -> tuple[Figure, np.ndarray]:
    """A figure with a title, also its label, a line about its runs, and [rows, columns] axes.

    Args:
        title: What is shown, in a few words.
        about: Data, subset, scale, seeds and states in plain words.
        rows: Of axes.
        columns: Of axes.
        size: Width and height of one axes in inches.
        share: ``sharex`` and ``sharey`` as in ``Figure.subplots``.
    """
    width = max(columns * size[0], 7.0)
    lines = _wrapped(about, int(width * 14))
    head = 0.42 + 0.19 * len(lines)
    figure = Figure(figsize=(width, rows * size[1] + head))
    figure.set_label(title)
    _lay_out(figure, head)
    _at_top(figure, 0.1, title, weight="bold", size=13)
    _at_top(figure, 0.37, "\n".join(lines), size=9.5, color="#444444")
    return figure, figure.subplots(rows, columns, squeeze=False, **share)


def _lay_out(figure: Figure, head: float) -> None:
    """Keep the upper ``head`` inches free of axes."""
    rect = (0, 0, 1, 1 - head / figure.get_figheight())
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=rect, w_pad=0.06, h_pad=0.06))


def _at_top(figure: Figure, below: float, text: str, **look: Any) -> None:
    """Text so many inches below the upper edge, wherever that will be."""
    place = figure.transFigure + ScaledTranslation(0.12, -below, figure.dpi_scale_trans)
    figure.text(0, 1, text, va="top", transform=place, **look)


def legend_below(figure: Figure, handles: Sequence[Artist]) -> None:
    """One legend for the whole figure, beneath the axes; the figure grows by its height.

    What is drawn as one of `SHARED` says so by its label, and is explained here.
    """
    drawn = {artist.get_label() for axis in figure.axes for artist in axis.get_children()}
    handles = [*handles, *(key(name, **look) for name, look in SHARED.items() if name in drawn)]
    if not handles:
        return
    labels = [str(handle.get_label()) for handle in handles]
    widest = 0.6 + 0.073 * max(map(len, labels))
    fit = max(1, min(len(handles), int(figure.get_figwidth() / widest)))
    rows = math.ceil(len(handles) / fit)
    columns = math.ceil(len(handles) / rows)
    height = figure.get_figheight()
    head = height * (1 - figure.get_layout_engine().get()["rect"][3])  # type: ignore[union-attr]
    figure.set_figheight(height + 0.1 + 0.2 * rows)
    _lay_out(figure, head)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def key(label: str, **look: Any) -> Line2D:
    """A legend entry that stands for a look rather than for one line."""
    return Line2D([], [], label=label, **look)


def shortened(text: str, most: int = 24) -> str:
    """A text that leaves room for others beside it: "a_very_long…_module_one"."""
    half = most // 2
    return text if len(text) <= most else f"{text[: half - 1]}…{text[-half:]}"


def _wrapped(text: str, width: int) -> list[str]:
    """Break at the dots between parts, so that no part is torn."""
    lines = [""]
    for part in text.split(" · "):
        longer = f"{lines[-1]} · {part}" if lines[-1] else part
        if len(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines
