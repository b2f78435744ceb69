"""Regression."""

from typing import final

from torch import nn
from torchmetrics import Metric

from dl_experiments.tasks import losses
from dl_experiments.tasks.task import OptimizerFactory, ScheduleFactory, Task


@final
class RegressionTask(Task):
    """Fit real-valued targets; ``loss`` is ``mse``, ``l1`` or ``huber``.

    Raises:
        ValueError: Another loss.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: str,
        optimizer: OptimizerFactory,
        schedule: ScheduleFactory | None,
        seed: int,
        outputs: int,
    ) -> None:
        super().__init__(model, losses.choose(losses.REGRESSION, loss), optimizer, schedule, seed)

    def metrics(self) -> dict[str, Metric]:
        """None besides the loss."""
        return {}
