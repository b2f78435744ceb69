"""The figures of hw1_3_sharpness."""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.phenomena.batch_sizes.arms import GAP, Arm
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_figures import (
    all_runs,
    best_key,
    mark_best,
    sizes_in_words,
)
from dl_experiments.analysis.phenomena.batch_sizes.sharpness_claims import OUTCOMES
from dl_experiments.analysis.phenomena.batch_sizes.sharpness_values import (
    CURVATURE,
    WAYS,
    middle,
    name,
    quantities,
    radii,
    settings,
    weight_norms,
)
from dl_experiments.analysis.runs.correlation import rank_correlations
from dl_experiments.analysis.runs.describe import about, interval
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.analysis.sections import Made

MARKERS = ("o", "s", "^", "D")
SIDE = {"test/accuracy": "test accuracy", GAP: "training less test accuracy"}


def against_sizes(config: str, arms: Sequence[Arm]) -> Made:
    """Sharpness two ways and the largest eigenvalue against batch size, a column an arm."""
    runs = all_runs(arms)
    title = "Sharpness and curvature against batch size"
    size = (max(4.4, 7.0 / len(arms)), 2.5)
    figure, axes = style.page(
        title, about(runs, config), 3, len(arms), size, sharex=True, sharey="row"
    )
    known = radii(arms)
    colours = style.colours(known, ordered=True)
    for column, arm in zip(axes.T, arms, strict=True):
        for axis, way in zip(column, WAYS, strict=False):
            for radius in known:
                read = arm.quantity(name(way, radius))
                dots.through(axis, arm.sizes, read, colours[radius])
        read = arm.quantity(CURVATURE)
        dots.through(column[2], arm.sizes, read, style.COLOURS[4], marker="s")
        for axis in column:
            mark_best(axis, arm)
        column[0].set_title(arm.title)
        panels.counts(column[2], "training batch size")
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
        f"{dots.THROUGH}"
    )
    return caption, figure


def against_generalisation(config: str, arms: Sequence[Arm]) -> Made:
    """Test accuracy and its gap to the training accuracy against sharpness, a dot a run."""
    runs = all_runs(arms)
    chosen = quantities(middle(arms))
    title = "Do sharper nets generalise worse?"
    shape, words = (len(OUTCOMES), len(chosen)), about(runs, config)
    figure, axes = style.page(title, words, *shape, (3.6, 2.9), sharex="col", sharey="row")
    colours = style.colours(sorted({size for arm in arms for size in arm.sizes}), ordered=True)
    for row, outcome in zip(axes, OUTCOMES, strict=True):
        panels.values(row[0], SIDE[outcome], SHARE)
        for axis, quantity in zip(row, chosen, strict=True):
            said = []
            for arm, marker in zip(arms, MARKERS, strict=False):
                x, y, size, rho = _points(arm, quantity, outcome)
                for one in np.unique(size):
                    look = {"color": colours[int(one)], "ms": 6, "mec": "white", "mew": 0.5}
                    axis.plot(x[size == one], y[size == one], marker, **look)
                said.append(f"{arm.name}: {rho}")
            axis.set_title("\n".join(said), size=9)
    for axis, words in zip(axes[-1], chosen.values(), strict=True):
        panels.values(axis, words.replace(", ", ",\n", 1), LOG, "x")
        axis.xaxis.label.set_size(9)
    keys = [style.key(f"batch size {s:,}", ls="", marker="o", color=c) for s, c in colours.items()]
    keys += [
        style.key(arm.name, ls="", marker=m, color="#777777")
        for arm, m in zip(arms, MARKERS, strict=False)
    ]
    style.legend_below(figure, keys)
    caption = (
        "Each mark a completed run. Above a panel: Spearman's rank correlation over the runs of "
        "each arm with its 95 % interval (bootstrap over runs; no interval below five). Runs of "
        "one batch size lie together, so the interval says little about other batch sizes; the "
        "claims correlate within each seed instead."
    )
    return caption, figure


def _points(
    arm: Arm, quantity: str, outcome: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Quantity (positive ones), outcome and batch size of each run; rank correlation in words."""
    found = []
    for size in arm.having(quantity):
        ys = arm.at(size, outcome)
        found += [(x, ys[s], size) for s, x in arm.at(size, quantity).items() if s in ys and x > 0]
    x, y, sizes = np.array(found).reshape(-1, 3).T
    (rho,) = rank_correlations(x, [y], np.arange(len(x)))
    return x, y, sizes, f"ρ = {interval(rho, lambda v: f'{v:.2f}'.replace('-', '−'))}"
