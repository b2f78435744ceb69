"""What the snapshots of a run predict on the test points of a function."""

from copy import deepcopy
from typing import final
from zipfile import is_zipfile

import numpy as np
import torch

from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.observer import Measurement
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.tasks.task import Task


@final
class Predictions(Measurement):
    """Writes ``measures/predictions.npz`` when a run that keeps snapshots ends, or later.

    Arrays: ``x`` [n] test points, ``truth`` [n], ``epochs`` [k] of the snapshots, and
    ``predictions`` [k, n].

    Args:
        directory: The run's.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory

    def missing(self) -> bool:
        """Whether the run has what it takes but not the file."""
        done = is_zipfile(self.directory.measures / "predictions.npz")  # and was not cut
        return not done and bool(self.directory.snapshots())

    @torch.no_grad()
    def measure(self, task: Task, data: InMemoryDataModule) -> None:
        """Load one snapshot after the other into a copy of the model and predict."""
        test = data.test
        model = deepcopy(task.model).to(test.targets.device).eval()
        epochs = list(self.directory.snapshots())
        if not epochs:
            return
        rows = []
        for epoch in epochs:
            model.load_state_dict(self.directory.read_weights(epoch))
            rows.append(torch.cat([model(x)[:, 0] for x, _ in test.chunks()]).double().cpu())
        arrays = {
            "x": test.inputs[:, 0].double().cpu().numpy(),
            "truth": test.targets[:, 0].double().cpu().numpy(),
            "epochs": np.array(epochs),
            "predictions": torch.stack(rows).numpy(),
        }
        self.directory.write_measure("predictions", arrays)
