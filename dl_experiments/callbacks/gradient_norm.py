"""The gradient's norm while a run trains: of each mini-batch, and of the whole training set."""

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
import torch

from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.observer import Scalars
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.measures.flat import FlatNet, Layout, mean_over
from dl_experiments.measures.gradients import gradient, layer_norms, norm
from dl_experiments.tasks.task import Task

TOTAL = "gradient/norm"

_JOINED = 256  # tensors kept apart; a checkpoint of one tensor an epoch would be slow


@final
class GradientNorm(Scalars):
    """Records ‖∇L‖₂ over all parameters of the loss without weight decay, in two ways.

    * Of the mean loss over the **whole training set**, at each logged epoch: in eval mode, with the
      weights of the moment and in their type, as the columns ``gradient/norm`` and
      ``gradient/norm/<layer>`` (a layer's weight and bias together).
    * Of the **mini-batch** of every update, dropout and augmentation included, as it was used: in
      ``measures/gradient_norms.npz``, with the arrays ``step`` [n] int64 and ``norm`` [n]. ``step``
      is the number of updates that the weights had seen, as in ``metrics.csv``, so both norms
      at a step belong to the same weights.

    The first is not the mean of the second, as a mini-batch's norm has the noise of its samples.

    Args:
        directory: The run's.
    """

    name = "gradient_norm"

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory

    def begin(self, task: Task, data: InMemoryDataModule) -> None:
        """Ask for the norm at every update; a resumed run goes on with those it has."""
        if task.gradient_norms is None:
            task.gradient_norms = []

    def after_epoch(self, task: Task, data: InMemoryDataModule) -> None:
        """Join what has gathered."""
        assert task.gradient_norms is not None
        if len(task.gradient_norms) >= _JOINED:
            task.gradient_norms = [_joined(task)]

    def end(self, task: Task, data: InMemoryDataModule) -> None:
        """Write the norms of all updates."""
        norms = _joined(task).numpy()
        arrays = {"step": np.arange(len(norms)), "norm": norms}
        self.directory.write_measure("gradient_norms", arrays)

    def columns(self, task: Task) -> Sequence[str]:
        """The norm over all parameters, then one a layer."""
        return [TOTAL, *(f"{TOTAL}/{layer}" for layer in Layout.of(task.model).layers())]

    def values(self, task: Task, data: InMemoryDataModule) -> Mapping[str, float]:
        """The full-data norms."""
        net = FlatNet(task.model, next(task.model.parameters()).dtype)
        parts = net.parts(task.loss, data.train.chunks())
        found = mean_over(parts, lambda loss: gradient(loss, net.theta))
        norms = [norm(found), *layer_norms(found, net.layout).values()]
        return dict(zip(self.columns(task), torch.stack(norms).tolist(), strict=True))


def _joined(task: Task) -> torch.Tensor:
    """The norms of all updates so far, on the processor."""
    assert task.gradient_norms is not None
    parts = [part.cpu() for part in task.gradient_norms]
    return torch.cat(parts) if parts else torch.empty(0)
