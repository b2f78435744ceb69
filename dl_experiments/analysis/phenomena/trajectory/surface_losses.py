"""Losses on planes and lines in weight space, evaluated once and kept beside the figures.

They are kept in ``<outputs>/report/<experiment>/surfaces-<key>.npz``. The key is a hash of all that
the numbers depend on: the runs and when they ended, samples, points, and the version of this code.
Files of other keys are removed; deleting them all only costs time.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dl_experiments import randomness
from dl_experiments.analysis.phenomena.trajectory.arm import Walks
from dl_experiments.analysis.runs.evaluation import Evaluation
from dl_experiments.analysis.runs.kept import kept, kept_at
from dl_experiments.measures.surface import on_line, on_plane, plane_through, random_direction

KIND = "surfaces"
VERSION = 2  # another one for code that gives other numbers
MARGIN = 0.3  # of the extent of nets and paths, to each side of them
NETS = 3  # that a plane goes through

Surfaces = dict[str, np.ndarray]
"""``samples`` [] and the end losses on all samples, ``recorded`` and ``again`` [runs];
``alphas`` [A] and ``lines`` [runs, A]; ``along`` [a], ``aside`` [b] and ``through`` [a, b];
``nets`` [3, 2] and ``own`` [3], where the three lie on that plane and their losses, ``names`` [3];
``paths`` [Σ snapshots, 2] and ``counts``, of their runs; ``starts``, the losses these begin with;
``steps`` [s], ``random`` [s, s] and ``way`` [snapshots, 2], the first run's path in that plane."""


def surfaces(arm: Walks, folder: Path, samples: int | None, points: int) -> tuple[Path, Surfaces]:
    """Read what is kept, or evaluate and keep it; returns the file too.

    Args:
        arm: Whose runs.
        folder: Where files are kept.
        samples: Of the training set; None: all.
        points: A side of a plane, odd, so that its origin is one of them.

    Raises:
        ValueError: The data cannot be had.
    """
    attempts = [(w.run.status.run_id, w.run.status.finished_at) for w in arm.walks]
    path = kept_at(folder, KIND, [VERSION, samples, points, attempts])
    return path, kept(path, lambda: _evaluate(arm, samples, points))


def _evaluate(arm: Walks, samples: int | None, points: int) -> Surfaces:
    starts, ends = arm.ends
    alphas = torch.linspace(0, 1, 2 * points - 1)
    lines, again, recorded = [], [], []
    for walk, start, end in zip(arm.walks, starts, ends, strict=True):
        one = Evaluation(walk.run, samples)
        start, end = start.to(one.net.dtype), end.to(one.net.dtype)
        lines.append(on_line(one.loss, start, end, alphas))
        again.append(one.recorded(end))
        recorded.append(walk.run.rows[-1]["train/loss"])
    first = Evaluation(arm.walks[0].run, samples)
    found = _through(arm, first, points) | _random(arm, first, ends[0], points)
    found["starts"] = torch.stack([line[0] for line in lines[: len(found["counts"])]]).numpy()
    return found | {
        "samples": np.array(first.samples),
        "recorded": np.array(recorded),
        "again": np.array(again),
        "alphas": alphas.double().numpy(),
        "lines": torch.stack(lines).double().numpy(),
    }


def _through(arm: Walks, first: Evaluation, points: int) -> Surfaces:
    """The plane through the first three nets' final weights; of two runs, the first's start too."""
    starts, ends = arm.ends
    seeds = [f"seed {walk.run.seed}" for walk in arm.walks]
    nets = torch.cat([ends, starts[:1]])[:NETS]
    names = [*seeds, f"start of {seeds[0]}"][:NETS]
    axes, there = plane_through(nets)
    walks = arm.walks[: min(NETS, len(arm.walks))]
    paths = torch.stack(
        [
            axes @ (arm.layout.flatten(snapshot).double() - nets[0])
            for walk in walks
            for snapshot in walk.snapshots
        ]
    )
    seen = torch.cat([paths, there])
    sides = [_side(seen[:, at], points) for at in range(2)]
    origin, *drawn = (vector.to(first.net.dtype) for vector in (nets[0], *axes))
    return {
        "along": sides[0].numpy(),
        "aside": sides[1].numpy(),
        "through": on_plane(first.loss, origin, *drawn, *sides).double().numpy(),
        "nets": there.numpy(),
        "own": np.array([float(first.loss(net.to(first.net.dtype))) for net in nets]),
        "names": np.array(names),
        "paths": paths.numpy(),
        "counts": np.array([len(walk.snapshots) for walk in walks]),
    }


def _side(coordinates: Tensor, points: int) -> Tensor:
    low, high = float(coordinates.min()), float(coordinates.max())
    more = MARGIN * (high - low) or 1.0
    return torch.linspace(low - more, high + more, points, dtype=torch.float64)


def _random(arm: Walks, first: Evaluation, end: Tensor, points: int) -> Surfaces:
    """A filter-normalised random plane around the first run's final weights."""
    draw = randomness.generator(arm.walks[0].run.seed, "surface")
    end = end.to(first.net.dtype)
    one, other = (random_direction(end, arm.layout, draw) for _ in range(2))
    half = points // 2
    steps = torch.arange(-half, half + 1, dtype=torch.float64) / half
    axes = torch.stack([one, other]).double()
    gram = axes @ axes.T
    snapshots = arm.walks[0].snapshots
    way = [axes @ (arm.layout.flatten(at).double() - end.double()) for at in snapshots]
    return {
        "steps": steps.numpy(),
        "random": on_plane(first.loss, end, one, other, steps, steps).double().numpy(),
        "way": torch.linalg.solve(gram, torch.stack(way).T).T.numpy(),
    }
