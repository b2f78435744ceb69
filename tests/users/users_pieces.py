"""Pieces of users' own, most of which a stack does not know."""

from math import prod
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.optim.lr_scheduler import LRScheduler
from users_data import TEST, N, Values, points

from dl_experiments.callbacks.observer import Observer, Scalars
from dl_experiments.data.loader import InMemory, TrainingSet
from dl_experiments.sweep.optimizers import SGDRule
from dl_experiments.tasks.task import Task

# --- networks


class Plain(nn.Module):
    def __init__(self, input_shape, outputs, width=9):
        super().__init__()
        self.enter = nn.Linear(prod(input_shape), width)
        self.leave = nn.Linear(width, outputs)

    def forward(self, x):
        return self.leave(self.enter(x.flatten(1)).tanh())


class Residual(Plain):
    def forward(self, x):
        h = self.enter(x)
        return self.leave(h + functional.gelu(functional.layer_norm(h, h.shape[1:])))


class Gated(Plain):
    """An activation of one's own, with a parameter."""

    def __init__(self, input_shape, outputs, width=9):
        super().__init__(input_shape, outputs, width)
        self.slope = nn.Parameter(torch.ones(()))

    def forward(self, x):
        h = self.enter(x)
        return self.leave(h * torch.sigmoid(self.slope * h))


class TwoHeads(Plain):
    def __init__(self, input_shape, outputs, width=9):
        super().__init__(input_shape, outputs, width)
        self.unused = nn.Linear(width, 4)


class WeightNorm(Plain):
    def __init__(self, input_shape, outputs, width=9):
        super().__init__(input_shape, outputs, width)
        parametrizations.weight_norm(self.enter)


class SpectralNorm(Plain):
    def __init__(self, input_shape, outputs, width=9):
        super().__init__(input_shape, outputs, width)
        parametrizations.spectral_norm(self.enter)


class BatchNorm(Plain):
    def __init__(self, input_shape, outputs, width=9):
        super().__init__(input_shape, outputs, width)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x):
        return self.leave(self.norm(self.enter(x)).relu())


class OverTheBatch(Plain):
    """Normalises by the batch that it sees, without a buffer."""

    def forward(self, x):
        h = self.enter(x)
        return self.leave((h - h.mean(0)).tanh())


def sequence(input_shape, outputs):
    return nn.Sequential(nn.Linear(prod(input_shape), 9), nn.ReLU(), nn.Linear(9, outputs))


def hooked(input_shape, outputs):
    net = sequence(input_shape, outputs)
    net[0].register_forward_hook(lambda module, inputs, output: 0.5 * output)
    return net


def clipped(input_shape, outputs):
    net = sequence(input_shape, outputs)
    for parameter in net.parameters():
        parameter.register_hook(lambda gradient: gradient.clamp(-1e-3, 1e-3))
    return net


def sharing(input_shape, outputs):
    """Two parameters, one memory."""
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, outputs))
    net[2].weight = nn.Parameter(net[0].weight.data)
    return net


def patched(input_shape, outputs):
    net = sequence(input_shape, outputs)
    net[1].forward = torch.sin
    return net


class Counting(nn.Sequential):
    """Changes its own attribute as it goes."""

    def __init__(self, input_shape, outputs):
        super().__init__(*sequence(input_shape, outputs))
        self.calls = 0

    def forward(self, x):
        self.calls += self.training
        return super().forward(x) * (1 + 0.1 * self.calls)


# --- tasks and losses


def log_cosh(outputs, targets):
    difference = outputs - targets
    return (difference + functional.softplus(-2 * difference) - np.log(2)).mean()


def root(outputs, targets):
    return functional.mse_loss(outputs, targets).sqrt()


def worst(outputs, targets):
    return (outputs - targets).square().amax()


class Own(Task):
    LOSSES: ClassVar = {"mse": log_cosh, "l1": root, "huber": worst}
    TARGETS = "values"

    def metrics(self):
        return {}


class Penalty(Own):
    LOSSES: ClassVar = {"mse": functional.mse_loss}

    def training_step(self, batch, _):
        for inputs, targets in batch.epoch(self.epoch):
            self.optimizer.zero_grad()
            penalty = sum(parameter.abs().sum() for parameter in self.model.parameters())
            (self.loss(self.model(inputs), targets) + 0.1 * penalty).backward()
            self.optimizer.step()
        self.advance(batch.updates, None)


class Doubled(Own):
    LOSSES: ClassVar = {"mse": functional.mse_loss}

    def evaluate(self, data):
        return {name: 2 * value for name, value in super().evaluate(data).items()}


