"""Drawing the curves of a group of runs that differ in their seed.

Completed runs make the mean and its band (or thin lines, every seed shown). The others are drawn
as far as they came, each with a mark at its end, and are never averaged in.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.drawing.style import Name
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import loss_name, run_count, sized
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.scales import LOG, Scale
from dl_experiments.analysis.runs.statistics import running_median, seed_band

SPLITS = {"train": style.TRAIN, "test": style.TEST}
FEW = 20
GUESSING: dict[str, Any] = {"color": "#777777", "lw": 0.9, "ls": ":"}
ABOVE = 30.0  # a diverged loss is drawn up to this many times the largest completed one
EVERY = "Thin lines: every completed seed; thick: their geometric mean."

CALM = "Each is drawn by its running median, over a tenth of the epoch to either side."


def band(accuracy: bool, log: bool = True) -> str:
    """What `draw` makes of a loss, mostly on a logarithmic axis, and of an accuracy beside it."""
    mean = "geometric mean of the loss" + (" and mean of the accuracy" if accuracy else "")
    zero = " A loss of exactly 0 stands at the lowest above it." if log else ""
    return (
        f"Line: {mean if log else 'mean'} over completed seeds, thin after a tick where a seed has "
        f"ended; band: their whole range, lowest to highest seed.{zero}"
    )


def draw(
    axis: Axes,
    runs: Sequence[Run],
    metric: str,
    colour: Any,
    dashes: Any = style.TRAIN,
    log: bool = False,
    every: bool = False,
    start: int = 0,
    along: str = "epoch",
    calm: bool = False,
) -> None:
    """Draw one metric of one group.

    Args:
        axis: Where.
        runs: Of one group.
        metric: Name of the metric; runs without it are left alone.
        colour: Of the group.
        dashes: ``style.TRAIN`` or ``style.TEST``.
        log: Whether the y axis is logarithmic: means are geometric, and what is exactly 0 stands
            at the lowest positive value of the group.
        every: Thin lines for every seed in place of the band.
        start: The first epoch drawn (a logarithmic epoch axis has no 0).
        along: The x axis, ``epoch`` or ``step``.
        calm: Whether completed runs are drawn by their running median, see ``CALM``.
    """
    seen = {run.path: _curve(run, metric, start, along) for run in runs}
    if log:
        seen = _above_zero(seen)
    done = [seen[run.path] for run in runs if run.completed and len(seen[run.path][0])]
    if calm:
        done = [running_median(*curve) for curve in done]
    if done:
        if every:
            faint = 0.45 if len(done) < FEW else 0.25
            for curve in done:
                axis.plot(*curve, color=colour, ls=dashes, lw=0.7, alpha=faint, label=style.ONE)
        width = 2.2 if every else 1.8
        for epochs, values in stretches(done):
            if len(values) > 1 and not every:
                _, low, high = seed_band(values)
                axis.fill_between(
                    epochs, low, high, color=colour, alpha=0.2, lw=0, label=style.RANGE
                )
            centre = seed_band(values, geometric=log)[0]
            look: dict[str, Any] = {"color": colour, "ls": dashes, "lw": width}
            if len(values) < len(done):  # a tick where a seed has ended
                look |= {"lw": 0.5 * width, "marker": "|", "ms": 8, "mew": 1.2, "markevery": [0]}
            axis.plot(epochs, centre, **look)
    cap = _cap(done, runs, metric) if log else np.inf
    for run in runs:
        if not run.completed:
            epochs, values = seen[run.path]
            shown = epochs <= _last_shown(run, runs, along)
            _unfinished(axis, run, (epochs[shown], values[shown]), cap, colour, dashes)


def learning(
    loss: Axes,
    accuracy: Axes | None,
    groups: Mapping[Name, Sequence[Run]],
    colours: Mapping[Name, Any],
    scale: Scale = LOG,
    **look: Any,
) -> None:
    """Draw loss and accuracy of groups, of the training set solid and of the test set dashed.

    Args:
        loss: Where; its axis is of that scale.
        accuracy: Where, if anywhere; its ticks are left to the caller.
        groups: Name -> runs.
        colours: Name -> colour.
        scale: Of the loss.
        look: ``every``, ``start`` and ``along`` as in `draw`.
    """
    for name, runs in groups.items():
        for split, dashes in SPLITS.items():
            draw(loss, runs, f"{split}/loss", colours[name], dashes, scale is LOG, **look)
            if accuracy:
                draw(accuracy, runs, f"{split}/accuracy", colours[name], dashes, **look)
    panels.values(loss, loss_name(flat(groups)), scale)
    if accuracy:
        panels.values(accuracy, "accuracy")


def stretches(
    curves: Sequence[tuple[np.ndarray, np.ndarray]],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Epochs [t] and values there [n, t] of the curves that go on, a pair each time one ends.

    The first pair is of all curves; each later one begins where the one before ended. Of more than
    a few ends some stand for all.
    """
    found, begin = [], -np.inf
    ends = sorted({at[-1] for at, _ in curves})
    if len(ends) > FEW:
        ends = [ends[at] for at in np.linspace(0, len(ends) - 1, FEW).round().astype(int)]
    for end in ends:
        epochs, values = common([curve for curve in curves if curve[0][-1] >= end])
        kept = (epochs >= begin) & (epochs <= end)
        if kept.any():
            found.append((epochs[kept], values[:, kept]))
            begin = epochs[kept][-1]
    return found


