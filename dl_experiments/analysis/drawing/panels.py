"""The axes of a panel: of numbers by their scale, of epochs, of counts, of named groups."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.patches import StepPatch
from matplotlib.ticker import (
    AutoLocator,
    Formatter,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from dl_experiments.analysis.runs.scales import LINEAR, LOG, SHARE, Scale

SMALL, TINY = 1e-250, 1e-307  # of numbers of 64 bits on a logarithmic axis
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
FINE = 1e3  # highest over lowest, above which marks between the decades are no help
TICKS = {
    3.0: (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9),
    10.0: (1, 2, 3, 5, 7),
    10**2.5: (1, 2, 5),
    FINE: (1, 3),
}
"""Highest over lowest -> digits with a label."""
PLAIN = 1e-4, 1e6  # between them a tick is a plain number, where it has digits
PLACES = 6  # after which a percentage is what rounding made of it

Which = Literal["x", "y"]


def values(axis: Axes, label: str, scale: Scale = LINEAR, which: Which = "y") -> None:
    """An axis of numbers, to be called once all is drawn, here and on the axes that share it.

    A logarithmic one that nothing is on keeps its marks, and has neither scale nor ticks.

    Args:
        axis: Whose.
        label: In words, on a y axis said once in a row of panels; that it is logarithmic is added.
        scale: On which the numbers lie: LOG is drawn so, with labels that do not touch, SHARE in
            percent.
        which: Of its two axes, by default y.
    """
    along = axis.xaxis if which == "x" else axis.yaxis
    if scale is LOG:
        _logarithmic(axis, along, which)
        head, end = (label[:-1], ", log scale)") if label.endswith(")") else (label, "(log scale)")
        label = f"{head}{end}" if head.endswith("\n") or end[0] == "," else f"{head} {end}"
    elif scale is SHARE:
        along.set_major_formatter(Percent())
    if which == "x" or label not in _said_before(axis):
        along.set_label_text(label.strip())


def epochs(axis: Axes, log: bool = False) -> None:
    """An epoch axis with whole numbers; a logarithmic one with plain ones: 1, 10, 100, 1,000."""
    if log:
        counts(axis, "epoch")
    else:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
        axis.set_xlabel("epoch")


def counts(axis: Axes, label: str) -> None:
    """A logarithmic x axis of whole numbers, plain ones."""
    axis.set_xscale("log")
    whole_numbers(axis.xaxis)
    axis.set_xlabel(f"{label} (log scale)")


def names(axis: Axes, labels: Iterable[str], **look: Any) -> None:
    """An x axis of groups at 0, 1, 2, …, each with its name."""
    found = list(labels)
    axis.set_xticks(range(len(found)), found, **look)
    axis.set_xlim(-0.6, len(found) - 0.4)
    axis.grid(axis="x", visible=False)


def whole_numbers(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis: at its decades, and between them where it has few."""
    axis.set_major_locator(_Digits())
    axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.12g}"))
    axis.set_minor_formatter(NullFormatter())


def decades(axis: Axis) -> None:
    """Powers of ten at the decades of a logarithmic axis, nothing between them."""
    axis.set_major_formatter(FuncFormatter(lambda value, _position: _power(value)))
    axis.set_minor_formatter(NullFormatter())


@final
class Percent(Formatter):
    """Shares in percent, all with as many decimals as one of them needs: "9.5 %", "10.0 %"."""

    def __call__(self, value: float, position: int | None = None) -> str:
        """One by itself."""
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """All of an axis."""
        shares = [f"{100 * value:.{PLACES}f}".rstrip("0") for value in values]
        places = max((len(share.partition(".")[2]) for share in shares), default=0)
        return [f"{100 * value:.{places}f} %".replace("-", "−") for value in values]


@final
class _Digits(LogLocator):
    """The decades of a logarithmic axis; where it spans few of them numbers between them too."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Those from one to the other, and some beyond."""
        if vmax < 2 * vmin:  # too few digits lie between
            return AutoLocator().tick_values(vmin, vmax)
        self.set_params(subs=_digits(vmin, vmax))
        return super().tick_values(vmin, vmax)


@final
class _Written(Formatter):
    """What `_Digits` finds, in one way on an axis: plain, or as powers of ten."""

    def __call__(self, value: float, position: int | None = None) -> str:
        """One of them."""
        assert self.axis is not None
        low, high = sorted(self.axis.get_view_interval())
        if _digits(low, high) == (1,):
            return _power(value)
        if low >= PLAIN[0] and high < PLAIN[1]:
            return f"{value:,.12g}"
        digits, exponent = f"{value:.11e}".split("e")
        return f"{float(digits):g}×{_power(10.0 ** int(exponent))}".removeprefix("1×")


def _digits(low: float, high: float) -> tuple[float, ...]:
    """The first digits of the ticks of a logarithmic axis."""
    return next((digits for apart, digits in TICKS.items() if high < apart * low), (1,))


def _power(value: float) -> str:
    """As in "10⁻³"; no formula, since a name that looks like one is none."""
    if value == 0:
        return "0"
    sign, exponent = "−" if value < 0 else "", np.log10(abs(value))
    written = f"{round(exponent)}".translate(SUPERSCRIPTS)
    return f"{sign}10{written}" if np.isclose(exponent, round(exponent)) else f"{value:g}"


def _said_before(axis: Axes) -> Sequence[str]:
    """The y labels of the panels to the left."""
    own = axis.get_subplotspec()
    places = [(other, other.get_subplotspec()) for other in axis.figure.axes]
    return [
        other.get_ylabel()
        for other, place in places
        if own
        and place
        and place.rowspan == own.rowspan
        and place.colspan.start < own.colspan.start
    ]


def _logarithmic(axis: Axes, along: Axis, which: Which) -> None:
    shared = axis.get_shared_x_axes() if which == "x" else axis.get_shared_y_axes()
    drawn = [
        np.asarray(line.get_data()[which == "y"], dtype=float)
        for one in shared.get_siblings(axis)
        for line in one.get_lines()
        if line.get_transform().contains_branch(one.transData)
    ]
    stairs = [patch for one in shared.get_siblings(axis) for patch in one.patches]
    drawn += [np.asarray(one.get_data()[0]) for one in stairs if isinstance(one, StepPatch)]
    seen = np.concatenate([*drawn, np.empty(0)])
    seen = seen[(seen > 0) & np.isfinite(seen)]
    if not len(seen):
        along.set_ticks([])
        return
    if seen.max() > 1 / SMALL or seen.min() < SMALL:  # margins would leave what numbers can be
        axis.set(**{f"{which}lim": (max(seen.min() / 2, TINY), min(seen.max(), 1 / TINY) * 2)})
    axis.set(**{f"{which}scale": "log"})
    low, high = axis.get_xlim() if which == "x" else axis.get_ylim()
    if high > FINE * low:
        along.set_minor_locator(NullLocator())
    along.set_major_locator(_Digits())
    along.set_major_formatter(_Written())
    along.set_minor_formatter(NullFormatter())