# --- data


class OwnScale(Values):
    """Each seed sees points of its own, normalised by their own statistics."""

    def load(self):
        x, y = points()
        draw = np.random.default_rng(self.run_seed)
        x = x * draw.uniform(0.5, 2) + draw.normal()
        y = y.double()[:, None]
        mean, scale = x[:N].mean(0), 1 / x[:N].std(0)
        return InMemory(x[:N], y[:N], mean, scale), InMemory(x[N:], y[N:], mean, scale)


class OwnSize(Values):
    """Test sets of several sizes, which the seed chooses."""

    def load(self):
        train, test = super().load()
        n = TEST - self.run_seed % 3
        return train, InMemory(test.inputs[:n], test.targets[:n])


class InOrder(Values):
    """A sampler of one's own: never shuffled."""

    def training_set(self):
        class Ordered(TrainingSet):
            def order(self, number):
                return torch.arange(len(self.data))

        return Ordered(self.train, self.batch_size, self.run_seed, self.augment)


class Jitter(Values):
    """Augments with the generator that it is given."""

    def __init__(self, name, batch_size, run_seed, seed=0):
        super().__init__(name, batch_size, run_seed, seed)
        self.augment = lambda x, draw: x + 0.1 * torch.randn(x.shape, generator=draw, dtype=x.dtype)


class Coin(Values):
    """Augments with NumPy's own generator."""

    def __init__(self, name, batch_size, run_seed, seed=0):
        super().__init__(name, batch_size, run_seed, seed)
        self.augment = lambda x, draw: x * float(np.random.random())  # noqa: NPY002


# --- optimizers and schedules


class SignSGD(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for parameter in self.param_groups[0]["params"]:
            parameter -= self.param_groups[0]["lr"] * parameter.grad.sign()


class HalfRule(SGDRule):
    def step(self, weights, gradient, number):
        super().step(weights, gradient / 2, number)


class HalfSGD(torch.optim.SGD):
    @torch.no_grad()
    def step(self, closure=None):
        for parameter in self.param_groups[0]["params"]:
            parameter.grad /= 2
        return super().step(closure)


class RuledSGD(HalfSGD):
    stacked = HalfRule


class MisruledSGD(HalfSGD):
    stacked = SGDRule


def stepping(params, lr):
    optimizer = torch.optim.SGD(params, lr=lr)

    def clip(own, args, keys):
        nn.utils.clip_grad_norm_(own.param_groups[0]["params"], 1e-3)

    optimizer.register_step_pre_hook(clip)
    return optimizer


def last_layer(params, lr):
    return torch.optim.SGD(list(params)[2:], lr=lr)


def two_groups(params, lr):
    first, *rest = params
    return torch.optim.SGD([{"params": [first], "lr": lr / 2}, {"params": rest}], lr=lr)


def half_made(params, lr):
    return torch.optim.SGD(params, lr=lr / 2)


class Square(LRScheduler):
    def get_lr(self):
        return [lr / (1 + self.last_epoch) ** 2 for lr in self.base_lrs]


# --- observers


class Mean(Scalars):
    """Looks and leaves alone."""

    name = "mean"

    def __init__(self, directory, max_epochs):
        pass

    def columns(self, task):
        return ["weights/mean"]

    def values(self, task, data):
        flat = torch.cat([parameter.detach().flatten() for parameter in task.model.parameters()])
        return {"weights/mean": float(flat.mean())}


class Elsewhere(Mean):
    """Evaluates on a part of the training set."""

    def values(self, task, data):
        part = InMemory(data.train.inputs[:7], data.train.targets[:7], dtype=data.train.dtype)
        return {"weights/mean": float(task.evaluate(part)["loss"])}


class Gradient(Mean):
    def values(self, task, data):
        grads = [p.grad for p in task.model.parameters() if p.grad is not None]
        return {"weights/mean": sum(float(grad.norm()) for grad in grads)}


class Slowing(Observer):
    """Halves the learning rate at each epoch's end."""

    def __init__(self, directory, max_epochs):
        pass

    def after_epoch(self, task, data):
        for group in task.optimizer.param_groups:
            group["lr"] /= 2


class Pruning(Observer):
    """Sets small weights to zero, from some epoch on."""

    def __init__(self, directory, max_epochs, first=0):
        self.first = first

    def after_epoch(self, task, data):
        if task.epoch >= self.first:
            with torch.no_grad():
                for parameter in task.model.parameters():
                    parameter[parameter.abs() < 0.1] = 0
