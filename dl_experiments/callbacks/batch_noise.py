"""How far the loss of one mini-batch lies from that of another while a run trains."""

from collections.abc import Mapping, Sequence
from typing import final

import torch

from dl_experiments.callbacks.observer import Scalars
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.tasks.task import Task

NOISE = "noise/batch_loss"


@final
class BatchNoise(Scalars):
    """The spread of the mini-batch loss at fixed weights, as the column ``noise/batch_loss``.

    At each logged epoch the loss of every mini-batch of the coming epoch is evaluated with the
    weights of the moment, in eval mode and without augmentation; the column is the standard
    deviation over these mini-batches (divided by their number), 0 where there is one. For batches
    of size B drawn from n samples whose losses have the standard deviation σ it is about
    σ·√((n − B)/(n − 1)/B).
    """

    name = "batch_noise"

    def columns(self, task: Task) -> Sequence[str]:
        """One."""
        return [NOISE]

    @torch.no_grad()
    def values(self, task: Task, data: InMemoryDataModule) -> Mapping[str, float]:
        """The spread over the mini-batches of epoch ``task.epoch``."""
        outputs = (task.predictor or task.predict)(data.train).double()
        targets = data.train.targets
        targets = targets.double() if targets.is_floating_point() else targets
        order = data.training_set().order(task.epoch).to(targets.device)
        losses = [task.loss(outputs[at], targets[at]) for at in order.split(data.batch_size)]
        return {NOISE: float(torch.stack(losses).std(correction=0))}
