"""The training loss of a finished run's network as a function of its weights."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from dl_experiments import randomness
from dl_experiments.analysis.collect import Run
from dl_experiments.measures.flat import FlatNet

if TYPE_CHECKING:
    from dl_experiments.data.loader import InMemory


@final
class Evaluation:
    """Model and training data of a run's config, on the processor, in the run's precision.

    Losses are computed as the recorded ones are: in eval mode, outputs batch by batch, the mean
    over the samples in float64. So with all samples, a snapshot's loss is the recorded one.

    Args:
        run: A run whose data can be had here.
        samples: Of the training set, drawn once for a data seed; None or too many: all.

    Attributes:
        net: The network as a function of one vector.
        samples: How many are used.

    Raises:
        ValueError: The model or the data cannot be had.
    """

    def __init__(self, run: Run, samples: int | None = None) -> None:
        from dl_experiments import problem  # brings Lightning, which most analyses can do without

        config = run.config
        module = problem.data(config)
        self.net = FlatNet(problem.model(config, module), problem.dtype(config))
        module.place("cpu", problem.dtype(config))
        self._loss, self._train = problem.loss(config), module.train
        chosen = self._train
        if samples is not None and samples < len(chosen):
            draw = randomness.generator(int(run.get("data.seed") or 0), "evaluation")
            index = torch.randperm(len(chosen), generator=draw)[:samples]
            chosen = replace(chosen, inputs=chosen.inputs[index], targets=chosen.targets[index])
        self.samples, self._chosen = len(chosen), list(chosen.chunks())
        self._targets = _exact(chosen)

    def loss(self, theta: Tensor) -> Tensor:
        """L(θ) on the chosen samples: θ [P] -> scalar, float64."""
        return self._mean(theta, iter(self._chosen), self._targets)

    @torch.no_grad()
    def recorded(self, theta: Tensor) -> float:
        """L(θ) on the whole training set, which is what ``metrics.csv`` has as ``train/loss``."""
        return float(self._mean(theta, self._train.chunks(), _exact(self._train)))

    def _mean(
        self, theta: Tensor, batches: Iterator[tuple[Tensor, Tensor]], targets: Tensor
    ) -> Tensor:
        outputs = torch.cat([self.net.outputs(theta, inputs) for inputs, _ in batches])
        return self._loss(outputs.double(), targets)


def _exact(data: "InMemory") -> Tensor:
    return data.targets.double() if data.targets.is_floating_point() else data.targets
