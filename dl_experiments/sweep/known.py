"""What a stack knows: the very classes whose stacked computation the contract tests have proved.

Anything else, a user's network, loss, task, data module, observer, optimizer or schedule, and any
of ours with a hook or an attribute set on it, is tried before it is stacked, see ``proof.py``.
"""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.optim import optimizer as torch_optimizer
from torch.optim.optimizer import Optimizer

from dl_experiments.callbacks.observer import Observer
from dl_experiments.data.images import crop_and_flip
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.models.cnn import CNN
from dl_experiments.models.mlp import MLP
from dl_experiments.sweep import optimizers
from dl_experiments.sweep.rows import POINTWISE
from dl_experiments.tasks import losses
from dl_experiments.tasks.classification import ClassificationTask
from dl_experiments.tasks.regression import RegressionTask
from dl_experiments.tasks.task import Task

LOSSES = (*losses.REGRESSION.values(), *losses.CLASSIFICATION.values())
"""Means over the samples of a batch."""

_CONTAINERS: tuple[type[nn.Module], ...] = (nn.Sequential, MLP, CNN)
_EXAMPLES: dict[type[nn.Module], tuple[int, ...]] = {
    nn.Linear: (1, 1),
    nn.Conv2d: (1, 1, 1),
    nn.Flatten: (),
    nn.Dropout: (),
    nn.MaxPool2d: (1,),
    nn.AvgPool2d: (1,),
    nn.AdaptiveAvgPool2d: (1,),
    **dict.fromkeys(POINTWISE, ()),
}
"""Layers that are computed as themselves -> what makes one, for the attributes that it has."""
_known_attributes: dict[type[nn.Module], frozenset[str]] = {}

_HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
)  # fmt: skip
_STEP_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
_OVERRIDABLE = ("__init__", "load", "prepare_data", "shapes", "augment", "__module__", "__doc__")


def unknown(task: Task, module: InMemoryDataModule, observers: list[Observer]) -> list[str]:
    """What of a run a stack does not know, in words; empty: nothing.

    Args:
        task: The run's, its optimizer made, on any device.
        module: Its data, loaded or not.
        observers: Its callbacks.
    """
    found = [*_network(task.model), *_task(task), *_data(module), *_updates(task)]
    found += [f"the observer {_name(one)}" for one in observers if not _ours(one)]
    return list(dict.fromkeys(found))


def _network(network: nn.Module) -> Iterator[str]:
    for name, layer in network.named_modules():
        kind = type(layer)
        where = f"layer {name}" if name else "the network"
        if kind in _CONTAINERS:
            extra = set(vars(layer)) - _attributes(nn.Sequential)
        elif kind in _EXAMPLES:
            extra = set(vars(layer)) - _attributes(kind)
        else:
            yield f"{where} ({_name(layer)})"
            continue
        if extra:
            yield f"{where} with {min(extra)} set on it"
        if any(getattr(layer, hooks) for hooks in _HOOKS):
            yield f"{where} with hooks"
    for name, parameter in network.named_parameters():
        if type(parameter) is not nn.Parameter:
            yield f"parameter {name} ({_name(parameter)})"
        if parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None):
            yield f"parameter {name} with hooks"
    if any(getattr(torch_module, f"_global{hooks}", None) for hooks in _HOOKS):
        yield "hooks on all modules"


def _attributes(kind: type[nn.Module]) -> frozenset[str]:
    """What every layer of a kind has set on it."""
    if kind not in _known_attributes:
        with torch.device("meta"):
            _known_attributes[kind] = frozenset(vars(kind(*_EXAMPLES.get(kind, ()))))
    return _known_attributes[kind]


def _task(task: Task) -> Iterator[str]:
    if type(task) not in (RegressionTask, ClassificationTask):
        yield f"the task {_name(task)}"
    if task.loss not in LOSSES:
        yield f"the loss {getattr(task.loss, '__qualname__', task.loss)}"


def _data(module: InMemoryDataModule) -> Iterator[str]:
    own = [kind for kind in type(module).__mro__ if kind not in InMemoryDataModule.__mro__]
    defined = {name: value for kind in own if not _ours(kind) for name, value in vars(kind).items()}
    defined |= {name: value for name, value in vars(module).items() if callable(value)}
    changed = [
        name
        for name, value in defined.items()
        if isinstance(value, property) or callable(getattr(value, "__func__", value))
        if hasattr(InMemoryDataModule, name) and name not in _OVERRIDABLE
    ]
    if changed:
        yield f"the data module's own {min(changed)}"
    augment = module.augment
    if augment is not None and getattr(augment, "func", None) is not crop_and_flip:
        yield "the data module's own augmentation"


def _updates(task: Task) -> Iterator[str]:
    optimizer, schedule = task.optimizer, task.schedule
    if type(optimizer) not in optimizers.RULES:
        yield f"the optimizer {_name(optimizer)}"
    elif any(_hooked(optimizer, name) for name in _STEP_HOOKS):
        yield "an optimizer with hooks"
    elif _maker(task._make_optimizer) is not type(optimizer):
        yield "an optimizer that a function makes"
    if schedule is not None:
        if not type(schedule).__module__.startswith("torch.optim."):
            yield f"the schedule {_name(schedule)}"
        elif _maker(task._make_schedule) is not type(schedule):
            yield "a schedule that a function makes"


def _maker(partial: object) -> object:
    return getattr(partial, "func", partial)


def _hooked(optimizer: Optimizer, name: str) -> bool:
    everywhere = name.replace("_optimizer_step", "_global_optimizer")
    return bool(getattr(optimizer, name) or getattr(torch_optimizer, everywhere, None))


def _ours(thing: object) -> bool:
    kind = thing if isinstance(thing, type) else type(thing)
    return kind.__module__.startswith("dl_experiments.")


def _name(thing: object) -> str:
    return type(thing).__name__
