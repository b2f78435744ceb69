"""The paths of several runs in the plane of their joint PCA, and their losses on the way."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dl_experiments.analysis.drawing import curves, panels, style
from dl_experiments.analysis.drawing.text import Label, place
from dl_experiments.analysis.phenomena.trajectory.arm import Walks
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, loss_name, number
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.walks import Walk
from dl_experiments.measures.trajectory import JointPCA

ON_A_SEGMENT = 12  # points of a path between two snapshots that a text must not cover


def paths(arm: Walks, layer: str, of_layer: JointPCA | None) -> tuple[str, Figure]:
    """All paths in PC1 and PC2 of the whole model, and of one layer; caption and figure."""
    planes = [("all weights and biases", arm.whole)]
    if of_layer is not None:
        planes.append((f"layer {layer}, its bias included", of_layer))
    title = "Paths through weight space in one joint PCA of all runs"
    figure, axes = style.page(title, about(arm.runs, arm.name), 1, len(planes), (5.6, 5.2))
    for axis, (what, pca) in zip(axes[0], planes, strict=True):
        for path, colour in zip(pca.paths, arm.colours, strict=True):
            draw_path(axis, path.numpy(), colour)
        axis.plot([0], [0], "+", color="black", ms=10, mew=1.4)
        axis.margins(0.16)
        axis.set_aspect("equal", adjustable="datalim")
        for at, put in enumerate((axis.set_xlabel, axis.set_ylabel)):
            put(component(at, float(pca.variance_ratio[at])))
        axis.set_title(f"{what} ({pca.layout.size:,})")
    grey = {"color": "#555555", "ls": ""}
    epochs = max((walk.epochs for walk in arm.walks), key=len)
    gaps = set(np.diff(epochs).tolist())
    lasts = {walk.epochs[-1] for walk in arm.walks}
    last = f" (epoch {lasts.pop()})" if len(lasts) == 1 else ""
    step = f" every {gaps.pop()} epochs" if len(gaps) == 1 else ""
    keys = [
        style.key("initial weights (epoch 0)", marker="o", mfc="white", ms=8, **grey),
        style.key(f"snapshot{step}", marker=".", ms=7, **grey),
        style.key(f"final weights{last}", marker="*", ms=12, **grey),
        style.key("mean of all snapshots", marker="+", ms=10, color="black", ls=""),
    ]
    style.legend_below(figure, keys)
    for axis, (_, pca) in zip(axes[0], planes, strict=True):
        _annotate(axis, arm, pca)
    words = "test accuracy" if "test/accuracy" in arm.walks[0].run.rows[-1] else "training loss"
    caption = (
        f"Weights of {len(arm.walks)} runs that differ in their seed, projected on the first two "
        "components of one PCA over all snapshots of all runs (biases included, centred on their "
        f"common mean). One colour a run; the text at its end is the seed and the {words} "
        f"there, texts on the way are epoch and {words}, where there is room. The axes show "
        f"{_shares([pca for _, pca in planes])} of the variance: how near two points are here is "
        "not how near they are."
    )
    return caption, figure


def component(at: int, share: float) -> str:
    """An axis label: the component's number from 0, and its share of the variance."""
    return f"PC{at + 1} ({100 * share:.1f} % of the variance)"


def draw_path(axis: Axes, path: np.ndarray, colour: object, edge: str | None = None) -> None:
    """One run's path [snapshots, 2]: hollow start, a dot a snapshot, a star at the end.

    ``edge`` is the colour around start and end, where it is not the path's and white.
    """
    axis.plot(*path.T, "-", color=colour, lw=1.5)
    axis.plot(*path[1:-1].T, ".", color=colour, ms=6)
    axis.plot(*path[0], "o", color=colour, mfc="white", mec=edge or colour, mew=1.6, ms=8, zorder=4)
    axis.plot(*path[-1], "*", color=colour, mec=edge or "white", mew=0.6, ms=15, zorder=5)


def losses(arm: Walks) -> tuple[str, Figure]:
    """Training loss against epoch, every run; caption and figure."""
    title = "Training loss of the runs whose paths are shown"
    figure, ((axis,),) = style.page(title, about(arm.runs, arm.name), 1, 1, (7.0, 3.5))
    for walk, colour in zip(arm.walks, arm.colours, strict=True):
        axis.plot(*walk.run.curve("train/loss"), color=colour, lw=1.4)
    panels.values(axis, f"training loss ({loss_name(arm.runs)})", LOG)
    panels.epochs(axis)
    keys = [
        style.key(f"seed {walk.run.seed}", color=colour)
        for walk, colour in zip(arm.walks, arm.colours, strict=True)
    ]
    style.legend_below(figure, [*keys, *curves.state_keys(arm.runs)])
    caption = (
        "Loss on the whole training set, evaluated in eval mode, against epoch; one line a run, "
        "in the colours of the paths."
    )
    return caption, figure


def _annotate(axis: Axes, arm: Walks, pca: JointPCA) -> None:
    """Seed and score at each end; epoch and score on the way where there is room."""
    routes = [path.numpy() for path in pca.paths]
    ends, between = [], []
    for walk, path in zip(arm.walks, routes, strict=True):
        at_end = _score(walk.run, walk.epochs[-1])
        ends.append(Label(path[-1], f"seed {walk.run.seed}: {at_end}", "black", 8.5))
        for place_, epoch in _between(walk):
            text = f"{epoch}: {_score(walk.run, epoch)}"
            between.append(Label(path[place_], text, "#555555", 7.0))
    covered = [np.zeros((1, 2)), *(_filled(path) for path in routes)]
    place(axis, [*ends, *between], np.concatenate(covered))


def _between(walk: Walk) -> list[tuple[int, int]]:
    """Two snapshots on the way: (place, epoch) of the first after the start and a middle one."""
    inner = range(1, len(walk.epochs) - 1)
    return [(at, walk.epochs[at]) for at in sorted({1, len(walk.epochs) // 3} & set(inner))]


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


def _shares(pcas: list[JointPCA]) -> str:
    return " and ".join(f"{100 * float(pca.variance_ratio.sum()):.0f} %" for pca in pcas)
