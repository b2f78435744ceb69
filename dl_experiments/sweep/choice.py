"""Which runs may share a stack, whether that is faster, and how it is computed: one place for it.

The rule was measured on two cores with AVX-512; ``docs/benchmarks.md`` has the numbers.
"""

import json
import os
from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from dl_experiments import build, randomness, settings
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.observer import Joint, Observer
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.schema import Config
from dl_experiments.sweep import kernel, optimizers
from dl_experiments.sweep.lanes import Lanes, chain
from dl_experiments.sweep.layouts import Layout
from dl_experiments.sweep.rows import Mapped, Rows
from dl_experiments.tasks.task import Task

LANES_PARAMETERS, LANES_FLOPS, LANES_INPUTS = 5_000, 3e6, 256
"""Largest nets that are computed with members innermost: parameters, operations of a batch's
forward pass, and numbers of a sample. A block of 16 members then costs no more than three or four
runs alone; beyond, its parameters and optimizer states, or its batches, leave the cache."""

ROWS_PARAMETERS, ROWS_FLOPS = 50_000, 2e6
"""The same as the first pair for batched products, on a processor; on a GPU they always win."""


class Alone(Exception):
    """A run cannot share a stack; the message says why."""


def common(config: Config, module: InMemoryDataModule, task: Task, epoch: int) -> Hashable:
    """What the members of a stack must have in common; it is all that is looked at here.

    Args:
        config: Of a run.
        module: Its data, not loaded.
        task: Its task, optimizer made, on any device.
        epoch: Where it starts.

    Raises:
        Alone: It cannot be stacked, or gains nothing by it.
    """
    wanted = config["sweep"]["stack"]
    if wanted == "never":
        raise Alone("sweep.stack=never")
    precision = config["trainer"]["precision"]
    if precision not in ("32-true", "64-true"):
        raise Alone(f"trainer.precision={precision}")
    for callback in build.watching(config, RunDirectory(os.devnull)).values():
        if not isinstance(callback, Observer):
            raise Alone(f"{type(callback).__name__} is no Observer")
    try:
        rule = optimizers.shared(task.optimizer), _unshared(config, task)
    except ValueError as error:
        raise Alone(str(error)) from error
    own = [id(parameter) for parameter in task.optimizer.param_groups[0]["params"]]
    if own != [id(parameter) for parameter in task.model.parameters()]:
        raise Alone("the optimizer has not all parameters of the network, in their order")
    device = build.device(config)
    _check_network(task.model, module, device)
    if wanted == "auto" and not faster(config, module, task.model):
        raise Alone("a stack of such networks is not faster here")
    model = {key: value for key, value in config["model"].items() if key != "name"}
    trainer = config["trainer"]
    return (
        *(str(device), precision, trainer["threads"], trainer["max_epochs"], epoch),
        *(json.dumps(model, sort_keys=True), module.shapes(), type(task), config["loss"], rule),
    )


def _unshared(config: Config, task: Task) -> str:
    """What is said to a user's optimizer of which its options may not tell."""
    if type(task.optimizer) in optimizers.RULES:
        return ""
    free = optimizers.rule(task.optimizer).free
    told = {key: value for key, value in config["optimizer"].items() if key not in free}
    return json.dumps(told, sort_keys=True)


def _check_network(network: nn.Module, module: InMemoryDataModule, device: torch.device) -> None:
    named = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    if len(named) != len(list(network.parameters())):
        raise Alone("the network uses a parameter in two places")
    places = [parameter.untyped_storage()._cdata for parameter in network.parameters()]
    if len(set(places)) < len(places):
        raise Alone("the network has parameters that share memory")
    if not named or not all(parameter.requires_grad for parameter in network.parameters()):
        raise Alone("the network has parameters that are not trained")
    buffers = [name for name, _ in network.named_buffers()]
    if buffers:
        raise Alone(f"the network has buffers ({buffers[0]})")
    dropout = [layer for layer in network.modules() if isinstance(layer, nn.Dropout) and layer.p]
    if dropout and device.type != "cpu":
        raise Alone("dropout on a GPU")
    if Rows(network).mapped:
        _try_mapped(network, module)
    if device.type == "cpu" and build.convolves(network, module):
        raise Alone("a processor's convolutions depend on how many there are")


