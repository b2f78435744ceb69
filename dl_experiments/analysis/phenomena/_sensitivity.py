"""Runs of several batch sizes in two arms: what hw1_3_sensitivity and hw1_3_sharpness share.

In the arm of equal epochs every batch size sees the data equally often, in that of equal steps it
makes equally many updates; a config's ``arm`` says which. Accuracies and losses are those of the
last row, because what is measured at the end belongs to the same weights.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.quantities import Quantity, by_seed, last
from dl_experiments.analysis.scales import LINEAR, LOG
from dl_experiments.analysis.swept import arms

NAMES = {"equal_epochs": "equal epochs", "equal_steps": "equal steps"}
RECORDED = ("train/loss", "test/loss", "train/accuracy", "test/accuracy")
GAP = "gap"
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
        config: Tells it from the study's other configs; empty where there is one.
        sizes: Batch size -> its runs, ascending.
        numbers: Run directory -> its numbers: ``RECORDED``, ``gap`` (training less test accuracy)
            and what the study has measured.
    """

    name: str
    config: str
    sizes: Mapping[int, list[Run]]
    numbers: Mapping[Path, Values]

    @property
    def runs(self) -> list[Run]:
        """All of them."""
        return [run for members in self.sizes.values() for run in members]

    @property
    def title(self) -> str:
        """As in "equal steps: 2,400 updates"."""
        if self.name == NAMES["equal_epochs"]:
            return f"{self.name}: {_range([r.rows[-1]['epoch'] for r in self._done])} epochs"
        return f"{self.name}: {_range([r.rows[-1]['step'] for r in self._done])} updates"

    @property
    def _done(self) -> list[Run]:
        return [run for run in self.runs if run.completed]

    def quantity(self, name: str) -> Quantity:
        """What was measured under a name, or recorded on the last row."""
        if name in RECORDED:
            return last(name)
        scale = LINEAR if name == GAP else LOG
        return Quantity(name, lambda run: self.numbers[run.path].get(name), scale)

    def at(self, size: int, name: str) -> dict[int, float]:
        """Seed -> number of the completed runs of a batch size."""
        return by_seed(self.sizes[size], self.quantity(name))

    def having(self, name: str) -> list[int]:
        """The batch sizes at which there is such a number."""
        return [size for size in self.sizes if self.at(size, name)]

    def words(self, size: int, name: str) -> str:
        """Its level over the seeds of a batch size."""
        return self.quantity(name).words(self.sizes[size])

    def best(self) -> int | None:
        """The batch size with the highest mean test accuracy over the seeds that all have.

        A run that diverged counts as guessing.
        """
        read = self.quantity("test/accuracy")
        found = {size: read.counted(runs) for size, runs in self.sizes.items()}
        found = {size: values for size, values in found.items() if values}
        seeds = set.intersection(*map(set, found.values())) if found else set()
        means = {size: sum(values[seed] for seed in seeds) for size, values in found.items()}
        return max(means, key=lambda size: means[size]) if seeds else None


def split(runs: Sequence[Run], read: Read) -> list[Arm]:
    """The arms, those of equal epochs first."""
    found = []
    for config, members in arms(runs, ["data.batch_size", "trainer.max_epochs"]).items():
        values = {run.path: _recorded(run) | dict(read(run)) for run in members if run.completed}
        values = {run.path: values.get(run.path, {}) for run in members}
        for key in sorted({str(run.get("arm")) for run in members}):
            sizes: dict[int, list[Run]] = {}
            own = [run for run in members if str(run.get("arm")) == key]
            for run in sorted(own, key=lambda run: run.batch_size):
                sizes.setdefault(run.batch_size, []).append(run)
            found.append(Arm(NAMES.get(key, key), config, sizes, values))
    return found


def _recorded(run: Run) -> dict[str, float]:
    found = {name: run.rows[-1][name] for name in RECORDED if name in run.rows[-1]}
    if {"train/accuracy", "test/accuracy"} <= set(found):
        found[GAP] = found["train/accuracy"] - found["test/accuracy"]
    return found


def _range(values: Sequence[float]) -> str:
    """As in "2,400" or "2,400 to 2,416"."""
    if not values:
        return "no"
    low, high = min(values), max(values)
    return f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"
