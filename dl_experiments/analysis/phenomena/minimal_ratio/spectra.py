"""hw1_2_minimal_ratio: the eigenvalues themselves, and what the tolerance makes of them."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.phenomena.minimal_ratio.claims import Sweep
from dl_experiments.analysis.phenomena.minimal_ratio.points import LEVELS, Points, facets
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.measures.spectrum import minimal_ratio, ratio_with_zeros

Groups = Mapping[str, Points]
LINEAR = 1e-18  # |λ|/max|λ| below which the histogram's axis is linear
DRAWN_ZERO = 1e-18  # where tolerance 0 is drawn on a logarithmic axis


def histogram(about: str, groups: Groups) -> tuple[str, Figure]:
    """Eigenvalues on both sides of zero, by the loss of the point; returns caption and figure."""
    title = "Eigenvalues of the Hessian on both sides of zero"
    figure, axes = facets(title, about, groups, (4.6, 3.0))
    steps = np.geomspace(LINEAR, 1.0, 37)
    edges = np.concatenate([-steps[::-1], steps])
    colours = style.colours(list(LEVELS), ordered=True)
    for axis, points in zip(axes, groups.values(), strict=True):
        for name, colour in colours.items():
            chosen = points.level(name)
            if chosen.any():
                counts = np.histogram(points.spectrum[chosen], edges)[0] / chosen.sum()
                axis.stairs(counts, edges, color=colour, lw=1.5)
        _mark(axis, points, both=True)
        axis.set_xscale("symlog", linthresh=LINEAR, linscale=0.6)
        places = [-1, -1e-6, -1e-12, 0, 1e-12, 1e-6, 1]
        axis.xaxis.set_major_locator(FixedLocator(places))
        axis.xaxis.set_minor_locator(NullLocator())
        panels.decades(axis.xaxis)
        axis.set_title(points.label)
        axis.set_xlabel("λ / max|λ| (symmetric-log scale)")
        panels.values(axis, "eigenvalues a point\nand bin", LOG)
    axes[0].set_ylim(bottom=0.03)
    style.legend_below(figure, [*_level_keys(groups), _band_key()])
    caption = (
        "Mean number of eigenvalues in bins of half a decade on either side of zero, each spectrum "
        "divided by its largest |λ|; the bin at zero holds all below 10⁻¹⁸. Shaded: within "
        "the tolerance of rounding, where a sign means nothing. No gap separates what is zero from "
        "what is small but real, so any tolerance cuts through a continuum. Many eigenvalues are "
        "exactly zero where units are silent: in embedded nets, and dead ones of a ReLU net."
    )
    return caption, figure


def zeros(about: str, groups: Groups) -> tuple[str, Figure]:
    """The minimal ratio with and without the zeros, by tolerance; returns caption and figure."""
    title = "What the minimal ratio becomes when zeros count as positive"
    figure, axes = facets(title, about, groups, (3.9, 3.1))
    colours = style.colours(list(LEVELS), ordered=True)
    for axis, points in zip(axes, groups.values(), strict=True):
        x = np.maximum(points.relative, DRAWN_ZERO)
        for name, colour in colours.items():
            chosen = points.level(name)
            if chosen.any():
                strict = minimal_ratio(points.swept[chosen]).mean(0)
                loose = ratio_with_zeros(points.swept[chosen]).mean(0)
                axis.plot(x, strict, color=colour)
                axis.plot(x, loose, color=colour, ls=style.TEST)
        _mark(axis, points)
        axis.set_title(points.label)
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
        "second. At tolerance 0 every eigenvalue has the sign that rounding gave it."
    )
    return caption, figure


def correlations(about: str, sweeps: Mapping[str, Sweep], groups: Groups) -> tuple[str, Figure]:
    """Rank correlations with the loss at every tolerance; returns caption and figure."""
    title = "Rank correlation with the loss, at every tolerance"
    figure, axes = facets(title, about, groups, (3.9, 3.0))
    series = {
        "minimal ratio n₊/P (published: negative)": ("ratio", style.COLOURS[0], "o", 0.88),
        "negative share n₋/P (theory: positive)": ("negative", style.COLOURS[4], "s", 1.14),
    }
    for axis, (label, points) in zip(axes, groups.items(), strict=True):
        x = np.maximum(points.relative, DRAWN_ZERO)
        for field, colour, marker, shift in series.values():
            estimates = getattr(sweeps[label], field)
            for place, estimate in zip(x * shift, estimates, strict=True):
                _bar(axis, place, estimate, colour, marker)
        axis.axhline(0, color="black", lw=0.9)
        _mark(axis, points)
        axis.set_title(label)
        panels.values(axis, "Spearman's ρ with the loss")
        _tolerances(axis)
    axes[0].set_ylim(-1.05, 1.05)
    entries = [
        style.key(name, color=colour, marker=marker, ls="")
        for name, (_, colour, marker, _) in series.items()
    ]
    style.legend_below(figure, [*entries, _band_key()])
    caption = (
        "Over all critical points of a net; bars: 95 % bootstrap intervals over runs. Losses that "
        "agree to three digits are tied. Without a "
        "mark: the count does not vary."
    )
    return caption, figure


def _bar(axis: Axes, place: float, estimate: Estimate | None, colour: str, marker: str) -> None:
    if estimate is None:
        return
    axis.plot([place], [estimate.value], marker, color=colour, ms=4.5)
    if estimate.low is not None and estimate.high is not None:
        axis.plot([place, place], [estimate.low, estimate.high], color=colour, lw=1.2)


def _mark(axis: Axes, points: Points, both: bool = False) -> None:
    """Shade what is within rounding, on one or both sides of 0 (median over critical points)."""
    if points.converged.any():
        width = float(np.median(points.rounding[points.converged]))
        axis.axvspan(-width if both else 1e-30, width, color="#E4E4E4", alpha=0.7, lw=0, zorder=0)


def _band_key() -> Line2D:
    return style.key("within rounding", color="#E4E4E4", lw=7)


def _level_keys(groups: Groups) -> list[Line2D]:
    colours = style.colours(list(LEVELS), ordered=True)
    entries = []
    for name, colour in colours.items():
        count = sum(int(points.level(name).sum()) for points in groups.values())
        if count:
            entries.append(style.key(f"loss {name} (n = {count})", color=colour))
    return entries


def _tolerances(axis: Axes) -> None:
    axis.set_xscale("log")
    axis.set_xlim(2e-4, 4e-19)
    axis.xaxis.set_major_locator(FixedLocator([1e-4, 1e-8, 1e-12, 1e-16, DRAWN_ZERO]))
    axis.set_xticklabels(["10⁻⁴", "10⁻⁸", "10⁻¹²", "10⁻¹⁶", "0"])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("tolerance / max|λ| (log scale)")
