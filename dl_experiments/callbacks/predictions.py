"""What the snapshots of a run predict on the test points of a function."""

from copy import deepcopy
from typing import cast, final

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

from dl_experiments.artifacts import RunDirectory
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.tasks.task import Task


@final
class Predictions(Callback):
    """Writes ``measures/predictions.npz`` when a run that keeps snapshots ends.

    Arrays: ``x`` [n] test points, ``truth`` [n], ``epochs`` [k] of the snapshots, and
    ``predictions`` [k, n].

    Args:
        directory: The run's.
        max_epochs: The run's; not used.
    """

    def __init__(self, directory: RunDirectory, max_epochs: int) -> None:
        self.directory = directory

    @torch.no_grad()
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Load one snapshot after the other into a copy of the model and predict."""
        task = cast(Task, pl_module)
        model = deepcopy(task.model).eval()
        test = cast(InMemoryDataModule, trainer.datamodule).test  # type: ignore[attr-defined]
        epochs = list(self.directory.snapshots())
        if not epochs:
            return
        rows = []
        with task.precision():
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
