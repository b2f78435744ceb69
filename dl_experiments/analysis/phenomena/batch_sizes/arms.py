"""Runs of several batch sizes in two arms: what hw1_3_sensitivity and hw1_3_sharpness share.

In the arm of equal epochs every batch size sees the data equally often, in that of equal steps it
makes equally many updates; a config's ``arm`` says which. Accuracies and losses are those of the
last row, because what is measured at the end belongs to the same weights.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from dl_experiments.analysis.claims.forms import Group
from dl_experiments.analysis.claims.seeds import ranked
from dl_experiments.analysis.runs import swept
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import METRICS, Quantity, by_seed, last
from dl_experiments.analysis.runs.scales import LOG

STEPS = "equal_steps"
NAMES = {"equal_epochs": "equal epochs", STEPS: "equal steps"}
GAP = "gap"
COMPARED = ("data.batch_size", "trainer.max_epochs", "arm")
GEOMETRIC = "Losses and what was measured of the nets are geometric means in the table."

Values = Mapping[str, float]
Read = Callable[[Run], Values]
"""A completed run -> what was measured at its end, by name; what it lacks is absent."""


@final
@dataclass(frozen=True)
class Arm:
    """Runs that differ in batch size and seed, all of one config otherwise.

    Attributes:
        name: "equal epochs".
        sizes: Batch size -> its runs, ascending.
        numbers: Run directory -> what the study has measured.
    """

    name: str
    sizes: Mapping[int, Grid]
    numbers: Mapping[Path, Values]

    @property
    def runs(self) -> list[Run]:
        """All of them."""
        return flat(self.sizes)

    @property
    def groups(self) -> list[Group]:
        """What a claim compares."""
        return [Group(runs, f"batch {size:,}") for size, runs in self.sizes.items()]

    @property
    def ends(self) -> tuple[Group, Group]:
        """The smallest and the largest batch size."""
        return self.groups[0], self.groups[-1]

    @property
    def single(self) -> str:
        """Why its ends cannot be compared; empty where they can."""
        return "" if len(self.sizes) > 1 else "fewer than two batch sizes"

    @property
    def title(self) -> str:
        """As in "equal steps: 2,400 updates"."""
        if self.name.startswith(NAMES["equal_epochs"]):
            return f"{self.name}: {_range([r.rows[-1]['epoch'] for r in self._done])} epochs"
        return f"{self.name}: {_range([r.rows[-1]['step'] for r in self._done])} updates"

    @property
    def _done(self) -> list[Run]:
        return [run for run in self.runs if run.completed]

    def quantity(self, name: str) -> Quantity:
        """What was measured or recorded at the end, or the gap of the accuracies there."""
        if name in METRICS:
            return last(name)
        if name == GAP:
            return Quantity(name, _gap)
        return Quantity(name, lambda run: self.numbers.get(run.path, {}).get(name), LOG)

    def at(self, size: int, name: str) -> dict[int, float]:
        """Seed -> number of the completed runs of a batch size."""
        return by_seed(self.sizes[size], self.quantity(name))

    def having(self, name: str) -> list[int]:
        """The batch sizes at which there is such a number."""
        return [size for size in self.sizes if self.at(size, name)]

    def best(self) -> int | None:
        """The batch size with the highest mean test accuracy over the seeds that all have.

        A run that diverged counts as guessing.
        """
        order, seeds = ranked(self.sizes, last("test/accuracy"))
        return order[0] if seeds else None


def split(runs: Grid, read: Read) -> list[Arm]:
    """The arms of one config, those of equal epochs first; one for each number of epochs."""
    values = {run.path: read(run) for run in runs if run.completed}
    found = []
    for key, own in runs.along(lambda run: str(run.get("arm"))).items():
        lengths = {"": own} if key == STEPS else swept.arms(own, ["data.batch_size"])
        for length, some in lengths.items():
            name = f"{NAMES.get(key, key)}{f', {length}' if length else ''}"
            found.append(Arm(name, some.along(lambda run: run.batch_size or None), values))
    return found


def told_apart(arms: Sequence[Arm]) -> list[str]:
    """What differs along with the batch size in an arm, but for the epochs of equal updates."""
    found = []
    for arm in arms:
        free = swept.equal_updates(arm.runs) if arm.name == NAMES[STEPS] else ()
        found += swept.confounded(arm.runs, free)
    return found


def _gap(run: Run) -> float | None:
    train, test = (last(f"{split}/accuracy")(run) for split in ("train", "test"))
    return None if train is None or test is None else train - test


def _range(values: Sequence[float]) -> str:
    """As in "2,400" or "2,400 to 2,416"."""
    if not values:
        return "no"
    low, high = min(values), max(values)
    return f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"
