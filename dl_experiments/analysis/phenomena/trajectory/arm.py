"""Runs of one config and their joint PCA: what hw1_2_trajectory and hw1_2_error_surface share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import torch
from torch import Tensor

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.findings import Passing
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.quantities import Quantity, of_runs
from dl_experiments.analysis.runs.scales import SIZE, Scale
from dl_experiments.analysis.runs.walks import Walk, layout, walks
from dl_experiments.measures.flat import Layout
from dl_experiments.measures.trajectory import JointPCA, joint_pca


@final
@dataclass(frozen=True)
class Walks:
    """Runs that differ in their seed alone, and the way each went through weight space.

    Attributes:
        name: Tells it from the study's other configs; empty where there is one.
        runs: All of them.
        walks: Two or more: of the runs that completed, with all their snapshots.
        layout: Of the model.
    """

    name: str
    runs: Grid
    walks: list[Walk]
    layout: Layout

    @property
    def span(self) -> int:
        """How many directions there are between as many centres as runs: one fewer."""
        return len(self.walks) - 1

    @cached_property
    def whole(self) -> JointPCA:
        """The joint PCA of all weights.

        Raises:
            ValueError: The snapshots are all the same.
        """
        return self.pca(self.layout)

    @cached_property
    def ways(self) -> JointPCA:
        """That of what all weights have moved from each run's own start.

        Raises:
            ValueError: None has moved.
        """
        return self.pca(self.layout, from_start=True)

    def pca(self, part: Layout, from_start: bool = False) -> JointPCA:
        """The joint PCA of some of the tensors, two axes or as many as there are in ``span``.

        Raises:
            ValueError: They are the same in all snapshots.
        """
        runs = [walk.snapshots for walk in self.walks]
        axes = min(max(2, self.span), part.size, sum(map(len, runs)) - 1)
        return joint_pca(runs, part, axes, from_start)

    @cached_property
    def ends(self) -> tuple[Tensor, Tensor]:
        """Initial and final weights, [runs, P] each, in float64."""
        return self._at(0), self._at(-1)

    def quantity(
        self, name: str, values: Sequence[float], scale: Scale = SIZE, unit: str = ""
    ) -> Quantity:
        """A number that each walk has, of its run; mostly a distance."""
        return of_runs(name, [walk.run for walk in self.walks], values, scale, unit)

    def _at(self, place: int) -> Tensor:
        flat = [self.layout.flatten(walk.snapshots[place]) for walk in self.walks]
        return torch.stack(flat).double()

    @cached_property
    def lengths(self) -> Tensor:
        """How far each run went from snapshot to snapshot, Σ ‖θ_k+1 − θ_k‖ [runs]."""
        lengths = []
        for walk in self.walks:
            length, before = 0.0, self.layout.flatten(walk.snapshots[0]).double()
            for snapshot in walk.snapshots[1:]:
                after = self.layout.flatten(snapshot).double()
                length += float((after - before).norm())
                before = after
            lengths.append(length)
        return torch.tensor(lengths, dtype=torch.float64)

    @property
    def colours(self) -> list[Any]:
        """A colour for each walk."""
        return list(style.colours([walk.run.path.name for walk in self.walks]).values())


def walked(arms: Mapping[str, Grid]) -> tuple[dict[str, Walks], list[str]]:
    """What can be analysed, and a note on each run and each config that cannot."""
    found: dict[str, Walks] = {}
    notes: list[str] = []
    for name, members in arms.items():
        try:
            parameters = layout(members[0])
        except ValueError as error:
            said = in_words(name, f"the model cannot be built here: {error}")
            notes.append(Passing(said))
            continue
        good, left_out = walks(members, parameters)
        notes += left_out
        if len(good) > 1:
            found[name] = Walks(name, members, good, parameters)
            continue
        there = good[0].run.path.name if good else "none"
        what = (
            "a joint PCA needs two runs or more of one config, completed and with their snapshots; "
            f"there is: {there}. Train more seeds."
        )
        notes.append(in_words(name, what))
    return found, notes


def in_words(arm: str, what: str) -> str:
    """A note, told apart from those on the study's other configs; a key stays as it is written."""
    if arm:
        return f"{arm}: {what}"
    return what[:1].upper() + what[1:] if what.split(maxsplit=1)[0].isalpha() else what


def distances_to_centre(points: Tensor) -> Tensor:
    """‖xᵢ − x̄‖ of points [n, P] -> [n]."""
    return (points - points.mean(0)).norm(dim=1)
