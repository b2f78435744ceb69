"""Networks, tasks and observers as users write them."""

import random
from math import prod
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from dl_experiments.callbacks.observer import Observer, Scalars
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
