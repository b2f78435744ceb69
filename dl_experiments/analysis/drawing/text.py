"""Text beside points, put where it covers neither points nor other text, or left away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

STEPS = (7.0, 13.0)  # points between a point and its text, the nearest first
CLEAR = 4.9  # points kept free around what is covered already
DIRECTIONS = np.pi * np.array([0, 1, 0.5, 1.5, 0.25, 0.75, 1.75, 1.25])


@dataclass(frozen=True, eq=False)
class Label:
    """A text, the point [2] it belongs to in data units, and its look.

    ``halo`` is the colour of an outline, for a ground of many colours.
    """

    at: np.ndarray
    text: str
    colour: Any = "black"
    size: float = 8.0
    halo: Any = None


def place(axis: Axes, labels: Sequence[Label], obstacles: np.ndarray) -> list[Label]:
    """Write the labels, the first ones first; returns those for which there was no room.

    Call it when the figure has its final size and the axis its limits.

    Args:
        axis: Where.
        labels: By importance.
        obstacles: Points [n, 2] in data units that no text may cover.
    """
    figure = axis.figure.get_figure(root=True)
    assert figure is not None
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()  # lays the axes out
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call, unused-ignore]
    point = figure.dpi / 72
    frame = axis.get_window_extent(renderer)
    dots = axis.transData.transform(obstacles)
    taken: list[Bbox] = []
    homeless = []
    for label in labels:
        for radius, angle in _around():
            offset = radius * np.array([np.cos(angle), np.sin(angle)])
            text = axis.annotate(
                label.text,
                tuple(label.at),
                tuple(offset),
                textcoords="offset points",
                ha=_side(offset[0], "left", "right"),
                va=_side(offset[1], "bottom", "top"),
                color=label.colour,
                size=label.size,
                zorder=6,
            )
            text.set_in_layout(False)
            if label.halo is not None:
                text.set_path_effects([withStroke(linewidth=2.0, foreground=label.halo)])
            box = text.get_window_extent(renderer)
            wide = box.padded(CLEAR * point)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
            inside = inside and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not wide.count_contains(dots) and not box.count_overlaps(taken):
                taken.append(wide)
                break
            text.remove()
        else:
            homeless.append(label)
    return homeless


def _around() -> list[tuple[float, float]]:
    return [(radius, angle) for radius in STEPS for angle in DIRECTIONS]


def _side(offset: float, positive: str, negative: str) -> str:
    if abs(offset) < 1e-6:
        return "center"
    return positive if offset > 0 else negative
