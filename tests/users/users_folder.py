"""A new user's own pieces, with types in their signatures, for a folder of configs of their own."""

from math import prod
from typing import Literal

import numpy as np
import torch
from torch import nn

from dl_experiments.callbacks.observer import Measurement, Observer
from dl_experiments.data.loader import InMemory, InMemoryDataModule


class Gated(nn.Module):
    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        width: int = 8,
        gate: Literal["sigmoid", "tanh"] = "sigmoid",
        layers: list[int] | None = None,
    ):
        super().__init__()
        self.first = nn.Linear(prod(input_shape), width)
        self.last = nn.Linear(width, outputs)
        self.gate = getattr(torch, gate)

    def forward(self, x):
        return self.last(self.gate(self.first(x.flatten(1))))


class Waves(InMemoryDataModule):
    def __init__(
        self, name: str, batch_size: int, run_seed: int, samples: int = 16, frequency: float = 1.0
    ):
        super().__init__(batch_size=batch_size, run_seed=run_seed, training_samples=samples)
        self.input_shape, self.outputs = (1,), 1
        self.samples, self.frequency = samples, frequency

    def load(self):
        x = torch.linspace(-1, 1, self.samples)[:, None]
        data = InMemory(x, torch.sin(self.frequency * x))
        return data, data


class Sign(torch.optim.Optimizer):
    def __init__(self, params, lr: float = 0.1, floor: float = 0.0):
        super().__init__(params, {"lr": lr, "floor": floor})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * p.grad.sign()


class Halving(torch.optim.lr_scheduler.LambdaLR):
    def __init__(self, optimizer, every: int = 1):
        super().__init__(optimizer, lambda epoch: 0.5 ** (epoch // every))


class Counting(Observer):
    def __init__(self, directory, max_epochs, each: int = 1):
        self.seen = 0

    def after_epoch(self, task, data):
        self.seen += 1


class Sum(Measurement):
    def __init__(self, directory, scale: float = 1.0):
        self.directory, self.scale = directory, scale

    def missing(self):
        return self.directory.settings_of("sum") != str(self.scale)

    def measure(self, task, data):
        total = sum(float(parameter.detach().sum()) for parameter in task.model.parameters())
        drawn = float(torch.rand(()))
        found = {"sum": self.scale * total, "drawn": drawn, "settings": str(self.scale)}
        arrays = {name: np.array(value) for name, value in found.items()}
        self.directory.write_measure("sum", arrays)
