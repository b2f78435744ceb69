"""hw1_3_interpolation: loss and accuracy along the lines between nets."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.phenomena.interpolation.lines import Line
from dl_experiments.analysis.phenomena.interpolation.pairs import CHOSEN, Comparison
from dl_experiments.analysis.runs.describe import about, loss_name, number
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.analysis.runs.statistics import seed_band

COLUMNS = 2
SETS = {"train": style.TRAIN, "test": style.TEST}
PLAIN = {"train": style.COLOURS[0], "test": style.COLOURS[2]}
MATCHED = {"train": style.COLOURS[4], "test": style.COLOURS[1]}


def lines(drawn: Sequence[tuple[Comparison, list[Line], list[Line]]]) -> tuple[str, Figure]:
    """A column a comparison, with its lines and those to matched nets; caption and figure."""
    compared = [comparison for comparison, _, _ in drawn]
    runs = list({run.path: run for c in compared for run in c.runs}.values())
    samples = max(int(line["samples"]) for _, found, _ in drawn for line in found)
    accurate = all("test/accuracy" in line for _, found, _ in drawn for line in found)
    kinds = " and ".join(dict.fromkeys(c.what for c in compared))
    title = f"Along the line between two nets in weight space: {kinds}"
    what = f"evaluated on {samples:,} training samples and the whole test set"
    size = (5.4, 3.0)
    figure, axes = style.page(
        title, about(runs, what), 1 + accurate, len(drawn), size, sharey="row"
    )
    for column, (comparison, plain, matched) in zip(axes.T, drawn, strict=True):
        _panel(column[0], plain, matched, "loss")
        panels.values(column[0], loss_name(runs), LOG)
        if accurate:
            _panel(column[1], plain, matched, "accuracy")
            panels.values(column[1], "accuracy", SHARE)
        column[0].set_title(_heading(comparison, len(plain)))
        for axis in column:
            _name_ends(axis, comparison, plain[0])
        column[-1].set_xlabel("α in θ(α) = (1 − α)θ₁ + αθ₂")
    style.legend_below(figure, _keys(any(matched for _, _, matched in drawn)))
    return _caption(compared, samples, any(matched for _, _, matched in drawn)), figure


def _panel(axis: Axes, plain: Sequence[Line], matched: Sequence[Line], metric: str) -> None:
    for found, colours in ((plain, PLAIN), (matched, MATCHED)):
        for name, dashes in SETS.items():
            if found:
                _band(axis, found, f"{name}/{metric}", colours[name], dashes)
    for name in SETS:
        for end in (0, 1):
            values = np.array([line[f"{name}/{metric}"][line["alphas"] == end] for line in plain])
            centre = seed_band(values, geometric=metric == "loss")[0]
            filled = PLAIN[name] if name == "train" else "white"
            axis.plot([end], centre, "o", mfc=filled, mec=PLAIN[name], ms=6.5, zorder=5)


def _band(axis: Axes, found: Sequence[Line], metric: str, colour: Any, dashes: Any) -> None:
    at = found[0]["alphas"]
    values = np.stack([line[metric] for line in found])
    if metric.endswith("loss"):
        values = np.clip(values, 1e-12, 1e12)  # a log axis has no 0 and no infinity
    centre, low, high = seed_band(values, geometric=metric.endswith("loss"))
    if len(found) > 1:
        axis.fill_between(at, low, high, color=colour, alpha=0.18, lw=0, label=style.RANGE)
    axis.plot(at, centre, color=colour, ls=dashes)


def _name_ends(axis: Axes, comparison: Comparison, line: Line) -> None:
    """Ticks at every half, and what the two nets are beneath 0 and 1."""
    low, high = line["alphas"][[0, -1]]
    step = 0.5 if high - low <= 4 else float(np.ceil((high - low) / 8))
    ticks = {float(t) for t in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step}
    places = sorted(ticks | {0.0, 1.0})
    names = {0.0: f"0\n{comparison.ends[0]}", 1.0: f"1\n{comparison.ends[1]}"}
    axis.set_xticks(places, [names.get(place, number(place)) for place in places])
    for end in (0, 1):
        axis.axvline(end, color="#777777", lw=0.9, ls=":", zorder=0)


def _heading(comparison: Comparison, count: int) -> str:
    if comparison.what == CHOSEN:
        return "the chosen pair"
    start = f"{'same' if comparison.shared else 'different'} initial weights, n = {count}"
    return f"{start}\n{comparison.context}" if comparison.context else start


def _keys(matched: bool) -> list[Any]:
    shown = {"as trained": PLAIN}
    if matched:
        shown["the second net's units matched"] = MATCHED
    keys = [
        style.key(f"{words}, {name}ing set".replace("testing", "test"), color=of[name], ls=dashes)
        for words, of in shown.items()
        for name, dashes in SETS.items()
    ]
    look = {"color": PLAIN["train"], "marker": "o", "ls": "", "ms": 6.5}
    return [*keys, style.key("the two nets (filled: training, open: test)", **look)]


def _caption(compared: Sequence[Comparison], samples: int, matched: bool) -> str:
    words = [
        "Loss (top, log scale) and accuracy (bottom) of nets whose weights lie on the straight "
        "line through those of two trained nets, which are at α = 0 and α = 1; nothing is trained "
        f"on the way. Evaluated in eval mode on {samples:,} training samples (solid) and the whole "
        "test set (dashed)."
    ]
    if any(c.what != CHOSEN for c in compared):
        words.append(
            "Line: mean over pairs (of the loss the geometric mean), one pair a seed; band: the "
            "whole range."
        )
    if any(not c.shared for c in compared):
        words.append(
            "With different initial weights, each seed's first net is paired with the next seed's "
            "second."
        )
    if matched:
        words.append(
            "Red and orange, the control where the initial weights differ: the second net's hidden "
            "units were first permuted to match the first net's, which leaves its function as it "
            "is; drawn between the ends only."
        )
    if chosen := next((c for c in compared if c.what == CHOSEN), None):
        first, second = chosen.pairs[0]
        words.append(f"First: {first.path.name}; second: {second.path.name}.")
    return " ".join(words)
