"""Runs of several batch sizes in two arms: what hw1_3_sensitivity and hw1_3_sharpness share.

In the arm of equal epochs every batch size sees the data equally often, in that of equal steps it
makes equally many updates; a config's ``arm`` says which. Accuracies and losses are those of the
last row, because what is measured at the end belongs to the same weights.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.quantities import by_seed
from dl_experiments.analysis.statistics import Estimate, mean
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

    def at(self, size: int, name: str) -> dict[int, float]:
        """Seed -> number of the completed runs of a batch size."""
        return by_seed(self.sizes[size], lambda run: self.numbers[run.path].get(name))

    def having(self, name: str) -> list[int]:
        """The batch sizes at which there is such a number."""
        return [size for size in self.sizes if self.at(size, name)]

    def seeds(self, name: str) -> list[int]:
        """The seeds that have it at every batch size that has it at all."""
        found = [set(self.at(size, name)) for size in self.having(name)]
        return sorted(set.intersection(*found)) if found else []

    def mean(self, size: int, name: str, geometric: bool = False) -> Estimate | None:
        """Over the seeds of a batch size; of what spans decades the geometric mean."""
        values = np.array(list(self.at(size, name).values()))
        if not geometric:
            return mean(values) if len(values) else None
        logs = np.log10(values[values > 0])
        if not len(logs):
            return None
        found = mean(logs)
        low, high = (None if end is None else float(10**end) for end in (found.low, found.high))
        return Estimate(float(10**found.value), low, high, found.n)

    def best(self) -> int | None:
        """The batch size with the highest mean test accuracy."""
        means = {size: self.at(size, "test/accuracy") for size in self.having("test/accuracy")}
        return max(means, key=lambda s: float(np.mean(list(means[s].values()))), default=None)


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
