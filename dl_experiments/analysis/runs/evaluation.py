"""The training loss of a finished run's network as a function of its weights."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from dl_experiments import agreement, randomness
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.places import placed
from dl_experiments.artifacts import RunDirectory
from dl_experiments.measures.flat import FlatNet, Loss

if TYPE_CHECKING:
    from dl_experiments.data.loader import InMemory


@final
@dataclass(frozen=True)
class Parts:
    """What a run's config was trained of: its network, loss, data; on the processor.

    Attributes:
        net: In the run's precision, in eval mode; its weights are the initial ones.
        seed: Of the data.
    """

    net: nn.Module
    loss: Loss
    train: "InMemory"
    test: "InMemory"
    seed: int

    @classmethod
    def of(cls, run: Run) -> "Parts":
        """Build them.

        Raises:
            ValueError: The model or the data cannot be had, or are not what the run was trained on.
        """
        from dl_experiments import (
            problem,
            record,
        )  # brings Lightning, which most analyses can do without

        config = run.config
        module = problem.data(placed(config))
        net = problem.model(config, module).eval()
        problem.prepare_data(module)
        try:
            module.check(problem.dtype(config))
        except OSError as error:
            raise ValueError(f"{module.contract.name}: the data cannot be read: {error}") from error
        trained_on = RunDirectory(run.path).read_provenance()
        if changed := agreement.differences(trained_on, record.of(config, module)):
            raise ValueError(f"{' and '.join(changed)} differ from what the run was trained on")
        module.place("cpu", problem.dtype(config))
        seed = int(run.get("data.seed") or 0)
        return cls(net, problem.loss(config), module.train, module.test, seed)

    def some(self, samples: int | None) -> "InMemory":
        """So many of the training set, drawn once for a data seed; None or too many: all."""
        if samples is None or samples >= len(self.train):
            return self.train
        draw = randomness.generator(self.seed, "evaluation")
        index = torch.randperm(len(self.train), generator=draw)[:samples]
        inputs, targets = self.train.inputs[index], self.train.targets[index]
        return replace(self.train, inputs=inputs, targets=targets)


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
        parts = Parts.of(run)
        self.net = FlatNet(parts.net, next(parts.net.parameters()).dtype)
        self._loss, self._train = parts.loss, parts.train
        chosen = parts.some(samples)
        self.samples, self._chosen = len(chosen), list(chosen.chunks())
        self._targets = exact(chosen)

    def loss(self, theta: Tensor) -> Tensor:
        """L(θ) on the chosen samples: θ [P] -> scalar, float64."""
        return self._mean(theta, iter(self._chosen), self._targets)

    @torch.no_grad()
    def recorded(self, theta: Tensor) -> float:
        """L(θ) on the whole training set, which is what ``metrics.csv`` has as ``train/loss``."""
        return float(self._mean(theta, self._train.chunks(), exact(self._train)))

    def _mean(
        self, theta: Tensor, batches: Iterator[tuple[Tensor, Tensor]], targets: Tensor
    ) -> Tensor:
        outputs = torch.cat([self.net.outputs(theta, inputs) for inputs, _ in batches])
        return self._loss(outputs.double(), targets)


def exact(data: "InMemory") -> Tensor:
    """The targets as a loss in float64 takes them."""
    return data.targets.double() if data.targets.is_floating_point() else data.targets
