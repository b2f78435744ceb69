"""The runs of a study, by what they differ in."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, final, overload

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.identity import NEUTRAL

ORDER = ("deep", "middle", "shallow", "sinc", "sign_sinc", "sign_sin")  # the others by the alphabet
ABSENT = "absent"

Reading = Callable[[Run], Any]
"""What tells runs apart that is no key of their config; None leaves a run out."""

Nested: TypeAlias = "Mapping[Any, Nested] | Sequence[Run]"
"""Runs, or groups of them by whatever, or groups of groups."""


@final
class Grid(Sequence[Run]):
    """Runs that can be taken apart by what they differ in; in all else a sequence of them.

    Args:
        runs: Of one study, or of a part of it.
    """

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs = tuple(runs)

    def along(self, key: str | Reading) -> "dict[Any, Grid]":
        """By the value at a key, or by what is read of each: numbers, names, None.

        Numbers rise, names follow in their customary order, then lists (as tuples). Numbers that
        are written alike are one: 0.3 is 0.1 + 0.2. The runs of a value are in order of the seed.
        """
        read = key if callable(key) else lambda run: plain(run, key)
        found = {run.path: canonical(read(run)) for run in self}
        kept = [run for run in self if not callable(key) or found[run.path] is not None]
        kept.sort(key=lambda run: (rank(found[run.path]), run.seed, run.path.name))
        return _gathered((found[run.path], run) for run in kept)

    def cells(self, keys: Sequence[str]) -> "dict[tuple[str, ...], Grid]":
        """By the values at several keys as they are written, in the order that `along` has."""
        ordered = sorted(self, key=lambda run: (order(run, keys), run.seed, run.path.name))
        return _gathered((tuple(value(run, key) for key in keys), run) for run in ordered)

    def only(self, keep: Callable[[Run], bool]) -> "Grid":
        """Those for which that holds."""
        return Grid(filter(keep, self))

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> "Grid": ...
    def __getitem__(self, index: int | slice) -> "Run | Grid":
        return Grid(self._runs[index]) if isinstance(index, slice) else self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)


def flat(groups: Nested) -> list[Run]:
    """All runs, in order of their groups."""
    if isinstance(groups, Mapping):
        return [run for some in groups.values() for run in flat(some)]
    return list(groups)


def _gathered(pairs: Iterable[tuple[Any, Run]]) -> dict[Any, Grid]:
    found: dict[Any, list[Run]] = {}
    for value, run in pairs:
        found.setdefault(value, []).append(run)
    return {value: Grid(runs) for value, runs in found.items()}


def canonical(raw: Any) -> Any:
    """A value that tells runs apart: lists as tuples, numbers that are written alike as one."""
    if isinstance(raw, list | tuple):
        return tuple(map(canonical, raw))
    return float(f"{raw:.12g}") if isinstance(raw, float) else raw


def show(value: Any) -> str:
    """A config value as it is written in a legend: 0.001, 1e-4, [50,10], adam, none."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        text = f"{value:.12g}"
        return text.replace("e-0", "e-").replace("e+0", "e")
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def value(run: Run, key: str) -> str:
    """What a run has at a key, as text; two runs agree exactly when the texts do."""
    if key not in run.science and key not in NEUTRAL:
        return ABSENT
    found = plain(run, key)
    return f"'{found}'" if found in (show(None), ABSENT) else show(found)


def plain(run: Run, key: str) -> Any:
    """The same as it is, None where it has none; a key that joined later is neutral in old runs."""
    return run.science.get(key, NEUTRAL.get(key))


def order(run: Run, keys: Sequence[str]) -> list[Any]:
    """A sort key: numbers by size, then names in their customary order, then by the alphabet.

    Lists come after those, by their first numbers.
    """
    return [rank(plain(run, key)) for key in keys]


def rank(raw: Any) -> tuple[Any, ...]:
    """The same of one value."""
    if raw is None:
        return (0,)
    if isinstance(raw, bool | int | float):
        return (1, float(raw))
    if isinstance(raw, list | tuple):
        return (3, [rank(one) for one in raw])
    return (2, ORDER.index(raw) if raw in ORDER else len(ORDER), show(raw))
