"""Classification."""

from typing import final

from torch import nn
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from dl_experiments.tasks import losses
from dl_experiments.tasks.task import OptimizerFactory, ScheduleFactory, Task


@final
class ClassificationTask(Task):
    """Tell classes apart; ``loss`` is ``cross_entropy`` or ``mse`` (on one-hot targets).

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
        chosen = losses.choose(losses.CLASSIFICATION, loss)
        super().__init__(model, chosen, optimizer, schedule, seed)
        self.classes = outputs

    def metrics(self) -> dict[str, Metric]:
        """The share of samples whose largest output is the true class's."""
        accuracy = MulticlassAccuracy(self.classes, average="micro", validate_args=False)
        return {"accuracy": accuracy}
