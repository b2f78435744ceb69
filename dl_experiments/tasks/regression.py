"""Regression."""

from typing import final

from torchmetrics import Metric

from dl_experiments.tasks import losses
from dl_experiments.tasks.task import Task


@final
class RegressionTask(Task):
    """Fit real-valued targets; ``loss`` is ``mse``, ``l1`` or ``huber``."""

    LOSSES = losses.REGRESSION
    TARGETS = "values"

    def metrics(self) -> dict[str, Metric]:
        """None besides the loss."""
        return {}
