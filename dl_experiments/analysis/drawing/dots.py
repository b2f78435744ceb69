"""Every seed as a dot, its group's mean as a bar or on a line, and what has no value."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.drawing.style import Name
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.quantities import Quantity, by_seed
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.statistics import INTERVAL

GREY = "#777777"
THROUGH = "Small marks: every completed seed; line: their mean (of what is logarithmic geometric)."
"""What `through` draws."""
LOST = "A diverged run has no final value; its mark stands at the upper edge."
"""What `column` and `scatter` draw of one."""
COUNTED = "A diverged run has no final value; its mark stands at what it counts as, at best."
"""What `column` draws of one where it is ``counted``."""


def keys() -> list[Line2D]:
    """Legend entries for what `through` draws of a group."""
    return [
        style.key("one seed", color=GREY, marker="o", ls="", ms=4),
        style.key("mean over seeds (geometric if log)", color=GREY),
    ]


def caption(losses: bool) -> str:
    """What `column` draws, in words; ``losses`` where a panel shows one."""
    mean = "their mean (of a loss or a time the geometric mean)" if losses else "their mean"
    wide = "that of two seeds may leave the panel"
    return f"Dots: every completed seed; bar: {mean} with its {INTERVAL}; {wide}."


def column(
    axis: Axes,
    at: float,
    runs: Sequence[Run],
    quantity: Quantity,
    colour: Any,
    width: float = 0.5,
    counted: bool = False,
) -> None:
    """Draw one group's values; dots lie side by side in order of the seed.

    ``counted`` puts the mark of diverged runs at the quantity's bound for them, where it has one.
    """
    values = np.array(list(by_seed(runs, quantity).values()))
    if len(values):
        spread = np.linspace(-0.3, 0.3, len(values)) if len(values) > 1 else np.zeros(1)
        axis.plot(at + width * spread, values, "o", color=colour, ms=5, alpha=0.75, mew=0)
    if mean := quantity.level(runs):
        axis.plot([at - width / 2, at + width / 2], [mean.value] * 2, color="black", lw=1.6)
        if mean.low is not None and mean.high is not None:
            ends = [mean.low, mean.high]
            bar = Line2D([at, at], ends, color="black", lw=1.2, label=style.MEAN)
            if mean.n > 2:
                axis.add_line(bar)
            else:  # nine standard deviations to either side, beside which the dots would be one
                axis.add_artist(bar)
    bounds = [bound for bound in quantity.lost(runs).values() if bound is not None]
    _diverged(axis, at, runs, colour, min(bounds) if counted and bounds else None)


def columns(
    axis: Axes,
    groups: Mapping[Name, Sequence[Run]],
    quantity: Quantity,
    colours: Mapping[Name, Any],
    label: str = "",
    names: Iterable[str] = (),
    counted: bool = False,
    **look: Any,
) -> None:
    """Draw a quantity of groups beside each other.

    Args:
        axis: Where.
        groups: Name -> runs.
        quantity: Of a run; the axis has its scale.
        colours: Name -> colour.
        label: Of the axis; by default the quantity's.
        names: What stands beneath each group; by default its name.
        counted: As in `column`.
        look: Of these words.
    """
    for at, (name, runs) in enumerate(groups.items()):
        column(axis, at, runs, quantity, colours[name], counted=counted)
    panels.names(axis, names or map(str, groups), **look)
    panels.values(axis, label or quantity.label, quantity.scale)


def through(
    axis: Axes,
    groups: Mapping[float, Sequence[Run]] | Mapping[int, Sequence[Run]],
    quantity: Quantity,
    colour: Any,
    dashes: Any = style.TRAIN,
    marker: str = "o",
) -> None:
    """Every seed as a dot at its group's number, and a line through the levels of the groups.

    On a logarithmic axis what is not positive has no place and is not drawn.
    """
    line = []
    for at, runs in groups.items():
        values = np.array(list(by_seed(runs, quantity).values()))
        shown = values[values > 0] if quantity.scale is LOG else values
        axis.plot([at] * len(shown), shown, marker, color=colour, ms=4, alpha=0.55, mew=0)
        level = quantity.level(runs)
        if level and (level.value > 0 or quantity.scale is not LOG):
            line.append((at, level.value))
        _diverged(axis, at, runs, colour)
    axis.plot(*np.array(line).reshape(-1, 2).T, color=colour, ls=dashes, lw=1.7)


def scatter(axis: Axes, at: float, runs: Sequence[Run], quantity: Quantity) -> None:
    """Draw runs that differ in more than their seed: dots, and no mean of unlike things."""
    values = [v for run in runs if run.completed and (v := quantity(run)) is not None]
    places = at + np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else [at] * len(values)
    axis.plot(places, values, "o", color=GREY, ms=4, alpha=0.6, mew=0)
    _diverged(axis, at, runs, GREY)


def _diverged(
    axis: Axes, at: float, runs: Sequence[Run], colour: Any, height: float | None = None
) -> None:
    """One mark for all, at a height in data units or at the upper edge."""
    if any(run.status.state == "diverged" for run in runs):
        place = axis.get_xaxis_transform() if height is None else axis.transData
        axis.plot(
            [at], [1.0 if height is None else height], "X", color=colour, mec="black", ms=8,
            clip_on=False, zorder=6, transform=place,
        )  # fmt: skip
