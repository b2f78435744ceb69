"""From a resolved config to what is to be learned: data, network, loss.

What training builds and what an analysis needs to evaluate a finished run's weights.
"""

import inspect
from contextlib import nullcontext
from typing import Any, cast

import torch
from torch import nn

from dl_experiments import randomness, settings
from dl_experiments.data.contract import Contract
from dl_experiments.data.labels import LabelNoise
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.identity import called
from dl_experiments.measures.flat import Loss
from dl_experiments.schema import Config
from dl_experiments.targets import call, find, instantiate, is_foreign, reason, without_name


def data(config: Config) -> InMemoryDataModule:
    """The data module; nothing is loaded yet.

    Raises:
        ValueError: A value is not allowed.
    """
    node: dict[str, Any] = dict(config["data"])
    node["run_seed"] = config["seed"]
    noise = call("label_noise", LabelNoise, config["label_noise"])
    if "label_noise" in inspect.signature(find("data", node["_target_"])).parameters:
        node["label_noise"] = noise
    elif noise != LabelNoise(kind=noise.kind):
        raise ValueError(
            f"label_noise.fraction={noise.fraction}, label_noise.test_labels="
            f"{noise.test_labels}: data={called(node)} has no labels"
        )
    name = f"data={called(node)}"
    making = settings.making_data(node.get("seed") or 0, "data")
    try:
        with making if is_foreign(node["_target_"]) else nullcontext():
            built = cast(InMemoryDataModule, instantiate("data", node))
        built.input_shape = tuple(int(size) for size in built.input_shape)
        missing = [key for key in ("outputs", "training_samples") if not hasattr(built, key)]
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"{name}: {reason(error)}") from error
    if missing:
        raise ValueError(f"{name}: {type(built).__name__} sets no {missing[0]}")
    task = find("task", config["task"]["_target_"])
    own_loss = is_foreign(getattr(task.LOSSES.get(str(config["loss"])), "__module__", "torch."))
    built.contract = Contract(name, task.TARGETS, own_loss)
    return built


def checked_data(config: Config) -> InMemoryDataModule:
    """The data module, loaded and in the form that the task takes, not moved yet.

    Raises:
        ValueError: A value is not allowed, or the data are not what the task takes.
    """
    module = data(config)
    module.check(dtype(config))
    return module


def prepare_data(module: InMemoryDataModule) -> None:
    """Fetch or write what loading needs; once for each data node of a command.

    Raises:
        ValueError: It cannot be had.
    """
    try:
        with module.making("prepare"):
            module.prepare_data()
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"{module.contract.name}: prepare_data: {reason(error)}") from error


def model(config: Config, module: InMemoryDataModule) -> nn.Module:
    """The network for the data, with the initial weights of the run's seed.

    Raises:
        ValueError: A value is not allowed, or the network does not fit the data.
    """
    node = without_name(config["model"])
    if node.get("_target_") in (None, "???"):
        raise ValueError(
            f"model={called(config['model'])} has no network for data of kind {config['kind']}"
        )
    with randomness.scope(config["seed"], "weights"):
        built = instantiate("model", node, input_shape=module.input_shape, outputs=module.outputs)
    for tensor in [*built.parameters(), *built.buffers()]:
        if tensor.is_floating_point():  # whatever type its code has made it in
            tensor.data = tensor.data.to(dtype(config))
    # Convolutions are a third faster with the channels innermost; other layers do not change.
    return cast(nn.Module, built).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def loss(config: Config) -> Loss:
    """What is minimised: (outputs, targets) -> mean over the samples; from its task's own table.

    Raises:
        ValueError: The task knows no such loss.
    """
    name, known = config["loss"], find("task", config["task"]["_target_"]).LOSSES
    if name not in known:
        raise ValueError(f"loss={name!r} is not one of {', '.join(known)}")
    return cast(Loss, known[name])


def dtype(config: Config) -> torch.dtype:
    """The type of a run's weights."""
    return torch.float64 if config["trainer"]["precision"] == "64-true" else torch.float32
