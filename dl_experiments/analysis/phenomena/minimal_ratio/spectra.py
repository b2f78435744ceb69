"""hw1_2_minimal_ratio: the eigenvalues themselves, and what the tolerance makes of them."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.phenomena.minimal_ratio.claims import Sweep
from dl_experiments.analysis.phenomena.minimal_ratio.points import (
    LEVELS,
    SAME,
    ZERO_LOSS,
    Points,
    facets,
)
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.measures.spectrum import minimal_ratio, ratio_with_zeros

Groups = Mapping[str, Points]
LEAST = 1e-18  # |λ|/max|λ| from which on eigenvalues are drawn
PLACES = np.geomspace(LEAST, 1.0, 109)
SIGNS = {"positive": (1, style.COLOURS[0]), "negative": (-1, style.COLOURS[4])}
ZERO = 1e-19  # where tolerance 0 stands, beyond a break of the logarithmic axis
JUDGED, DRAWN = "above rounding: judged", "within rounding: drawn, not judged"


def cumulative(about: str, groups: Groups) -> tuple[str, Figure]:
    """How many eigenvalues of each sign are larger, by the loss; returns caption and figure."""
    title = "How many eigenvalues of the Hessian are larger, on either side of zero"
    size = (max(3.6, 7.6 / len(groups)), 1.75)
    share = {"sharex": True, "sharey": "col"}
    figure, axes = style.page(title, about, len(LEVELS), len(groups), size, **share)
    for column, (label, points) in enumerate(groups.items()):
        for axis, name in zip(axes[:, column], LEVELS, strict=True):
            chosen = points.level(name)
            for sign, colour in SIGNS.values() if chosen.any() else ():
                larger = (sign * points.spectrum[chosen][:, :, None] >= PLACES).sum(1)
                axis.plot(PLACES, larger.mean(0), color=colour)
            _mark(axis, points)
            axis.set_xscale("log")
            axis.set_xlim(LEAST, 1.5)
            axis.xaxis.set_major_locator(FixedLocator([1e-18, 1e-12, 1e-6, 1]))
            axis.xaxis.set_minor_locator(NullLocator())
            panels.decades(axis.xaxis)
            head = f"{label}\n" if name == next(iter(LEVELS)) else ""
            axis.set_title(f"{head}loss {name}, n = {chosen.sum()}")
            panels.values(axis, "eigenvalues\na point")
        axes[-1, column].set_ylim(bottom=0)
        axes[-1, column].set_xlabel("|λ| / max|λ| (log scale)")
    entries = [style.key(name, color=colour) for name, (_, colour) in SIGNS.items()]
    style.legend_below(figure, [*entries, _band_key()])
    caption = (
        "At each size, how many eigenvalues of that sign are as large or larger: a mean over the "
        "critical points (n) of a class of loss, each spectrum divided by its largest |λ|. "
        "Shaded: within the rounding of some point, where a sign may mean nothing. A gap between "
        "what is zero and what is small would be a level stretch; where a curve goes on rising to "
        "the left, any tolerance cuts through a continuum. What is missing to all parameters at "
        "the left edge is below it: many eigenvalues are exactly zero where units are silent, in "
        "embedded nets and dead ones of a ReLU net."
    )
    return caption, figure


def zeros(about: str, groups: Groups) -> tuple[str, Figure]:
    """The minimal ratio with and without the zeros, by tolerance; returns caption and figure."""
    title = "What the minimal ratio becomes when zeros count as positive"
    figure, axes = facets(title, about, groups, (3.9, 3.1))
    colours = style.colours(list(LEVELS), ordered=True)
    for axis, points in zip(axes, groups.values(), strict=True):
        for name, colour in colours.items():
            chosen = points.level(name)
            if chosen.any():
                strict = minimal_ratio(points.swept[chosen]).mean(0)
                loose = ratio_with_zeros(points.swept[chosen]).mean(0)
                for shares, dashes in ((strict, style.TRAIN), (loose, style.TEST)):
                    axis.plot(points.relative[:-1], shares[:-1], color=colour, ls=dashes)
                axis.plot([ZERO], strict[-1:], "o", color=colour, ms=5)
        _mark(axis, points)
        counts = [f"{int(points.level(name).sum())}" for name in colours]
        axis.set_title(f"{points.label}\nn = {', '.join(counts)} by rising loss")
        panels.values(axis, "share of eigenvalues")
        _tolerances(axis)
    axes[0].set_ylim(-0.02, 1.02)
    entries = [
        *_level_keys(groups),
        style.key("n₊/P (solid)", color="#555555"),
        style.key("(n₊ + n₀)/P (dashed)", color="#555555", ls=style.TEST),
        _band_key(),
    ]
    style.legend_below(figure, entries)
    caption = (
        "Means over the critical points of a class of loss. Between solid and dashed lie the "
        "eigenvalues within the tolerance: they count as zero in the first, as positive in the "
        "second. Dots: at tolerance 0, where both are one as every eigenvalue has the sign that "
        "rounding gave it."
    )
    return caption, figure


def correlations(about: str, sweeps: Mapping[str, Sweep], groups: Groups) -> tuple[str, Figure]:
    """Rank correlations with the loss at every tolerance; returns caption and figure."""
    title = "Rank correlation with the loss, at every tolerance"
    figure, axes = facets(title, about, groups, (3.9, 3.0))
    series = {
        "minimal ratio n₊/P (published: negative)": ("ratio", style.COLOURS[0], "o", 0.72),
        "negative share n₋/P (theory: positive)": ("negative", style.COLOURS[4], "s", 1.4),
    }
    for axis, (label, points) in zip(axes, groups.items(), strict=True):
        x = np.where(points.relative, points.relative, ZERO)
        for field, colour, marker, shift in series.values():
            estimates = getattr(sweeps[label], field)
            for place, estimate, judged in zip(x * shift, estimates, points.judged, strict=True):
                _bar(axis, place, estimate, colour, marker, judged)
        axis.axhline(0, color="black", lw=0.9)
        _mark(axis, points)
        starts = sweeps[label].starts
        many = f"{len(starts)} distinct points of {len(set(starts))} starts"
        axis.set_title(f"{label}\n{many if len(starts) else 'no start found several'}")
        panels.values(axis, "Spearman's ρ with the loss")
        _tolerances(axis)
    axes[0].set_ylim(-1.05, 1.05)
    entries = [
        style.key(name, color=colour, marker=marker, ls="")
        for name, (_, colour, marker, _) in series.items()
    ]
    grey = {"color": "#555555", "marker": "o", "ls": ""}
    entries += [style.key(JUDGED, **grey), style.key(DRAWN, mfc="white", **grey)]
    style.legend_below(figure, [*entries, _band_key()])
    caption = (
        "Within the critical points that one start of the search found, a distinct one counted "
        "once, and averaged over the starts that found several; bars: 95 % intervals (by "
        "permutation within starts). Points of one start are one where their losses agree "
        f"to {100 * SAME:g} % or lie below {number(ZERO_LOSS)}. Counts that do not vary have ρ = "
        "0, and there is no bar where counts are tied so often that no order of them is rare."
    )
    return caption, figure


def _bar(
    axis: Axes, place: float, estimate: Estimate | None, colour: str, marker: str, judged: bool
) -> None:
    if estimate is None:
        return
    if estimate.low is not None and estimate.high is not None:
        axis.plot([place, place], [estimate.low, estimate.high], color=colour, lw=1.2)
    axis.plot(
        [place], [estimate.value], marker, color=colour, ms=4.5, mfc=None if judged else "white"
    )


def _mark(axis: Axes, points: Points) -> None:
    """Shade what is within rounding at some critical point, and so is not judged."""
    if points.converged.any():
        axis.axvspan(1e-30, points.widest_rounding, color="#E4E4E4", alpha=0.7, lw=0, zorder=0)


def _band_key() -> Line2D:
    return style.key("within rounding", color="#E4E4E4", lw=7)


def _level_keys(groups: Groups) -> list[Line2D]:
    return [
        style.key(f"loss {name}", color=colour)
        for name, colour in style.colours(list(LEVELS), ordered=True).items()
        if any(points.level(name).any() for points in groups.values())
    ]


def _tolerances(axis: Axes) -> None:
    """From large to small, and 0 beyond a break."""
    axis.set_xscale("log")
    axis.set_xlim(2e-4, 3e-20)
    axis.xaxis.set_major_locator(FixedLocator([1e-4, 1e-8, 1e-12, 1e-16, ZERO]))
    axis.set_xticklabels(["10⁻⁴", "10⁻⁸", "10⁻¹²", "10⁻¹⁶", "0"])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("tolerance / max|λ| (log scale)")
    axis.text(
        1e-18, 0, "//", ha="center", va="center", transform=axis.get_xaxis_transform(),
        bbox={"fc": "white", "ec": "none", "pad": 0.5},
    )  # fmt: skip
