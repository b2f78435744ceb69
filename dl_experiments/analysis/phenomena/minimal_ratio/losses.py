"""hw1_2_minimal_ratio: what depends on the loss of the critical point."""

import json
from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.phenomena.minimal_ratio.points import ARMS, LIMIT, Points, facets, keys
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.measures.spectrum import minimal_ratio, negative_share

Groups = Mapping[str, Points]
COLUMNS: dict[str, float | None] = {
    "tolerance 10⁻⁶ max|λ|": 1e-6,
    "tolerance 10⁻¹⁰ max|λ|": 1e-10,
    "tolerance of rounding": None,
    "tolerance 0: by sign alone": 0.0,
}


def ratios(about: str, groups: Groups) -> tuple[str, Figure]:
    """Minimal ratio against loss, tolerance by tolerance; returns caption and figure."""
    title = "Minimal ratio against loss: the tolerance decides"
    figure = _by_tolerance(title, about, groups, "minimal ratio n₊/P", minimal_ratio)
    caption = (
        "Share of positive eigenvalues of the whole Hessian, one mark a critical point, with "
        "eigenvalues within the tolerance counted as zero. The tolerance of rounding is "
        "P·ε·max|λ| plus the asymmetry of the computed matrix; with tolerance 0 rounding decides "
        "the sign of what is zero."
    )
    return caption, figure


def negatives(about: str, groups: Groups) -> tuple[str, Figure]:
    """Share of negative eigenvalues against loss; returns caption and figure."""
    title = "Share of negative eigenvalues against loss"
    figure = _by_tolerance(title, about, groups, "negative share n₋/P", negative_share)
    caption = (
        "The index of each critical point: theory says that it grows with the loss. It is 1 minus "
        "the minimal ratio with zeros counted as positive."
    )
    return caption, figure


def sampled(about: str, groups: Groups) -> tuple[str, Figure]:
    """The sampled minimal ratio beside that of the eigenvalues; returns caption and figure."""
    title = "Minimal ratio by eigenvalues, and by sampled neighbours"
    figure, axes = style.page(title, about, 2, len(groups), (3.3, 2.3), sharex="col", sharey="row")
    for column, points in zip(axes.T, groups.values(), strict=True):
        _scatter(column[0], points, minimal_ratio(points.counts))
        _scatter(column[1], points, points.sampled)
        column[0].set_title(points.label)
        _losses(column[1])
    axes[0, 0].set_ylabel("by eigenvalues, n₊/P\n(tolerance of rounding)")
    axes[1, 0].set_ylabel("by sampling:\nshare of higher points")
    style.legend_below(figure, keys(groups))
    settings = json.loads(next(iter(groups.values())).settings)
    caption = (
        f"Above: share of positive eigenvalues. Below: share of {settings['samples']} points, "
        f"uniform in a ball of radius {settings['radius']:g} around the critical point, with a "
        "higher loss. They are different quantities: the second is near 1 as soon as the positive "
        "curvature outweighs the negative, so its axis begins where its lowest point lies."
    )
    return caption, figure


def gradient_norms(about: str, groups: Groups) -> tuple[str, Figure]:
    """Where every search ended; returns caption and figure."""
    title = "Where every search ended: gradient norm against loss"
    figure, axes = facets(title, about, groups, (3.7, 3.1))
    for axis, points in zip(axes, groups.values(), strict=True):
        norms = np.maximum(points.gradient_norm, 1e-18)
        for _, (_, colour, marker), mine in _arms(points):
            for chosen, fill in (
                (mine & points.converged, colour),
                (mine & ~points.converged, "none"),
            ):
                axis.plot(
                    points.loss[chosen], norms[chosen], marker, color=colour, mfc=fill, ms=4.5,
                    mew=0.9, alpha=0.7,
                )  # fmt: skip
        axis.axhline(LIMIT, color="black", lw=0.9, ls=":")
        panels.values(axis, "‖∇L‖", LOG)
        axis.set_title(f"{points.label}\n{_converged(points)}")
        _losses(axis)
    entries = [
        *keys(groups, every=True),
        style.key("not converged", ls="", marker="o", mfc="none", color="#555555"),
        style.key("10⁻⁸", color="black", lw=0.9, ls=":"),
    ]
    style.legend_below(figure, entries)
    caption = (
        "All starts, one mark each, where the minimisation of ‖∇L‖² left them. Filled: converged, "
        "below 10⁻⁸; hollow: stopped with no step that helps, or at the last one allowed."
    )
    return caption, figure


def _by_tolerance(
    title: str,
    about: str,
    groups: Groups,
    name: str,
    quantity: Callable[[np.ndarray], np.ndarray],
) -> Figure:
    size = (2.75, 2.2)
    share = {"sharex": "row", "sharey": "row"}
    figure, axes = style.page(title, about, len(groups), len(COLUMNS), size, **share)
    for row, points in zip(axes, groups.values(), strict=True):
        for axis, relative in zip(row, COLUMNS.values(), strict=True):
            _scatter(axis, points, quantity(points.at(relative)))
        row[0].set_ylabel(f"{points.label}\n{name}")
    for axis, head in zip(axes[0], COLUMNS, strict=True):
        axis.set_title(head)
    for row in axes:
        for axis in row:
            _losses(axis)
    style.legend_below(figure, keys(groups))
    return figure


def _scatter(axis: Axes, points: Points, values: np.ndarray) -> None:
    for _, (_, colour, marker), mine in _arms(points):
        chosen = mine & points.converged
        axis.plot(points.loss[chosen], values[chosen], marker, color=colour, ms=4.5, alpha=0.6)
    axis.set_xscale("log")


def _arms(points: Points) -> list[tuple[str, tuple[str, str, str], np.ndarray]]:
    return [(arm, look, points.arm == arm) for arm, look in ARMS.items()]


def _losses(axis: Axes) -> None:
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(numticks=6))
    axis.xaxis.set_minor_locator(NullLocator())
    panels.decades(axis.xaxis)
    axis.set_xlabel("loss (MSE, log scale)")


def _converged(points: Points) -> str:
    return f"{int(points.converged.sum())} of {len(points.loss)} converged"
