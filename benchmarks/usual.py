"""The Lightning set-up of the tutorials: torchvision's MNIST, a DataLoader, automatic optimization.

Where habits differ, the faster one is taken: no checkpoints, no validation, no progress bar,
workers that stay.
"""

import logging
import os
import tempfile
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

from benchmarks import ours
from benchmarks.harness import Contestant, count
from benchmarks.machine import cores
from dl_experiments.data import stored

WORKERS = (0, 2)
MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's pixels in [0, 1]


class Classifier(LightningModule):
    """A network, cross-entropy, Adam."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """One batch."""
        images, labels = batch
        loss = functional.cross_entropy(self.model(images), labels)
        self.log("train/loss", loss, on_step=True)
        return loss

    def configure_optimizers(self) -> Optimizer:
        """Adam with its defaults."""
        return Adam(self.parameters())


def usual(overrides: Sequence[str], short: int, long: int) -> Contestant:
    """Seconds a step of the usual set-up, with the number of workers that is the fastest here.

    Args:
        overrides: A config with ``data=mnist`` and ``data.samples``.
        short: Epochs of a first training, whose time is taken off.
        long: Epochs of a second one.

    Raises:
        NotMeasured: The data cannot be had.
    """
    module, network, _ = ours.parts(overrides)
    batch_size, samples = module.batch_size, module.training_samples
    steps = -(-samples // batch_size)
    root = ours.config(overrides)["paths"]["data"]
    network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def train(epochs: int, workers: int) -> None:
        torch.set_num_threads(cores())
        with tempfile.TemporaryDirectory() as folder, _quiet():
            loader = DataLoader(
                Subset(_torchvision_mnist(root, Path(folder)), range(samples)),
                batch_size=batch_size,
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
            trainer.fit(Classifier(network), loader)

    def seconds(workers: int) -> float:
        return ours.by_difference(partial(train, workers=workers), short, long) / steps

    train(1, 0)  # what only the first training of a process pays for
    tried = {workers: seconds(workers) for workers in WORKERS}
    workers = min(tried, key=lambda key: tried[key])
    return Contestant(
        partial(seconds, workers), f"{count(cores(), 'thread')}, {count(workers, 'worker')}"
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
