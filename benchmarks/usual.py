"""The Lightning set-up of the tutorials: a data set, a DataLoader, automatic optimization.

Where habits differ, the faster one is taken: no checkpoints, no validation, no progress bar,
workers that stay.
"""

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, final

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset
from torchvision import datasets, transforms

from benchmarks import ours
from benchmarks.harness import Contestant, count
from dl_experiments.data import stored
from dl_experiments.machine import available_cores

WORKERS = (0, 2)
MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's pixels in [0, 1]


@final
class Usual(LightningModule):
    """A network, a loss, Adam."""

    def __init__(self, model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """One batch."""
        inputs, targets = batch
        loss = self.loss(self.model(inputs), targets)
        self.log("train/loss", loss, on_step=True)
        return loss

    def configure_optimizers(self) -> Optimizer:
        """Adam with its defaults."""
        return Adam(self.parameters())


def usual(overrides: Sequence[str], short: int, long: int) -> Contestant:
    """Seconds a step of the usual set-up, with the number of workers that is the fastest here.

    Args:
        overrides: A config with ``data=mnist`` and ``data.samples``, which torchvision then reads,
            or one of a function, whose points stand in a ``TensorDataset``.
        short: Epochs of a first training, whose time is taken off.
        long: Epochs of a second one.

    Raises:
        NotMeasured: The data cannot be had.
    """
    module, network, _ = ours.parts(overrides)
    images = len(module.input_shape) == 3
    points = TensorDataset(module.train.inputs, module.train.targets)
    loss = functional.cross_entropy if images else functional.mse_loss
    root = ours.config(overrides)["paths"]["data"]
    network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def train(epochs: int, workers: int) -> None:
        torch.set_num_threads(available_cores())
        with tempfile.TemporaryDirectory() as folder, _quiet():
            data: Dataset[Any] = points
            if images:
                whole = _torchvision_mnist(root, Path(folder))
                data = Subset(whole, range(module.training_samples))
            loader = DataLoader(
                data,
                batch_size=module.batch_size,
                shuffle=True,
                num_workers=workers,
                persistent_workers=workers > 0,
            )
            trainer = Trainer(
                max_epochs=epochs,
                accelerator="cpu",
                logger=TensorBoardLogger(folder),
                enable_progress_bar=False,
                enable_checkpointing=False,
                enable_model_summary=False,
            )
            trainer.fit(Usual(network, loss), loader)

    def seconds(workers: int) -> float:
        return ours.by_difference(partial(train, workers=workers), short, long) / module.updates

    train(1, 0)  # what only the first training of a process pays for
    tried = {workers: seconds(workers) for workers in WORKERS}
    workers = min(tried, key=lambda key: tried[key])
    return Contestant(
        partial(seconds, workers),
        f"{count(available_cores(), 'thread')}, {count(workers, 'worker')}",
    )


def _torchvision_mnist(root: str, folder: Path) -> datasets.MNIST:
    """The data set as torchvision reads it, over links to the cached files."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in stored.FILES["mnist"]:
        os.symlink(Path(root).expanduser().resolve() / "mnist" / file.name, raw / file.name)
    normalise = transforms.Normalize((MEAN,), (DEVIATION,))
    return datasets.MNIST(
        str(folder), transform=transforms.Compose([transforms.ToTensor(), normalise])
    )


def _quiet() -> warnings.catch_warnings:
    """Hold back what Lightning says of itself and of few workers."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return warnings.catch_warnings(action="ignore")
