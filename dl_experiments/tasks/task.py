"""What regression and classification share: the update loop and the evaluation."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric

from dl_experiments import randomness
from dl_experiments.data.loader import InMemory, TrainingSet
from dl_experiments.tasks.losses import Loss

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
ScheduleFactory = Callable[[Optimizer], LRScheduler]

_HEARTBEAT = 50  # updates between two signs of life within an epoch


class Task(LightningModule, ABC):
    """A model, its loss and its optimizer.

    One ``training_step`` is one pass over the training set: the loop over mini-batches is
    written here (manual optimization), because Lightning's own cost for each step would be
    several times that of updating a small network. So ``self.updates`` counts optimizer
    updates; Lightning's ``global_step`` does not.

    Args:
        model: Maps a batch of inputs to outputs.
        loss: A key of ``LOSSES``.
        optimizer: Makes the optimizer from the parameters.
        schedule: Makes the learning-rate schedule, which moves on once an epoch; or None.
        seed: The run's seed (dropout).
        outputs: Values the model returns for a sample.

    Raises:
        ValueError: The task knows no such loss.

    Attributes:
        LOSSES: What a kind of task can minimise: name -> mean over the batch of a loss.
        updates: Number of optimizer updates so far, scalar int64.
        heartbeat: Called now and then with the number of epochs done, a fraction included.
    """

    LOSSES: Mapping[str, Loss]

    def __init__(
        self,
        model: nn.Module,
        loss: str,
        optimizer: OptimizerFactory,
        schedule: ScheduleFactory | None,
        seed: int,
        outputs: int,
    ) -> None:
        if not isinstance(loss, str) or loss not in self.LOSSES:
            raise ValueError(f"loss={loss!r} is not one of {', '.join(self.LOSSES)}")
        super().__init__()
        self.automatic_optimization = False
        self.model, self.loss = model, self.LOSSES[loss]
        self.seed, self.outputs = seed, outputs
        self._optimizer, self._schedule = optimizer, schedule
        self.updates: Tensor
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.heartbeat: Callable[[float], None] | None = None

    @abstractmethod
    def metrics(self) -> dict[str, Metric]:
        """Fresh torchmetrics by name (``loss`` is added here); updated with (outputs, targets)."""

    def forward(self, inputs: Tensor) -> Tensor:
        """The model's outputs."""
        return cast(Tensor, self.model(inputs))

    def configure_optimizers(self) -> Any:
        """The optimizer and its schedule."""
        optimizer = self._optimizer(self.model.parameters())
        if self._schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": self._schedule(optimizer)}

    def training_step(self, batch: TrainingSet, _: int) -> None:
        """One epoch of updates."""
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        model, loss = self.model, self.loss
        count = 0
        with randomness.scope(self.seed, "dropout", self.current_epoch, self.device):
            for inputs, targets in batch.epoch(self.current_epoch):

                def closure(inputs: Tensor = inputs, targets: Tensor = targets) -> Tensor:
                    optimizer.zero_grad()
                    value = loss(model(inputs), targets)
                    value.backward()
                    return value

                optimizer.step(closure)
                count += 1
                if self.heartbeat is not None and count % _HEARTBEAT == 0:
                    self.heartbeat(self.current_epoch + count / batch.updates)
        self.updates += count
        schedule = self.lr_schedulers()
        if schedule is not None:  # here, so that a callback at the epoch's end sees it moved
            cast(LRScheduler, schedule).step()

    @torch.no_grad()
    def evaluate(self, data: InMemory) -> dict[str, Tensor]:
        """Loss and metrics on a whole set, in eval mode, with the weights as they are.

        Returns:
            Name -> scalar on the device; the loss is the mean over all samples, summed up in
            float64.
        """
        was_training = self.model.training
        self.model.eval()
        device = data.targets.device
        total = torch.zeros((), dtype=torch.float64, device=device)
        metrics = {name: metric.to(device) for name, metric in self.metrics().items()}
        with self._precision():
            for inputs, targets in data.chunks():
                outputs = self.model(inputs)
                total += self.loss(outputs, targets).double() * len(targets)
                for metric in metrics.values():
                    metric.update(outputs, targets)
        self.model.train(was_training)
        return {"loss": total / len(data)} | {k: m.compute() for k, m in metrics.items()}

    def _precision(self) -> AbstractContextManager[None]:
        """The context that forward passes run in at the trainer's precision."""
        if self._trainer is None:
            return nullcontext()
        return self.trainer.precision_plugin.forward_context()
