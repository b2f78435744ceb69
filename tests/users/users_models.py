"""Networks, tasks and observers as users write them."""

import random
from math import prod
from typing import ClassVar

import numpy as np
import torch
from lightning import Callback
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from dl_experiments.callbacks.observer import Observer, Scalars
from dl_experiments.tasks.regression import RegressionTask
from dl_experiments.tasks.task import Task


class Dense(nn.Module):
    """As it should be; others change what it returns."""

    def __init__(self, input_shape, outputs):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(prod(input_shape), outputs))

    def forward(self, x):
        return self.net(x)


class Squeezed(Dense):
    def forward(self, x):
        return super().forward(x).squeeze(-1)


class Pair(Dense):
    def forward(self, x):
        return super().forward(x), x


class Auxiliary(Dense):
    """Returns more while it trains."""

    def forward(self, x):
        return [super().forward(x)] if self.training else super().forward(x)


class Logarithm(Dense):
    def forward(self, x):
        return (-1 - super().forward(x).abs()).log()


class Classes(Dense):
    def forward(self, x):
        return super().forward(x).argmax(1)


class Picky(Dense):
    def forward(self, x):
        raise RuntimeError("no such\ninput")


class Double(Dense):
    """Made in another type than the run's."""

    def __init__(self, input_shape, outputs):
        super().__init__(input_shape, outputs)
        self.double()


class Drawing(Dense):
    """Leaves out its input now and then, by the standard library's coin."""

    def forward(self, x):
        return super().forward(x * float(random.random() > 0.3))


class Noise(Dense):
    """Draws in evaluation too, from torch's and NumPy's own generators."""

    def forward(self, x):
        more = float(np.random.normal()) * torch.randn_like(x)  # noqa: NPY002
        return super().forward(x + 0.1 * more)


def flat_error(outputs, targets):
    """Right for targets [n], which it gets from those who return [n]."""
    return (outputs.squeeze(-1) - targets).square().mean()


def paired_error(outputs, targets):
    """What [n, 1] less [n] does."""
    return (outputs - targets).square().mean()


class Own(Task):
    """A task of one's own, which does not say what its targets are."""

    LOSSES: ClassVar = {"mse": flat_error, "huber": paired_error, "l1": lambda o, t: o.abs()}

    def metrics(self):
        return {}


class Coin(Scalars):
    """Records a number that it draws."""

    name = "coin"

    def __init__(self, directory, max_epochs):
        pass

    def columns(self, task):
        return ["coin"]

    def values(self, task, data):
        torch.set_default_dtype(torch.float64)
        return {"coin": random.random() + np.random.random()}  # noqa: NPY002


class Moody(Observer):
    """Ends the run by a coin."""

    def __init__(self, directory, max_epochs):
        pass

    def after_epoch(self, task, data):
        task.should_stop = torch.rand(()).item() < 0.2


class OwnLoss(RegressionTask):
    """Of ours, with a loss of its own for targets [n], as its author's data have them."""

    LOSSES: ClassVar = {"mse": flat_error}


class Silent(Task):
    """Says nothing of its targets."""

    LOSSES: ClassVar = {"mse": paired_error}

    def metrics(self):
        return {}


class Variance(Silent):
    """A loss that is a statistic of the batch."""

    LOSSES: ClassVar = {"mse": lambda outputs, targets: (outputs.squeeze(-1) - targets).var()}


class NoisyLoss(Task):
    """Draws wherever it is called: made, evaluated, trained."""

    LOSSES: ClassVar = {"mse": lambda o, t: (o - t).square().mean() * (1 + np.random.random())}  # noqa: NPY002
    TARGETS = "values"

    def __init__(self, **keys):
        super().__init__(**keys)
        self.factor = random.random()

    def metrics(self):
        return {}

    def on_train_epoch_start(self):
        self.factor = torch.rand(()).item()


class LateMask(Dense):
    """Draws a mask when it is first called."""

    mask = None

    def forward(self, x):
        if self.mask is None:
            self.mask = torch.rand(x.shape[1:])
        return super().forward(x * self.mask)


class Precise(Dense):
    """Sets the type of everything that is made from now on, each time it is called."""

    def forward(self, x):
        torch.set_default_dtype(torch.float64)
        return super().forward(x)


class Plain(Callback):
    """Lightning's own kind of callback."""

    def __init__(self, directory, max_epochs):
        self.factor = np.random.random()  # noqa: NPY002

    def on_train_epoch_start(self, trainer, pl_module):
        with torch.no_grad():
            for parameter in pl_module.parameters():
                parameter.mul_(1 + 0.1 * torch.rand(()) * self.factor)


class Wandering(LRScheduler):
    """A schedule that draws."""

    def get_lr(self):
        return [lr * (0.5 + random.random()) for lr in self.base_lrs]
