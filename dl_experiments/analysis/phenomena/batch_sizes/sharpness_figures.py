"""The figures of hw1_3_sharpness."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from dl_experiments.analysis.drawing import curves, panels, style
from dl_experiments.analysis.phenomena.batch_sizes.arms import GAP, Arm
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_claims import ACCURACY
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_figures import (
    MARKED,
    all_runs,
    along_sizes,
    best_key,
    inner,
    mark_best,
    panel,
    size_axis,
    sizes_in_words,
)
from dl_experiments.analysis.phenomena.batch_sizes.sharpness_values import (
    EIGENVALUE,
    WAYS,
    chosen,
    name,
    radii,
    settings,
    weight_norms,
)
from dl_experiments.analysis.runs.describe import about
from dl_experiments.analysis.runs.scales import LINEAR, LOG, SHARE
from dl_experiments.analysis.sections import Made

SIDE = {
    ACCURACY: ("test accuracy", SHARE),
    GAP: ("training less test\naccuracy (points)", LINEAR),
}
THREAD: dict[str, Any] = {"color": "#BBBBBB", "lw": 0.8}


def against_sizes(config: str, arms: Sequence[Arm]) -> Made:
    """Sharpness two ways and the largest eigenvalue against batch size, a column an arm."""
    runs = all_runs(arms)
    title = "Sharpness and curvature against batch size"
    figure, axes = style.page(
        title, about(runs, config), 3, len(arms), panel(arms), sharex=True, sharey="row"
    )
    known = radii(arms)
    colours = style.colours(known, ordered=True)
    for column, arm in zip(axes.T, arms, strict=True):
        for axis, way in zip(column, WAYS, strict=False):
            for radius in known:
                along_sizes(axis, arm, name(way, radius), colours[radius])
        along_sizes(column[2], arm, EIGENVALUE, style.COLOURS[4], "s")
        for axis in column:
            size_axis(axis)
            mark_best(axis, arm)
        column[0].set_title(arm.title)
    inner(axes)
    rows = ("sharpness,\ngradient ascent", "sharpness,\nrandom points", "largest λ of ∇²L")
    for axis, words in zip(axes[:, 0], rows, strict=True):
        panels.values(axis, words, LOG)
    keys = [
        style.key(f"ball of radius ε = {r:g}", color=c, marker="o", ms=5)
        for r, c in colours.items()
    ]
    keys += [style.key("largest eigenvalue", color=style.COLOURS[4], marker="s", ms=5), best_key()]
    style.legend_below(figure, [*keys, *curves.state_keys(runs)])
    how = settings(arms)
    caption = (
        f"Trained with batches of {sizes_in_words(arms)}. Relative sharpness: the maximum of "
        "(L(θ + δ) − L(θ)) / (1 + L(θ)) over ‖δ‖₂ ≤ ε around the final weights (‖θ‖ is "
        f"{weight_norms(arms)}), L the loss on {how['samples']:,} training images, the same for "
        f"all runs of a data seed. Top: the best point that {how['steps']} steps of projected "
        f"gradient ascent find, with {how['starts']} starts (along the gradient, then at random) "
        "and from the smaller ball's best point. Middle: of "
        f"{how['draws']} points uniform in the ball. Both are lower bounds. Bottom: largest "
        f"eigenvalue of the Hessian of the same loss, {how['lanczos']} Lanczos steps. "
        f"{MARKED}"
    )
    return caption, figure


def against_generalisation(config: str, arms: Sequence[Arm]) -> Made:
    """Test accuracy and its gap to the training accuracy against sharpness, a line a seed."""
    runs, measures = all_runs(arms), chosen(arms)
    rows = [(measure, ACCURACY) for measure in measures] + [(EIGENVALUE, GAP)]
    title, words = "Do sharper nets generalise worse?", about(runs, config)
    shape = (len(rows), len(arms))
    figure, axes = style.page(title, words, *shape, panel(arms), sharex=False, sharey="row")
    colours = style.colours(sorted({size for arm in arms for size in arm.sizes}), ordered=True)
    for row, (measure, outcome) in zip(axes, rows, strict=True):
        for axis, arm in zip(row, arms, strict=True):
            _seeds(axis, arm, measure, outcome, colours)
            panels.values(axis, measures[measure].replace(", ", ",\n"), LOG, "x")
            axis.xaxis.label.set_size(8.5)
        label, scale = SIDE[outcome]
        panels.values(row[0], label, scale)
    for axis, arm in zip(axes[0], arms, strict=True):
        axis.set_title(arm.title)
    keys = [style.key(f"batch size {s:,}", ls="", marker="o", color=c) for s, c in colours.items()]
    keys.append(style.key("the runs of a seed", **THREAD))
    style.legend_below(figure, [*keys, *curves.lost_keys(runs)])
    caption = (
        "Each mark a completed run; a line joins the runs of a seed in order of batch size, over "
        "which the claims correlate. At equal epochs or steps nets that have been trained further "
        "are flatter for that alone."
    )
    return caption, figure


def _seeds(axis: Axes, arm: Arm, measure: str, outcome: str, colours: dict[int, Any]) -> None:
    """The runs of an arm that have both, by seed."""
    factor = 100 if outcome == GAP else 1
    points: dict[int, list[tuple[float, float, int]]] = {}
    for size in arm.sizes:
        ys = arm.at(size, outcome)
        for seed, x in arm.at(size, measure).items():
            if x > 0 and seed in ys:
                points.setdefault(seed, []).append((x, factor * ys[seed], size))
    for found in points.values():
        axis.plot([x for x, _, _ in found], [y for _, y, _ in found], zorder=1, **THREAD)
        for x, y, size in found:
            axis.plot([x], [y], "o", color=colours[size], ms=5.5, mec="white", mew=0.5)
