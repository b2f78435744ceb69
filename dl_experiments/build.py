"""From a resolved config to what trains: data, task, callbacks, trainer.

``check`` builds everything that costs nothing, on the ``meta`` device, so that a sweep refuses a
bad cell before its first run starts.
"""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from lightning import Callback, Trainer
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dl_experiments import identity, machine, schema_check, settings
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks import schedules
from dl_experiments.callbacks.checkpoint import Checkpoint
from dl_experiments.callbacks.observer import Observer, Scalars, check_measurement
from dl_experiments.callbacks.recorder import Recorder, Sink
from dl_experiments.callbacks.tensorboard import TensorBoard
from dl_experiments.config import resolve as resolve
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.environment import without_lightnings
from dl_experiments.problem import checked_data as checked_data
from dl_experiments.problem import data as data
from dl_experiments.problem import dtype as dtype
from dl_experiments.problem import loss as loss
from dl_experiments.problem import model as model
from dl_experiments.problem import prepare_data as prepare_data
from dl_experiments.schema import Config
from dl_experiments.schema_check import against_signature
from dl_experiments.targets import asked_for, drawn, find, is_foreign, without_name
from dl_experiments.tasks.task import Task

CHECKPOINT_SECONDS = 20.0
"""Least time between two checkpoints of a run."""

_counted: WeakKeyDictionary[nn.Module, tuple[int, bool]] = WeakKeyDictionary()
_alike: dict[object, tuple[int, bool]] = {}
SINGLE_THREAD_FLOPS = 2e7
"""Forward operations of one batch below which a second thread costs more than it gives."""


def check(config: Config) -> tuple[InMemoryDataModule, Task]:
    """Refuse a config that cannot be trained, before anything is trained or downloaded.

    Returns:
        The data, not loaded, and the task with its optimizer, both good for looking at only: the
        network is on the ``meta`` device where it can be.

    Raises:
        ValueError: Names the key, the value and what is allowed.
    """
    schema_check.check(config)
    if config["trainer"]["accelerator"] == "gpu" and not torch.cuda.is_available():
        raise ValueError("trainer.accelerator=gpu: this machine or its torch has no CUDA GPU")
    module = data(config)
    with torch.device("meta"):
        network = _try_model(config, module)
        built = task(config, module, network)
        try:
            built.configure_optimizers()
        except (ValueError, TypeError) as error:
            chosen = [
                f"{group}={identity.called(config[group])}" for group in ("optimizer", "schedule")
            ]
            raise ValueError(f"{', '.join(chosen)}: {error}") from error
    recording_schedule(config)
    _check_target_accuracy(config["trainer"]["target_accuracy"], built)
    for callback in chosen_callbacks(config, RunDirectory(os.devnull)).values():
        if isinstance(callback, Observer):
            callback.check(built, module)
    return module, built


def _check_target_accuracy(target: float | None, task_: Task) -> None:
    if target is not None and "accuracy" not in task_.metrics():
        raise ValueError(
            f"trainer.target_accuracy={target}: {type(task_).__name__} has no accuracy; allowed: "
            "null, or trainer.target_loss"
        )


def _try_model(config: Config, module: InMemoryDataModule) -> nn.Module:
    """The network on the current (``meta``) device, or a real one where it needs real numbers.

    Raises:
        ValueError: It cannot be built there either.
    """
    try:
        return model(config, module)
    except ValueError:
        raise
    except Exception:
        try:
            with torch.device("cpu"):
                return model(config, module)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ValueError(f"model={identity.called(config['model'])}: {reason}") from error


def task(config: Config, module: InMemoryDataModule, network: nn.Module) -> Task:
    """The LightningModule around a network."""
    optimizer, schedule = _optimizer(config)
    built = drawn(
        "task",
        config["seed"],
        config["task"],
        model=network,
        loss=config["loss"],
        optimizer=optimizer,
        schedule=schedule,
        seed=config["seed"],
        outputs=module.outputs,
    )
    return cast(Task, built)


def _optimizer(config: Config) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    node = without_name(config["optimizer"])
    kind = find("optimizer", node.pop("_target_"))
    against_signature("optimizer", kind, node, ["params"])
    accepted = inspect.signature(kind).parameters
    # One fused kernel for all parameters where torch has it, else one call for each operation.
    for faster in ("fused", "foreach"):
        if faster in accepted:
            node.setdefault(faster, True)
            break
    schedule = without_name(config["schedule"])
    target = schedule.pop("_target_")
    if target is None:
        return partial(kind, **node), None
    found = find("schedule", target)
    against_signature("schedule", found, schedule, ["optimizer"])
    return partial(kind, **node), partial(found, **schedule)


def recording_schedule(config: Config) -> schedules.Schedule:
    """The logged epochs."""
    trainer_ = config["trainer"]
    return schedules.parse("trainer.log_every", trainer_["log_every"], trainer_["max_epochs"])


