"""Contestants take turns; a row is the ratio of two of them.

Turn by turn (A B C A B C ...), because a machine's speed drifts: the ratios of one turn share its
weather, and their median is what a row shows.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, final


class NotMeasured(Exception):
    """A comparison cannot be made here; the message says why."""


@final
@dataclass(frozen=True)
class Contestant:
    """One way to do a piece of work.

    Attributes:
        seconds: Does the work once; the seconds a unit of it (a step, a sweep) took.
        detail: What it chose, such as its number of threads.
        once: What comes once and is not in ``seconds``, such as starting up: name -> seconds.
            Asked for after the last turn.
    """

    seconds: Callable[[], float]
    detail: str = ""
    once: Callable[[], Mapping[str, float]] = dict


@final
@dataclass(frozen=True)
class Target:
    """What a ratio should be."""

    kind: Literal["at most", "at least"]
    limit: float

    def met(self, ratio: float) -> bool:
        """Whether a ratio is as it should be."""
        return ratio <= self.limit if self.kind == "at most" else ratio >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.kind == 'at most' else '≥'} {self.limit:g}"


@final
@dataclass(frozen=True)
class Row:
    """One line of the table: the time of ``upper`` over the time of ``lower``.

    Attributes:
        name: What it is called on the command line.
        title: What it says.
        upper: Label of a contestant.
        lower: Label of another.
        target: What the ratio should be; None: the row informs.
        note: How it is measured, where the title does not say it.
    """

    name: str
    title: str
    upper: str
    lower: str
    target: Target | None = None
    note: str = ""


@final
@dataclass(frozen=True)
class Comparison:
    """Contestants that are measured together, and the rows drawn from them.

    Attributes:
        rows: The rows.
        contestants: Makes the contestants by label; may raise ``NotMeasured``. Its argument says
            whether all lengths should be tiny.
        turns: No more than so many, where a turn takes long.
    """

    rows: Sequence[Row]
    contestants: Callable[[bool], Mapping[str, Contestant]]
    turns: int | None = None


@final
@dataclass(frozen=True)
class Result:
    """A row and what was measured for it.

    Attributes:
        row: The row.
        seconds: Label -> seconds a unit, one entry a turn; both empty where nothing was measured.
        details: Label -> what the contestant chose.
        cores: Label -> processor time over wall time, one entry a turn. Two threads that got 0.7
            cores measured a busy machine and not two threads. Processes that it started are in it
            if they have ended.
        once: Label -> what came once, where the contestant says so.
        missing: Why nothing was measured.
    """

    row: Row
    seconds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)
    cores: Mapping[str, Sequence[float]] = field(default_factory=dict)
    once: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    missing: str = ""

    @property
    def ratios(self) -> list[float]:
        """Upper over lower, turn by turn."""
        if self.missing:
            return []
        upper, lower = self.seconds[self.row.upper], self.seconds[self.row.lower]
        return [a / b for a, b in zip(upper, lower, strict=True)]

    @property
    def ratio(self) -> float | None:
        """The median of the ratios; None where nothing was measured."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a measurement."""
        if self.row.target is None or self.ratio is None:
            return None
        return self.row.target.met(self.ratio)

    def median(self, label: str) -> float:
        """Median seconds of a contestant that was measured."""
        return statistics.median(self.seconds[label])


def select(comparisons: Sequence[Comparison], names: Sequence[str]) -> list[Comparison]:
    """The comparisons with only the rows of these names; all of them without names.

    Raises:
        ValueError: No row has one of the names.
    """
    known = [row.name for comparison in comparisons for row in comparison.rows]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"there is no row {unknown[0]!r}; choose of {', '.join(known)}")
    kept = []
    for comparison in comparisons:
        rows = [row for row in comparison.rows if not names or row.name in names]
        if rows:
            kept.append(replace(comparison, rows=rows))
    return kept


def measure(comparison: Comparison, repetitions: int, quick: bool = False) -> list[Result]:
    """Let the contestants that the rows need take turns.

    Args:
        comparison: The rows and their contestants.
        repetitions: Turns, if the comparison allows as many.
        quick: Whether all lengths should be tiny.

    Returns:
        One result a row, in their order.
    """
    try:
        made = comparison.contestants(quick)
        needed = {label for row in comparison.rows for label in (row.upper, row.lower)}
        chosen = {label: one for label, one in made.items() if label in needed}
        seconds: dict[str, list[float]] = {label: [] for label in chosen}
        cores: dict[str, list[float]] = {label: [] for label in chosen}
        for _ in range(min(repetitions, comparison.turns or repetitions)):
            for label, one in chosen.items():
                wall, processor = time.perf_counter(), _processor_time()
                seconds[label].append(one.seconds())
                wall, processor = time.perf_counter() - wall, _processor_time() - processor
                cores[label].append(processor / wall)
        once = {label: one.once() for label, one in chosen.items()}
    except NotMeasured as reason:
        return [Result(row, missing=str(reason)) for row in comparison.rows]
    return [
        Result(
            row,
            {label: seconds[label] for label in (row.upper, row.lower)},
            {label: chosen[label].detail for label in (row.upper, row.lower)},
            {label: cores[label] for label in (row.upper, row.lower)},
            {label: once[label] for label in (row.upper, row.lower) if once[label]},
        )
        for row in comparison.rows
    ]


def _processor_time() -> float:
    """Seconds of this process and of those it has started and seen end."""
    return sum(os.times()[:4])


def count(number: int, noun: str) -> str:
    """A number and its noun: ``1 thread``, ``2 threads``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
