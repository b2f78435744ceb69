"""Where a key's default comes from: which options of which group say what."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, final

from dl_experiments import identity, schema_check
from dl_experiments.reference import defaults

_Told = Sequence[tuple[str, Any]]  # (who says it, what)


@final
class Origins:
    """What each option of ``conf/`` sets by itself, and what a run is if nothing is said.

    Attributes:
        groups: Those that a user chooses from -> the default option of each.
    """

    def __init__(self) -> None:
        self.groups = defaults.groups()
        self._conf = defaults.composed()
        self._run = self._conf.written()
        files = [group for group in self.groups if group != "experiment"]
        self._options = [*defaults.of_options(["kind", "network", *files])]

    def options(self, group: str) -> list[str]:
        """The options of a group."""
        return self._conf.options(group)

    def sets(self, group: str) -> list[str]:
        """The dotted keys that a group's options set."""
        own = [values for of, _, values in self._options if of == group]
        return sorted({key for values in own for key, _ in identity.flatten(values)})

    def of_node(
        self, path: Sequence[str], nodes: Sequence[type], node: type
    ) -> list[tuple[str, Mapping[str, Any]]]:
        """The options that bring a node, of some that may stand in its place, and its values."""
        found = []
        for group, name, values in self._options:
            one = _at(values, path)
            target = one.get("_target_")
            is_own = [group] == path[:1] or (group == "network" and path == ["model"])
            if is_own and one and target != "???" and schema_check.named(nodes, target) is node:
                found.append((_who(group, name), one))
        return found

    def of_key(
        self, path: Sequence[str], nodes: Sequence[type], node: type, key: str
    ) -> Mapping[str, Sequence[str]]:
        """A key's default, as a word -> who says it; nobody in particular, where there is one.

        Args:
            path: Of the key's node.
            nodes: Those that may stand there.
            node: The one that is asked for.
            key: Of the node.
        """
        own = self.of_node(path, nodes, node)
        told: _Told = [(who, values[key]) for who, values in own if _has(values, key)]
        if len(told) == len(own) and len({defaults.word(value) for _, value in told}) == 1:
            told = [("", told[0][1])]
        elsewhere = not path or path[0] not in self.groups
        if not told and (own or elsewhere):
            told = [*self._by_data(path, key)]
        if not told and elsewhere and _has(values := _at(self._run, path), key):
            told = [("", values[key])]
        found: dict[str, list[str]] = {}
        for who, value in told:
            found.setdefault(defaults.word(value), []).extend([who] if who else [])
        return found

    def _by_data(self, path: Sequence[str], key: str) -> Iterator[tuple[str, Any]]:
        """What kinds of data say, and sets that say something else than their kind."""
        kinds: dict[str, Any] = {}
        for group, name, values in self._options:
            if group in ("kind", "data") and _has(one := _at(values, path), key):
                if group == "kind":
                    kinds[name] = one[key]
                if group == "kind" or one[key] != kinds[values["kind"]]:
                    yield _who(group, name), one[key]


def _who(group: str, name: str) -> str:
    if group == "kind":
        return f"{name} data"
    if group == "network":
        model, _, kind = name.rpartition("_")
        return f"{model} ({kind} data)"
    return name


def _at(values: Any, path: Sequence[str]) -> Mapping[str, Any]:
    for key in path:
        values = values.get(key) or {}
    return cast(Mapping[str, Any], values)


def _has(values: Mapping[str, Any], key: str) -> bool:
    return values.get(key, "???") != "???"
