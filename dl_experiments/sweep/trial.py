"""A few samples pass through a network, its loss and its metrics before anything trains."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from dl_experiments import build, identity, randomness, settings
from dl_experiments.data.contract import ContractBroken
from dl_experiments.data.loader import InMemory, InMemoryDataModule
from dl_experiments.schema import Config
from dl_experiments.tasks.task import Task

FEW = 3
"""Samples; a prime, which fits by accident to the fewest shapes."""


def networks(configs: Sequence[Config], module: InMemoryDataModule) -> None:
    """Try each distinct network of some runs on the data that they share.

    Args:
        configs: Of the runs.
        module: Their data, checked.

    Raises:
        ContractBroken: A network cannot take the inputs, its outputs have another shape than the
            targets want, or are not finite; a loss or a metric is no single number of them.
    """
    distinct = {
        json.dumps([config[key] for key in ("model", "loss")] + [str(build.dtype(config))]): config
        for config in configs
    }
    for config in distinct.values():
        network = build.model(config, module)
        task = build.task(config, module, network)
        device, dtype = build.device(config), build.dtype(config)
        task.to(device)
        few = [_few(data).placed(device, dtype) for data in (module.train, module.test)]
        with randomness.scope(config["seed"], "outputs", device=device), settings.kept():
            for data in few:
                _try(config, task.eval(), data, module)
            _try(config, task.train(), few[0], module)


def _few(data: InMemory) -> InMemory:
    return replace(data, inputs=data.inputs[:FEW], targets=data.targets[:FEW])


@torch.no_grad()
def _try(config: Config, task: Task, data: InMemory, module: InMemoryDataModule) -> None:
    name = f"model={identity.called(config['model'])}"
    inputs = data.prepare(data.inputs)
    given = f"{module.contract.name}, inputs {list(inputs.shape)}"
    try:
        outputs = task.model(inputs)
    except Exception as error:
        if task.training:  # it may want larger batches, or fail on purpose: the run will say
            return
        raise ContractBroken(f"{name} cannot take {given}: {_reason(error)}") from error
    _check_outputs(f"{name} on {given}", outputs, data.targets, module)
    loss = f"loss={config['loss']} of {name} on {given}"
    targets = data.targets.double() if data.targets.is_floating_point() else data.targets
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Using a target size")
            value = task.loss(outputs.double(), targets)
            for measure, metric in task.metrics().items():
                metric.to(outputs.device).update(outputs.double(), targets)
                _check_number(f"{measure} of {name} on {given}", metric.compute())
    except ContractBroken:
        raise
    except Exception as error:
        raise ContractBroken(f"{loss}: {_reason(error)}") from error
    _check_number(loss, value)
    if module.contract.kind is None or module.contract.own_loss:
        _check_pairs(loss, task, outputs, targets)


def _check_outputs(
    where: str, outputs: object, targets: Tensor, module: InMemoryDataModule
) -> None:
    kind = module.contract.kind
    values = kind == "values" and targets.dim() > 1
    wanted = list(targets.shape) if values else [len(targets), module.outputs]
    if not isinstance(outputs, Tensor):
        raise ContractBroken(f"{where} returns a {type(outputs).__name__}, not a tensor {wanted}")
    if kind is not None and list(outputs.shape) != wanted:
        raise ContractBroken(f"{where} returns {list(outputs.shape)}; wanted: {wanted}")
    if not outputs.is_floating_point():
        raise ContractBroken(f"{where} returns {outputs.dtype}, no floating-point numbers")
    if not outputs.isfinite().all():
        raise ContractBroken(f"{where} returns numbers that are not finite, with its first weights")


def _check_number(where: str, value: object) -> None:
    if not isinstance(value, Tensor) or value.numel() != 1:
        shape = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ContractBroken(f"{where} is {shape}; wanted: one number")


def _check_pairs(loss: str, task: Task, outputs: Tensor, targets: Tensor) -> None:
    """Refuse a loss that pairs each output with every target, as [n, 1] less [n] does.

    It does not change when the targets change places.
    """
    if outputs.shape == targets.shape:
        return
    try:
        more = torch.broadcast_shapes(outputs.shape, targets.shape).numel()
    except RuntimeError:
        return
    if more <= max(outputs.numel(), targets.numel()):
        return
    draw = torch.Generator().manual_seed(0)
    one = torch.randn(outputs.shape, generator=draw, dtype=torch.float64).to(outputs.device)
    other = torch.randn(targets.shape, generator=draw, dtype=torch.float64).to(outputs.device)
    if not targets.is_floating_point():
        classes = torch.arange(other.numel()).view(other.shape) % 2
        other = classes.to(targets.device, targets.dtype)
    if torch.allclose(task.loss(one, other), task.loss(one, other.roll(1, 0))):
        raise ContractBroken(
            f"{loss}: outputs {list(outputs.shape)} and targets {list(targets.shape)} are "
            "broadcast against one another; give targets the shape of the outputs"
        )


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
