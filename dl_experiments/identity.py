"""Which run a config describes: its id, its readable name, its place under the outputs folder.

The id is a hash of the whole resolved config less the keys that do not change the numbers, so
defaults count too: changing a default gives new ids and never aliases old runs.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dl_experiments import schema

ONCE_CALLBACKS = ("predictions", "critical_points", "sensitivity", "sharpness")
"""Measurements that stood under ``callbacks`` before there were ``measurements``.

Old runs, files and commands have them there, where they are no science either. No other joins them:
whatever stands under ``measurements`` is no science.
"""

NOT_SCIENCE = (
    "hydra",
    *schema.not_science(),
    *(f"callbacks.{name}" for name in ONCE_CALLBACKS),
)
"""Dotted keys (with all below them) that say where and how a run is made, not what it is."""

NEUTRAL: dict[str, Any] = {
    "trainer.target_accuracy": None,
    "model.init": "default",
    "model.gain": 1,
}
"""Keys that joined after ids were in use -> the value at which they change nothing.

While such a key has its neutral value it is left out of the hash, so that old ids hold. The keys of
a class of a user's own are the class's, whatever they are called.
"""


_OURS = "dl_experiments."


def scientific(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved config that decides a run's numbers, canonical and nested.

    Numbers are canonical: 1.0 becomes 1, so ``lr=1`` and ``lr=1.0`` are one run.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    return _filter(config, "")


def _filter(node: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    ours = str(node.get("_target_", _OURS)).startswith(_OURS)
    for key in node:
        dotted = f"{prefix}{key}"
        value = _canonical(node[key], dotted)
        neutral = ours and dotted in NEUTRAL and value == NEUTRAL[dotted]
        if dotted in NOT_SCIENCE or neutral:
            continue
        kept[str(key)] = value
    return kept


def _canonical(value: Any, dotted: str) -> Any:
    if isinstance(value, Mapping):
        return _filter(value, f"{dotted}.")
    if isinstance(value, list | tuple):
        return [_canonical(item, dotted) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{dotted}={value} is not a finite number")
        return int(value) if value.is_integer() else value
    return value


def run_id(config: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits: the head of SHA-256 over the canonical JSON of the science."""
    text = json.dumps(scientific(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def run_name(config: Mapping[str, Any]) -> str:
    """Short, for people, legal on every file system; nothing is ever parsed back from it."""
    words = [_name(config, "model"), _name(config, "data"), f"s{config.get('seed', 0)}"]
    return re.sub(r"[^A-Za-z0-9_-]+", "_", "-".join(words))[:60]


def _name(config: Mapping[str, Any], group: str) -> str:
    node = config.get(group)
    return str(node.get("name", group)) if isinstance(node, Mapping) else group


def called(node: Mapping[str, Any]) -> str | None:
    """What a choice is called where it is shown: its name, else the last part of its class's.

    Folders keep to ``run_name``, where runs of choices without a name are found.

    Args:
        node: The group's, with ``name`` or ``_target_``; None: it has neither.
    """
    if node.get("name") is not None:
        return str(node["name"])
    target = node.get("_target_")
    return target.rpartition(".")[2] if isinstance(target, str) else None


def run_path(config: Mapping[str, Any], identity: str | None = None) -> Path:
    """``<study>/<readable name>-<run id>``, relative to the outputs folder.

    Args:
        config: Resolved.
        identity: Its run id, where it is known.
    """
    return Path(str(config["study"])) / f"{run_name(config)}-{identity or run_id(config)}"


def flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mapping -> (dotted key, value) pairs; an empty mapping has no pairs."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
