"""What an analysis hands back: figures, a table of numbers, claims and notes about one study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from matplotlib.figure import Figure

from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import run_count
from dl_experiments.analysis.runs.learned import dead
from dl_experiments.analysis.runs.quantities import Quantity
from dl_experiments.analysis.runs.statistics import INTERVAL

ARM = "arm"  # the column that tells a study's arms apart


class Passing(str):
    """A note on what could not be had from outside of the runs, such as data, and may be had later.

    A report that has one is not taken for what would be drawn again.
    """


@final
@dataclass(frozen=True)
class Drawing:
    """A figure, the file name it takes (without ending), and what it shows in a few sentences."""

    name: str
    caption: str
    figure: Figure


@final
@dataclass(frozen=True)
class Row:
    """A row of a table: what its runs are called, how many there are, and quantities of them.

    Attributes:
        names: Column -> words, of what tells it from other rows.
        runs: Of one group; none where the row is not of a group.
        quantities: Column -> what stands there of the runs.
        more: Column -> words.
        counts: Column -> a number that is no quantity of runs.
    """

    names: Mapping[str, str]
    runs: Sequence[Run] = ()
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, str | int]:
        """Column -> its cell, for people: words, or a count."""
        count = ", ".join(filter(None, [run_count(self.runs), dead(self.runs)]))
        seeds = {"seeds": count} if self.runs else {}
        cells = {column: quantity.words(self.runs) for column, quantity in self.quantities.items()}
        return {**self.names, **seeds, **cells, **self.counts, **self.more}

    @property
    def numbers(self) -> list[dict[str, Any]]:
        """A row each, as a tidy table has it; a number that nobody knows is None."""
        group = ", ".join(f"{key}={name}" for key, name in self.names.items() if key != ARM)
        begin = {ARM: self.names.get(ARM, ""), "group": group}
        rows = []
        for metric, quantity in self.quantities.items():
            found = quantity.level(self.runs)
            value, low, high = (found.value, found.low, found.high) if found else (None,) * 3
            said = {"estimate": value, "low": low, "high": high, "n": found.n if found else 0}
            rows.append({**begin, "metric": metric, **said, "unit": quantity.unit})
        for metric, count in self.counts.items():
            said = {"estimate": float(count), "low": None, "high": None, "n": 0}
            rows.append({**begin, "metric": metric, **said, "unit": ""})
        return rows


@final
@dataclass(frozen=True)
class Finding:
    """All there is to say about one experiment.

    Attributes:
        runs: What it is about.
        drawings: In the order of the report.
        rows: Of the table of numbers.
        notes: What the reader must know was left out or is not comparable; also for the terminal.
        about: What the table's numbers are and how they came about, in a few sentences.
        text: What the terminal shows of it where it is the one experiment asked for.
    """

    runs: Sequence[Run]
    drawings: Sequence[Drawing] = ()
    rows: Sequence[Row] = ()
    claims: Sequence[Claim] = ()
    notes: Sequence[str] = ()
    about: str = f"Means over completed seeds, each with its {INTERVAL}."
    text: str = ""
