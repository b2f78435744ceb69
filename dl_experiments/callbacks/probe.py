"""What measurements of a run's final weights on a fixed set of samples have in common."""

import json
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dl_experiments import randomness, schema
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.observer import Measurement
from dl_experiments.data.loader import InMemory, InMemoryDataModule
from dl_experiments.measures.flat import Batch
from dl_experiments.schema_check import check_values
from dl_experiments.tasks.task import Task


class Probe(Measurement):
    """Writes ``measures/<name>.npz`` when a run completes, or later from its last snapshot.

    The samples are drawn from a split with ``data.seed``, so all runs of one see the same.
    Besides the arrays of the measurement the file has ``settings`` (JSON), with which it was taken,
    and the ``seconds`` it took. A run whose weights are not finite is left alone.

    Args:
        directory: The run's.
        settings: What the numbers depend on; ``samples`` among them.

    Attributes:
        name: Of the file, and of the callback's key.
        split: ``train`` or ``test``: where the samples come from.

    Raises:
        ValueError: A setting is not what the schema says.
    """

    name: str
    split: str

    def __init__(self, directory: RunDirectory, settings: Mapping[str, Any]) -> None:
        declared = schema.fields(schema.Measurements).get(self.name)
        node = declared.nodes[0] if declared else schema.Probe
        check_values(f"measurements.{self.name}", node, settings)
        self.directory, self.settings = directory, settings

    @abstractmethod
    def arrays(
        self, model: nn.Module, batches: Sequence[Batch], task: Task, data: InMemoryDataModule
    ) -> dict[str, np.ndarray]:
        """The measurement: of a copy of the model, in eval mode, on the probe's samples."""

    @classmethod
    def key(cls, name: str) -> str:
        """A setting's key in the config."""
        return f"measurements.{cls.name}.{name}"

    def check(self, task: Task, data: InMemoryDataModule) -> None:
        """Refuse a probe larger than the data.

        Raises:
            ValueError: It is.
        """
        sizes = {"train": data.training_samples, "test": data.test_samples}
        self._refuse(sizes[self.split])

    def begin(self, task: Task, data: InMemoryDataModule) -> None:
        """The same, of data whose size is known only now."""
        self._refuse(len(getattr(data, self.split)))

    def end(self, task: Task, data: InMemoryDataModule) -> None:
        """Measure the weights of the moment."""
        self._write(deepcopy(task.model), task, data)

    def missing(self) -> bool:
        """Whether a completed run has weights but not this file, or one of other settings."""
        status = self.directory.read_status()
        if status is None or status.state != "completed" or not self.directory.snapshots():
            return False
        return self.directory.settings_of(self.name) != self._words()

    def measure(self, task: Task, data: InMemoryDataModule) -> None:
        """Measure the last snapshot of a finished run."""
        model = deepcopy(task.model).to(data.test.targets.device)
        model.load_state_dict(self.directory.read_weights(max(self.directory.snapshots())))
        self._write(model, task, data)

    def _write(self, model: nn.Module, task: Task, data: InMemoryDataModule) -> None:
        if all(weights.isfinite().all() for weights in model.parameters()):
            started = time.perf_counter()
            found = self.arrays(model.eval(), self._draw(data), task, data)
            notes = {"settings": self._words(), "seconds": time.perf_counter() - started}
            plain = {key: np.array(value) for key, value in notes.items()}
            self.directory.write_measure(self.name, found | plain)

    def _draw(self, data: InMemoryDataModule) -> list[Batch]:
        chosen: InMemory = getattr(data, self.split)
        self._refuse(len(chosen))
        draw = randomness.generator(data.seed, "probe")
        index = torch.randperm(len(chosen), generator=draw)[: self.settings["samples"]]
        index = index.to(chosen.targets.device)
        part = replace(chosen, inputs=chosen.inputs[index], targets=chosen.targets[index])
        return list(part.chunks())

    def _refuse(self, available: int | None) -> None:
        if available is not None and self.settings["samples"] > available:
            raise ValueError(
                f"{self.key('samples')}={self.settings['samples']} is more than the {available} "
                f"{self.split} samples; allowed: 1 to that many"
            )

    def _words(self) -> str:
        return json.dumps(self.settings, sort_keys=True)


def joined(batches: Sequence[Batch]) -> tuple[Tensor, Tensor]:
    """All inputs and all targets."""
    inputs, targets = zip(*batches, strict=True)
    return torch.cat(inputs), torch.cat(targets)