def callbacks(
    config: Config, directory: RunDirectory, sinks: Sequence[Sink]
) -> tuple[Recorder, list[Callback]]:
    """The recorder, and all callbacks in the order they run: the checkpoint comes last."""
    if config["logger"]["tensorboard"]:
        sinks = [*sinks, TensorBoard(directory, dict(identity.flatten(config)))]
    target, accuracy = config["trainer"]["target_loss"], config["trainer"]["target_accuracy"]
    schedule = recording_schedule(config)
    chosen = chosen_callbacks(config, directory).values()
    scalars = [callback for callback in chosen if isinstance(callback, Scalars)]
    recorder = Recorder(directory, schedule, target, sinks, scalars, accuracy)
    checkpoint = Checkpoint(directory, config["trainer"]["max_epochs"], CHECKPOINT_SECONDS)
    return recorder, [recorder, *chosen, checkpoint]


def chosen_callbacks(config: Config, directory: RunDirectory) -> dict[str, Callback]:
    """Those of ``callbacks``, then those of ``measurements``, built, by their keys.

    Raises:
        ValueError: One refuses its keys; a measurement is none.
    """
    return watching(config, directory) | _built("measurements", config, directory)


def watching(config: Config, directory: RunDirectory) -> dict[str, Callback]:
    """Those of ``callbacks``, which may act while a run trains.

    Raises:
        ValueError: One refuses its keys.
    """
    return _built("callbacks", config, directory)


def _built(group: str, config: Config, directory: RunDirectory) -> dict[str, Callback]:
    """A group's, of which null leaves one out; each is handed what it asks for."""
    whole: Mapping[str, Any] = config
    offered = {"directory": directory, "max_epochs": config["trainer"]["max_epochs"]}
    found: dict[str, Callback] = {}
    for name, node in whole[group].items():
        if node is not None:
            key = f"{group}.{name}"
            found[name] = drawn(key, config["seed"], node, **asked_for(key, node, offered))
            if group == "measurements":
                check_measurement(key, found[name])
    return found


def device(config: Config) -> torch.device:
    """What a run trains on."""
    on_gpu = config["trainer"]["accelerator"] != "cpu" and torch.cuda.is_available()
    return torch.device("cuda:0" if on_gpu else "cpu")


def trainer(config: Config, chosen: list[Callback], epochs: int) -> Trainer:
    """A Trainer that does nothing but train so many epochs: recording is the callbacks'."""
    wanted = config["trainer"]
    # Neither a variable that Lightning reads nor the scheduler that started us decides anything.
    with without_lightnings():
        return Trainer(
            plugins=[LightningEnvironment()],
            max_epochs=epochs,
            accelerator=device(config).type,
            devices=1,
            precision=wanted["precision"],
            callbacks=chosen,
            default_root_dir=os.devnull,  # where a Slurm job would look for weights to go on from
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )


def threads(
    config: Config, network: nn.Module, module: InMemoryDataModule, cores: int | None = None
) -> int:
    """Processor threads for a run: one where a step is too small to share, else all cores it has.

    Args:
        config: The run's; ``trainer.threads`` decides where it is set.
        network: Its network.
        module: Its data.
        cores: Cores it may use; None: the machine's.
    """
    if config["trainer"]["threads"] is not None:
        return int(config["trainer"]["threads"])
    small = forward_flops(network, module) < SINGLE_THREAD_FLOPS
    return 1 if small else cores or machine.available_cores()


def forward_flops(network: nn.Module, module: InMemoryDataModule) -> int:
    """Floating-point operations of one batch's forward pass."""
    return _operations(network, module)[0] * module.batch_size


def convolves(network: nn.Module, module: InMemoryDataModule) -> bool:
    """Whether a forward pass makes a convolution, in whatever layer."""
    return _operations(network, module)[1]


def _operations(network: nn.Module, module: InMemoryDataModule) -> tuple[int, bool]:
    """Of one sample: how many, and whether convolutions are among them; counted once a network.

    Networks of this package that read the same are the same.
    """
    if network not in _counted:
        ours = not any(
            is_foreign(type(part).__module__) or part._forward_hooks or part._forward_pre_hooks
            for part in network.modules()
        )
        alike = (repr(network), tuple(module.input_shape)) if ours else None
        if alike not in _alike:
            counter = forward_once(network, module)
            kinds = counter.get_flop_counts().get("Global", {})
            convolves = any("convolution" in str(operation) for operation in kinds)
            _alike[alike] = int(counter.get_total_flops()), convolves
        _counted[network] = _alike[alike] if ours else _alike.pop(alike)
    return _counted[network]


def forward_once(network: nn.Module, module: InMemoryDataModule) -> FlopCounterMode:
    """Let one sample of zeros through; what counted its operations."""
    was_training = network.training
    network.eval()  # counting must not move running statistics
    like = next(network.parameters())
    counter = FlopCounterMode(display=False)
    with settings.guarded(0, "outputs"), counter, torch.no_grad():
        network(like.new_zeros(1, *module.input_shape))
    network.train(was_training)
    return counter
