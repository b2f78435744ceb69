"""The plain configs of jobs that differ in values alone, of which Hydra composes one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf

from dl_experiments.config import own
from dl_experiments.identity import ONCE_CALLBACKS

_NAME = r"\.*[\w-]+(?:\.[\w-]+)*"
_MOVED = [["callbacks", name] for name in ONCE_CALLBACKS]
_DONE = "\0"  # in the place of an interpolation that has been read
_READ = (
    re.compile(rf"({_NAME})"),  # a key
    re.compile(rf"((?:[\w-]+\.)+){_DONE}[\w.{_DONE}-]*"),  # one whose path is known to begin so
    re.compile(rf"oc\.select\s*:\s*({_NAME})\s*(?:,[^$\[\]]*)?"),
    re.compile(r"(?:oc\.env|epochs_for|rate_for)\s*:[^$\[\]]*()"),  # it sees its arguments alone
)


@final
class Shared:
    """What follows from a choice of options, and which values of it may be changed afterwards.

    Args:
        config: Composed for that choice, with its interpolations.
    """

    def __init__(self, config: DictConfig) -> None:
        self._config = own(config)
        self._plain: Any = OmegaConf.to_container(self._config, resolve=False)
        told = [_names(text) for text in _strings(self._plain) if "${" in text]
        self._opaque = None in told
        self._words = {name for names in told for name in names or ()}

    def divide(self, changes: Sequence[Override]) -> tuple[list[Override], list[Override]]:
        """The changes that can be made in the resolved config, and those that Hydra must make.

        The first set one value each, from which nothing else follows: a key is left to Hydra if an
        interpolation could mean it, a part of it, or what holds it, and all are if one is of a
        kind that is not read here.
        """
        rest = [change for change in changes if not self._takes(change)]
        others = [_path(change) for change in rest]
        plain = [
            change
            for change in changes
            if change not in rest and not any(_overlap(_path(change), path) for path in others)
        ]
        return plain, [change for change in changes if change not in plain]

    def _takes(self, change: Override) -> bool:
        path = _path(change)
        if self._opaque or change.type is not OverrideType.CHANGE or change.package is not None:
            return False
        own_way = path[0] in ("at", "study") or path[:2] in _MOVED  # see ``resolve``
        told = any(_may_mean(word, path) for word in self._words)
        return not (own_way or told) and _is_plain(change.value()) and self._is_value(path)

    def _is_value(self, path: Sequence[str]) -> bool:
        """Whether there is a value, of no declared type that would check or convert another."""
        node, plain = self._config, self._plain
        *groups, last = path
        for key in groups:
            plain = plain.get(key) if isinstance(plain, dict) else None
            if not isinstance(plain, dict):
                return False
            node = node[key]
            if OmegaConf.get_type(node) is not dict:
                return False
        return last in plain and not isinstance(plain[last], dict)


def refers(value: Any) -> bool:
    """Whether an interpolation is in a value."""
    return any("${" in text for text in _strings(value))


def _names(text: str) -> set[str] | None:
    """The keys that the interpolations of a text mean; None: that cannot be said."""
    names = set()
    while found := re.search(r"\$\{([^${}]*)\}", text):
        read = [one for one in (form.fullmatch(found[1].strip()) for form in _READ) if one]
        if not read:
            return None
        names.add(read[0][1])
        text = text[: found.start()] + _DONE + text[found.end() :]
    return None if "${" in text or "\\" in text else names - {""}


def _path(change: Override) -> list[str]:
    return change.key_or_group.split(".")


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _may_mean(word: str, path: Sequence[str]) -> bool:
    """Whether a word of an interpolation could name a key, a node of it, or a part of it."""
    parts = [part for part in word.split(".") if part]
    return _overlap(parts, path) or (word.startswith(".") and parts[0] in path)


def with_value(config: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """A config with another value; what does not change is the same object."""
    first, *rest = path
    return {**config, first: with_value(config[first], rest, value) if rest else value}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return not refers(value) and value != "???"
    return value is None or isinstance(value, int | float)


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping | list):
        for one in node.values() if isinstance(node, Mapping) else node:
            yield from _strings(one)