def common(curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Epochs [t] that every curve has, and the curves' values there [n, t]."""
    epochs = curves[0][0]
    for other, _ in curves[1:]:
        epochs = np.intersect1d(epochs, other)
    return epochs, np.stack([values[np.isin(at, epochs)] for at, values in curves])


def _curve(run: Run, metric: str, start: int, along: str) -> tuple[np.ndarray, np.ndarray]:
    at, values = run.rows.curve(metric, along)
    kept = np.isfinite(values) & (at >= start)
    return at[kept], values[kept]


def _above_zero(seen: dict[Any, tuple[np.ndarray, np.ndarray]]) -> dict[Any, Any]:
    """The curves as a logarithmic axis can show them: never below the lowest positive value."""
    floor = min((v[v > 0].min() for _, v in seen.values() if (v > 0).any()), default=None)
    if floor is None:
        return {path: (np.empty(0), np.empty(0)) for path in seen}
    return {path: (at, np.maximum(values, floor)) for path, (at, values) in seen.items()}


def _cap(done: Sequence[tuple[np.ndarray, np.ndarray]], runs: Sequence[Run], metric: str) -> float:
    """How high an unfinished loss is drawn, so that one explosion does not flatten the rest."""
    firsts = [v[:1] for run in runs if len(v := run.curve(metric)[1])]
    seen = np.concatenate([values for _, values in done] or firsts or [np.ones(1)])
    seen = seen[np.isfinite(seen)]
    return ABOVE * float(seen.max()) if len(seen) else np.inf


def _last_shown(run: Run, runs: Sequence[Run], along: str) -> float:
    """Where the training loss of an unfinished run leaves its panel; its other curves end there."""
    at, values = _curve(run, "train/loss", 0, along)
    done = [_curve(other, "train/loss", 0, along) for other in runs if other.completed]
    over = np.flatnonzero(values > _cap(done, runs, "train/loss"))
    ends = at[over[:1]] if len(over) else at[-1:]
    return float(ends[0]) if len(ends) else np.inf


def _unfinished(
    axis: Axes,
    run: Run,
    curve: tuple[np.ndarray, np.ndarray],
    cap: float,
    colour: Any,
    dashes: Any,
) -> None:
    epochs, values = curve
    if not len(epochs):
        return
    over = np.flatnonzero(values > cap)
    end = over[0] + 1 if len(over) else len(values)
    epochs, values = epochs[:end], np.minimum(values[:end], cap)
    axis.plot(epochs, values, color=colour, ls=dashes, lw=0.9)
    mark = style.MARKS[run.status.state]
    axis.plot(epochs[-1:], values[-1:], mark, color=colour, mec="black", ms=7, zorder=5)


def percent_axis(axis: Axes, runs: Sequence[Run]) -> None:
    """An accuracy axis in percent, from the lowest value after epoch 0 upwards.

    To be called once all is drawn. What lies below at epoch 0 is taken off: curves begin at the
    first epoch that can be seen.
    """
    axis.yaxis.set_major_formatter(panels.Percent())
    shown = [run for run in runs if run.completed] or runs
    values = [
        value[np.isfinite(value) & (epochs > 0)]
        for run in shown
        for epochs, value in (run.curve("train/accuracy"), run.curve("test/accuracy"))
    ]
    seen = np.concatenate([*values, np.empty(0)])
    if len(seen) and seen.max() > seen.min():
        margin = 0.05 * (seen.max() - seen.min())
        axis.set_ylim(seen.min() - margin, seen.max() + margin)
        for one in axis.get_shared_y_axes().get_siblings(axis):
            _begin_within(one, seen.min() - margin)


def _begin_within(axis: Axes, lowest: float) -> None:
    """Take epoch 0 off what is drawn where a curve lies below the axis there."""
    drawn = [line for line in axis.get_lines() if line.get_transform() == axis.transData]
    found = [(line, *np.asarray(line.get_data(), dtype=float)) for line in drawn]
    whole = [(line, x, y) for line, x, y in found if len(x) > 1 and x[0] == 0]
    if not any(y[0] < lowest for _, _, y in whole):
        return
    for line, x, y in whole:
        line.set_data(x[1:], y[1:])
    for band in axis.collections:
        if isinstance(band, PolyCollection):
            corners = [np.asarray(path.vertices) for path in band.get_paths()]
            band.set_verts([at[at[:, 0] > 0] for at in corners])


def state_keys(runs: Sequence[Run]) -> list[Line2D]:
    """Legend entries for the marks of unfinished and diverged runs, with their counts."""
    keys = []
    for state, mark in style.MARKS.items():
        members = [run for run in runs if run.status.state == state]
        if members:
            bare = sum(not run.rows for run in members)
            text = f"{len(members)} {state}" + (f" ({bare} without metrics)" if bare else "")
            look = {"ls": "", "marker": mark, "color": "#BBBBBB", "markeredgecolor": "black"}
            keys.append(style.key(text, **look))
    return keys


def guessing(axis: Axes, runs: Sequence[Run], words: str = "") -> list[Line2D]:
    """A line at the accuracy of guessing, and its legend entry; none where that is not known."""
    chance = runs[0].chance
    if not chance:
        return []
    axis.axhline(chance, **GUESSING)
    return [style.key(f"guessing: {words}{100 * chance:.3g} %", **GUESSING)]


def lost_keys(runs: Sequence[Run]) -> list[Line2D]:
    """The one for diverged runs, where only those have a mark."""
    return state_keys([run for run in runs if run.status.state == "diverged"])


def ended_keys(groups: Mapping[Name, Sequence[Run]]) -> list[Line2D]:
    """The one for the tick after which `draw` thins a line; none where seeds end together."""
    done = [[run for run in runs if run.completed and run.rows] for runs in groups.values()]
    if all(len({run.rows[-1]["epoch"] for run in runs}) < 2 for runs in done):
        return []
    look = {"color": "#555555", "lw": 1.1, "marker": "|", "ms": 8, "mew": 1.2}
    return [style.key("a seed has ended, thin after it", **look)]


def split_keys() -> list[Line2D]:
    """Legend entries for solid and dashed."""
    return [
        style.key("train (solid)", color="#555555", ls=style.TRAIN),
        style.key("test (dashed)", color="#555555", ls=style.TEST),
    ]


def group_key(name: str, runs: Sequence[Run], colour: Any) -> Line2D:
    """A group's legend entry: name, exact parameter count, n."""
    return style.key(f"{name}{sized(runs)}, {run_count(runs)}", color=colour)
