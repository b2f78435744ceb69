"""In what two records of what runs were trained on contradict one another, see ``record.py``."""

from collections.abc import Mapping
from typing import Any

Record = Mapping[str, Any]
"""``data``: ``key`` and ``seed``, see ``record.key``, and what must then be equal: the number of
training samples and a checksum for inputs and targets of either set. ``code``: ``_target_`` ->
checksum."""


def differences(old: Record, new: Record) -> list[str]:
    """What two records contradict one another in, in words; what either lacks does not count."""
    ours, theirs = part(new, "data"), part(old, "data")
    words = []
    if all(ours.get(name) == theirs.get(name) for name in ("key", "seed")):
        words += [
            n
            for n in theirs
            if n not in ("key", "seed") and not alike(ours.get(n, theirs[n]), theirs[n])
        ]
    ours, theirs = part(new, "code"), part(old, "code")
    words += [f"the code of {n}" for n in theirs if ours.get(n, theirs[n]) != theirs[n]]
    return words


def part(record: Record, name: str) -> Mapping[str, Any]:
    """``data`` or ``code``; empty where the record has none."""
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def alike(one: Any, other: Any) -> bool:
    """Whether two entries of a record say that the data are the same, up to rounding.

    Another processor computes the same numbers with other last bits. So a checksum of
    floating-point numbers x stands with a few sums Σ ±xᵢ, each of which may differ by 64 ε ‖x‖.
    """
    if one == other or not (isinstance(one, str) and isinstance(other, str)):
        return bool(one == other)
    pairs = [*zip(one.split("/"), other.split("/"), strict=False)]
    return one.count("/") == other.count("/") and all(_near(*pair) for pair in pairs)


def _near(one: str, other: str) -> bool:
    if one == other:
        return True
    numbers = [[float(word) for word in text.split(":")[1:]] for text in (one, other)]
    if not (len(numbers[0]) == len(numbers[1]) > 1):
        return False
    (*mine, tolerance), (*theirs, _) = numbers
    return all(abs(a - b) <= tolerance for a, b in zip(mine, theirs, strict=True))