def _try_mapped(network: nn.Module, module: InMemoryDataModule) -> None:
    """Let two members of a network that is no sequence of known layers see a batch of two."""
    pair = [parameter.detach().expand(2, *parameter.shape) for parameter in network.parameters()]
    inputs = torch.zeros(2, 2, *module.input_shape, device=pair[0].device, dtype=pair[0].dtype)
    with settings.guarded(0, "outputs"):
        before = randomness.global_state()
        try:
            Mapped(network)(pair, inputs, training=True)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise Alone(f"torch.func.vmap cannot map the network ({reason})") from error
        if randomness.global_state() != before:
            raise Alone("the network draws random numbers")


def faster(config: Config, module: InMemoryDataModule, network: nn.Module) -> bool:
    """Whether a stack of such runs is faster than one run after the other."""
    if build.device(config).type != "cpu" or _lanes(network, module, build.dtype(config)):
        return True
    return _within(network, module, ROWS_PARAMETERS, ROWS_FLOPS)


def layout(
    network: nn.Module, module: InMemoryDataModule, members: int, dtype: torch.dtype
) -> Layout:
    """How a stack is computed.

    Raises:
        Alone: The network has shown only now that it cannot be stacked.
    """
    layers, compiled = chain(network), kernel.load(dtype)
    if layers is not None and compiled is not None and _lanes(network, module, dtype):
        return Lanes(layers, compiled, members)
    rows = Rows(network)
    if rows.mapped:  # so far only its like on the meta device may have been tried
        _try_mapped(network, module)
    return rows


def measures_jointly(config: Config) -> bool:
    """Whether a stack's runs are measured together at their end, which may outlast their training.

    How long differs from group to group, so that each should be split over all cores.
    """
    chosen = build.chosen_callbacks(config, RunDirectory(os.devnull)).values()
    return any(isinstance(callback, Joint) for callback in chosen)


def width(config: Config, module: InMemoryDataModule, network: nn.Module) -> int:
    """Members that cost about as much as one: to split a stack further gains nothing."""
    return _lanes(network, module, build.dtype(config)) or 4


def _lanes(network: nn.Module, module: InMemoryDataModule, dtype: torch.dtype) -> int:
    """Members a block of lanes holds; 0 where lanes cannot be used, or are not faster."""
    if chain(network) is None or next(network.parameters()).device.type not in ("cpu", "meta"):
        return 0
    if not _within(network, module, LANES_PARAMETERS, LANES_FLOPS):
        return 0
    if torch.Size(module.input_shape).numel() > LANES_INPUTS:
        return 0
    compiled = kernel.load(dtype)
    return 0 if compiled is None else compiled.lanes


def _within(network: nn.Module, module: InMemoryDataModule, parameters: int, flops: float) -> bool:
    small = _parameters(network) <= parameters
    return small and build.forward_flops(network, module) <= flops


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def member_bytes(config: Config, module: InMemoryDataModule, task: Task) -> int:
    """About how much memory a member needs: parameters, their states, a batch, its activations."""
    sizes: list[int] = []

    def note(_: nn.Module, __: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            sizes.append(output.numel() * module.batch_size)

    layers = [layer for layer in task.model.modules() if not list(layer.children())]
    hooks: Sequence[RemovableHandle] = [layer.register_forward_hook(note) for layer in layers]
    build.forward_once(task.model, module)
    for hook in hooks:
        hook.remove()
    inputs = torch.Size(module.input_shape).numel()
    numbers = 8 * _parameters(task.model) + 2 * inputs * module.batch_size + 3 * sum(sizes)
    predictions = 2 * module.outputs * module.training_samples
    return (numbers + predictions) * build.dtype(config).itemsize
