"""How sharp the loss is around a trained net's weights."""

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from torch import nn

from dl_experiments import randomness
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.probe import Probe
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.measures.flat import Batch, FlatNet
from dl_experiments.measures.sharpness import (
    Landscape,
    ascended_sharpness,
    check_radii,
    largest_eigenvalue,
    sampled_sharpness,
)
from dl_experiments.tasks.task import Task


@final
class Sharpness(Probe):
    """Writes ``measures/sharpness.npz`` of the final weights, for the loss on training samples.

    Arrays: ``radius`` [r], ``sampled`` [r] and ``ascended`` [r] (relative sharpness two ways, see
    ``measures/sharpness.py``), ``eigenvalue`` (the largest of the Hessian) with its
    ``eigenvalue_error``, ``loss``, ``gradient_norm`` and ``weight_norm`` (‖θ‖₂, to read radii
    against). All of the loss without weight decay, on the same samples, in eval mode.

    Args:
        directory: The run's.
        samples: Of the training set; drawn with ``data.seed``.
        radii: ε in the units of θ, ascending.
        draws: Random points of each ball.
        steps: Of gradient ascent from each start.
        starts: Of it in each ball: the gradient's direction, then random ones.
        lanczos: Steps of Lanczos.

    Raises:
        ValueError: A value is not allowed.
    """

    name = "sharpness"
    split = "train"

    def __init__(
        self,
        directory: RunDirectory,
        samples: int,
        radii: Sequence[float],
        draws: int,
        steps: int,
        starts: int,
        lanczos: int,
    ) -> None:
        counts = {"draws": draws, "steps": steps, "starts": starts, "lanczos": lanczos}
        super().__init__(directory, {"samples": samples, "radii": radii, **counts})
        check_radii(self.key("radii"), radii)

    def arrays(
        self, model: nn.Module, batches: Sequence[Batch], task: Task, data: InMemoryDataModule
    ) -> dict[str, np.ndarray]:
        """Both kinds of sharpness and the largest eigenvalue."""
        net = FlatNet(model, next(model.parameters()).dtype)
        theta, land = net.theta, Landscape(net, batches, task.loss)
        wanted = self.settings
        radii = wanted["radii"]
        draw = randomness.generator(task.seed, "sharpness")
        sampled = sampled_sharpness(land.value, theta, radii, wanted["draws"], draw)
        ascended = ascended_sharpness(
            land.slope, theta, radii, wanted["steps"], wanted["starts"], draw
        )
        eigenvalue, error = largest_eigenvalue(land.product(theta), theta, draw, wanted["lanczos"])
        loss, gradient = land.slope(theta)
        return {
            "radius": np.array(radii, dtype=float),
            "sampled": sampled.cpu().numpy(),
            "ascended": ascended.cpu().numpy(),
            "eigenvalue": np.array(eigenvalue),
            "eigenvalue_error": np.array(error),
            "loss": np.array(float(loss)),
            "gradient_norm": np.array(float(torch.linalg.vector_norm(gradient))),
            "weight_norm": np.array(float(torch.linalg.vector_norm(theta))),
        }
