"""The paths of several runs in the plane of their joint PCA, and their losses on the way."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dl_experiments.analysis.drawing import curves, panels, style
from dl_experiments.analysis.drawing.text import Label, place
from dl_experiments.analysis.phenomena.trajectory.arm import Walks
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, loss_name, number
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.measures.trajectory import JointPCA

MANY = 10  # ticks
ON_A_SEGMENT = 12  # points of a path between two snapshots that a text must not cover


def paths(arm: Walks, layer: str, whole: JointPCA, of_layer: JointPCA | None) -> tuple[str, Figure]:
    """All paths in PC1 and PC2 of the whole model, and of one layer; caption and figure."""
    planes, figure, axes = _planes(
        arm, "Paths through weight space in one joint PCA of all runs", layer, whole, of_layer
    )
    grey, last = {"color": "#555555", "ls": ""}, _last(arm)
    keys = [
        style.key("initial weights (epoch 0)", marker="o", mfc="white", ms=8, **grey),
        style.key(f"snapshot{_every(arm)}", marker=".", ms=7, **grey),
        style.key(f"final weights{last}", marker="*", ms=12, **grey),
        style.key("mean of all snapshots", marker="+", ms=10, color="black", ls=""),
    ]
    style.legend_below(figure, keys)
    for axis, pca in zip(axes[0], planes, strict=True):
        axis.plot([0], [0], "+", color="black", ms=10, mew=1.4)
        _annotate(axis, arm, pca)
    caption = (
        f"Weights of {len(arm.walks)} runs that differ in their seed, projected on the first two "
        "components of one PCA over all snapshots of all runs (biases included, centred on their "
        "common mean). One colour a run; at its end, where there is room, the seed and the "
        f"{_what(arm)} there. The axes show {_shares(planes)} of the variance: how near two points "
        "are here is not how near they are, and another plane of the same subspace shows them "
        "otherwise."
    )
    return caption, figure


def ways(arm: Walks, layer: str, whole: JointPCA, of_layer: JointPCA | None) -> tuple[str, Figure]:
    """The same in a PCA of what each run has moved from its start; caption and figure."""
    title = "The same paths, each from its own start, in one joint PCA"
    planes, figure, axes = _planes(arm, title, layer, whole, of_layer)
    grey = {"color": "#555555", "ls": ""}
    keys = [
        style.key("the start of all (epoch 0)", marker="o", mfc="white", ms=8, **grey),
        style.key(f"snapshot{_every(arm)}", marker=".", ms=7, **grey),
        style.key(f"final weights{_last(arm)}", marker="*", ms=12, **grey),
    ]
    style.legend_below(figure, keys)
    for axis, pca in zip(axes[0], planes, strict=True):
        _annotate(axis, arm, pca)
    caption = (
        "θ(t) − θ(0) of each run on the first two components of one PCA over all snapshots of all "
        "runs, so that all start in one point: which way they go, and not where from. One colour a "
        f"run; at its end, where there is room, the seed and the {_what(arm)} there. The axes show "
        f"{_shares(planes)} of the variance."
    )
    return caption, figure


def _planes(
    arm: Walks, title: str, layer: str, whole: JointPCA, of_layer: JointPCA | None
) -> tuple[list[JointPCA], Figure, np.ndarray]:
    names = {"all weights and biases": whole}
    if of_layer is not None:
        names[f"layer {layer}, its bias included"] = of_layer
    figure, axes = style.page(title, about(arm.runs, arm.name), 1, len(names), (5.6, 5.2))
    for axis, (what, pca) in zip(axes[0], names.items(), strict=True):
        for path, colour in zip(pca.paths, arm.colours, strict=True):
            _draw_path(axis, path[:, :2].numpy(), colour)
        axis.margins(0.16)
        axis.set_aspect("equal", adjustable="datalim")
        for at, put in enumerate((axis.set_xlabel, axis.set_ylabel)):
            put(f"PC{at + 1} ({100 * float(pca.variance_ratio[at]):.1f} % of the variance)")
        axis.set_title(f"{what} ({pca.layout.size:,})")
    return [*names.values()], figure, axes


def _draw_path(axis: Axes, path: np.ndarray, colour: object) -> None:
    """One run's path [snapshots, 2]: hollow start, a dot a snapshot, a star at the end."""
    axis.plot(*path.T, "-", color=colour, lw=1.5)
    axis.plot(*path[1:-1].T, ".", color=colour, ms=6)
    axis.plot(*path[0], "o", color=colour, mfc="white", mec=colour, mew=1.6, ms=8, zorder=4)
    axis.plot(*path[-1], "*", color=colour, mec="white", mew=0.6, ms=15, zorder=5)


def losses(arm: Walks) -> tuple[str, Figure]:
    """Training loss against epoch, every run; caption and figure."""
    title = "Training loss of the runs whose paths are shown"
    figure, ((axis,),) = style.page(title, about(arm.runs, arm.name), 1, 1, (7.0, 3.5))
    curves.draw(axis, arm.runs, "train/loss", style.COLOURS[0], log=True, every=True)
    panels.values(axis, f"training loss ({loss_name(arm.runs)})", LOG)
    panels.epochs(axis)
    last = max(walk.epochs[-1] for walk in arm.walks)
    axis.set_xticks(range(0, last + 1, next(n for n in range(1, last + 1) if _divides(n, last))))
    style.legend_below(figure, curves.state_keys(arm.runs))
    caption = (
        "Loss on the whole training set, evaluated in eval mode, against epoch. " + curves.EVERY
    )
    return caption, figure


def _divides(step: int, last: int) -> bool:
    """Whether ticks at a step are few and the last of them is at the end."""
    return last % step == 0 and last // step < MANY


def _annotate(axis: Axes, arm: Walks, pca: JointPCA) -> None:
    """Seed and score at each end."""
    routes = [path[:, :2].numpy() for path in pca.paths]
    ends = [
        Label(path[-1], f"seed {walk.run.seed}: {_score(walk.run, walk.epochs[-1])}", size=8.5)
        for walk, path in zip(arm.walks, routes, strict=True)
    ]
    place(axis, ends, np.concatenate([np.zeros((1, 2)), *map(_filled, routes)]))


def _last(arm: Walks) -> str:
    lasts = {walk.epochs[-1] for walk in arm.walks}
    return f" (epoch {lasts.pop()})" if len(lasts) == 1 else ""


def _every(arm: Walks) -> str:
    gaps = set(np.diff(max((walk.epochs for walk in arm.walks), key=len)).tolist())
    return f" every {gaps.pop()} epochs" if len(gaps) == 1 else ""


def _what(arm: Walks) -> str:
    return "test accuracy" if "test/accuracy" in arm.walks[0].run.rows[-1] else "training loss"


def _filled(path: np.ndarray) -> np.ndarray:
    """A path's snapshots and points between them."""
    steps = np.linspace(0, 1, ON_A_SEGMENT, endpoint=False)[None, :, None]
    between = path[:-1, None] + steps * np.diff(path, axis=0)[:, None]
    return np.concatenate([between.reshape(-1, 2), path[-1:]])


def _score(run: Run, epoch: int) -> str:
    """Test accuracy at an epoch, or where there is none the training loss; a dash: not logged."""
    row = next((row for row in run.rows if row["epoch"] == epoch), {})
    if "test/accuracy" in row:
        return f"{100 * row['test/accuracy']:.1f} %"
    return number(row.get("train/loss"))


def _shares(pcas: Sequence[JointPCA]) -> str:
    return " and ".join(f"{100 * float(pca.variance_ratio[:2].sum()):.0f} %" for pca in pcas)
