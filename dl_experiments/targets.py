"""What a ``_target_`` of a config names: found, held against its signature, called.

Lightning is not imported for it: what a config says of torch's own classes is refused before.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pkgutil import resolve_name
from typing import Any

from dl_experiments import settings
from dl_experiments.schema import Config
from dl_experiments.schema_check import against_signature

Node = Mapping[str, Any]
_GIVEN = {
    "data": ["run_seed", "label_noise"],
    "model": ["input_shape", "outputs"],
    "task": ["model", "loss", "optimizer", "schedule", "seed", "outputs"],
    "optimizer": ["params"],
    "schedule": ["optimizer"],
    "callbacks": ["directory", "max_epochs"],
    "measurements": ["directory", "max_epochs"],
}
"""Group -> the parameters of what its node names that are no business of the config."""


def check(config: Config) -> None:
    """Hold the nodes that no schema declares in full against the signatures of what they name.

    Raises:
        ValueError: There is no such thing, it does not know a key, or a value is not of its type.
    """
    for key, node in nodes(config):
        target = node.get("_target_")
        if target in (None, "???"):
            continue
        group = key.partition(".")[0]
        if is_foreign(target) or group in ("optimizer", "schedule"):
            own = node if group == "data" else without_name(node)
            keys = {name: value for name, value in own.items() if name != "_target_"}
            against_signature(key, find(key, target), keys, _GIVEN[group])


def has_foreign(config: Config) -> bool:
    """Whether a config names anything of a user's."""
    targets = [node.get("_target_") for _, node in nodes(config)]
    return any(is_foreign(target) for target in targets if target not in (None, "???"))


def nodes(config: Config) -> Iterator[tuple[str, Node]]:
    """Dotted key -> node, of all that may name something of a user's."""
    whole: Mapping[str, Any] = config
    for group in ("optimizer", "schedule", "data", "model", "task"):
        yield group, whole[group]
    for group in ("callbacks", "measurements"):
        for name, node in whole[group].items():
            if node is not None:
                yield f"{group}.{name}", node


def is_foreign(name: str) -> bool:
    """Whether a dotted name is a user's: neither this package's nor torch's own."""
    return not name.startswith(("dl_experiments.", "torch."))


def reason(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def without_name(node: Node) -> dict[str, Any]:
    """A copy; ``name`` labels a choice and is an argument of data alone."""
    return {key: value for key, value in node.items() if key != "name"}


def drawn(key: str, seed: int, node: Node, /, **more: Any) -> Any:
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
        raise ValueError(f"{key}: {reason(error)} ({node['_target_']})") from error


def asked_for(key: str, node: Node, offered: Mapping[str, Any]) -> dict[str, Any]:
    """What of some values the thing that a node names takes, by its signature.

    Raises:
        ValueError: There is no such thing.
    """
    parameters = inspect.signature(find(key, node["_target_"])).parameters
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    return {name: value for name, value in offered.items() if takes_any or name in parameters}


def instantiate(key: str, node: Node, **more: Any) -> Any:
    """Call what ``_target_`` names with the node's other keys.

    Raises:
        ValueError: There is no such thing, it lacks a key or does not know one, or it refuses.
    """
    keys = deepcopy(dict(node))  # jobs share what is equal, and a user's code may change a list
    target = keys.pop("_target_")
    made = find(key, target)
    with settings.kept(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Initializing zero-element tensors")
        against_signature(key, made, keys, more)
        return call(key, made, keys | more)


def call(key: str, made: Callable[..., Any], keys: Node) -> Any:
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
        raise ValueError(f"{key}._target_={target} cannot be imported: {reason(error)}") from error
