"""Classification."""

from typing import final

from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from dl_experiments.tasks import losses
from dl_experiments.tasks.task import Task


@final
class ClassificationTask(Task):
    """Tell classes apart; ``loss`` is ``cross_entropy`` or ``mse`` (on one-hot targets)."""

    LOSSES = losses.CLASSIFICATION
    TARGETS = "classes"

    def metrics(self) -> dict[str, Metric]:
        """The share of samples whose largest output is the true class's."""
        accuracy = MulticlassAccuracy(self.outputs, average="micro", validate_args=False)
        return {"accuracy": accuracy}
