"""How much a trained net's outputs and loss move with its input, on some of the test samples."""

from collections.abc import Sequence
from typing import final

import numpy as np
from torch import nn

from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.probe import Probe, joined
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.measures.flat import Batch
from dl_experiments.measures.sensitivity import batch_mean_norms, sensitivity
from dl_experiments.tasks.task import Task


@final
class Sensitivity(Probe):
    """Writes ``measures/sensitivity.npz`` of the final weights on some of the test samples.

    Arrays, one number a sample [n]: ``loss_gradient``, ``jacobian`` and, of a classifier,
    ``softmax_jacobian`` (see ``measures/sensitivity.py``). As a control, what the batch-mean loss
    gives in their place at evaluation batches of several sizes: ``batch_size`` [b],
    ``batch_mean_whole`` [b] and ``batch_mean_row`` [b]; the run's own batch size is among them
    where the probe is large enough.

    Args:
        directory: The run's.
        samples: Of the test set; drawn with ``data.seed``.
        evaluation_batches: Batch sizes of the control, each at most ``samples``.

    Raises:
        ValueError: A value is not allowed.
    """

    name = "sensitivity"
    split = "test"

    def __init__(
        self,
        directory: RunDirectory,
        samples: int,
        evaluation_batches: Sequence[int],
    ) -> None:
        settings = {"samples": samples, "evaluation_batches": evaluation_batches}
        super().__init__(directory, settings)
        key = self.key("evaluation_batches")
        for size in evaluation_batches:
            if size > samples:
                raise ValueError(f"{key}={size} is more than {self.key('samples')}={samples}")

    def arrays(
        self, model: nn.Module, batches: Sequence[Batch], task: Task, data: InMemoryDataModule
    ) -> dict[str, np.ndarray]:
        """Every sample's norms, and the control."""
        found = sensitivity(model, batches, task.loss)
        arrays = {name: norms.float().cpu().numpy() for name, norms in vars(found).items()}
        inputs, targets = joined(batches)
        if targets.is_floating_point():
            del arrays["softmax_jacobian"]
        own = [data.batch_size] if data.batch_size <= len(inputs) else []
        sizes = sorted({*self.settings["evaluation_batches"], *own})
        means = [batch_mean_norms(model, inputs, targets, task.loss, size) for size in sizes]
        return arrays | {
            "batch_size": np.array(sizes),
            "batch_mean_whole": np.array([mean.whole for mean in means]),
            "batch_mean_row": np.array([mean.row for mean in means]),
        }
