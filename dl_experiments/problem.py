"""From a resolved config to what is to be learned: data, network, loss.

What training builds and what an analysis needs to evaluate a finished run's weights.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pkgutil import resolve_name
from typing import Any, cast

import torch
from torch import nn

from dl_experiments import randomness, settings
from dl_experiments.data.contract import Contract
from dl_experiments.data.labels import LabelNoise
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.identity import called
from dl_experiments.measures.flat import Loss
from dl_experiments.schema_check import against_signature

Config = Mapping[str, Any]


def data(config: Config) -> InMemoryDataModule:
    """The data module; nothing is loaded yet.

    Raises:
        ValueError: A value is not allowed.
    """
    node = dict(config["data"])
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
        raise ValueError(f"{name}: {_reason(error)}") from error
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
        raise ValueError(f"{module.contract.name}: prepare_data: {_reason(error)}") from error


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


def is_foreign(name: str) -> bool:
    """Whether a dotted name is a user's: neither this package's nor torch's own."""
    return not name.startswith(("dl_experiments.", "torch."))


def _reason(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def without_name(node: Config) -> dict[str, Any]:
    """A copy; ``name`` labels a choice and is an argument of data alone."""
    return {key: value for key, value in node.items() if key != "name"}


def drawn(key: str, seed: int, node: Config, /, **more: Any) -> Any:
    """``instantiate``, for what is neither data nor a network, with whatever a user's code raises.

    Its global random numbers are a stream of the seed.

    Raises:
        ValueError: See ``instantiate``; or one line of what was raised.
    """
    if not is_foreign(node["_target_"]):
        return instantiate(key, node, **more)
    try:
        with settings.guarded(seed, key.partition(".")[0]):
            return instantiate(key, node, **more)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"{key}: {_reason(error)} ({node['_target_']})") from error


def instantiate(key: str, node: Config, **more: Any) -> Any:
    """Call what ``_target_`` names with the node's other keys.

    Raises:
        ValueError: There is no such thing, it lacks a key or does not know one, or it refuses.
    """
    keys = dict(node)
    target = keys.pop("_target_")
    made = find(key, target)
    with settings.kept(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Initializing zero-element tensors")
        against_signature(key, made, keys, more)
        return call(key, made, keys | more)


def call(key: str, made: Callable[..., Any], keys: Config) -> Any:
    """Call ``made``.

    Raises:
        ValueError: It lacks a key or does not know one, or it refuses a value.
    """
    try:
        inspect.signature(made).bind(**keys)
    except TypeError as error:
        raise ValueError(f"{key}: {error} ({made.__qualname__})") from error
    return made(**keys)


def find(key: str, target: str) -> Any:
    """What a dotted name stands for; importing a user's module may fail in any way.

    Args:
        key: Where it is said, for the message.
        target: A dotted name.

    Raises:
        ValueError: It cannot be imported.
    """
    try:
        with settings.guarded(0, "import"):
            return resolve_name(target)
    except Exception as error:
        raise ValueError(f"{key}._target_={target} cannot be imported: {_reason(error)}") from error
