"""What ``metrics.csv`` holds, kept as columns: eight bytes a value, and a curve is no search."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final, overload

import numpy as np

ALWAYS = ("step", "epoch")


@final
class Rows(Sequence[Mapping[str, float]]):
    """One row a logged epoch; a value that a row does not have is absent from it.

    Args:
        columns: Name -> values [t], of which ``step`` and ``epoch`` have one a row.
        places: Name -> the rows [t] that have its values, for a column that some rows lack.

    Attributes:
        peers: The records that this one is compared with, if any.
    """

    def __init__(
        self, columns: Mapping[str, np.ndarray], places: Mapping[str, np.ndarray] | None = None
    ) -> None:
        self._columns, self._places = dict(columns), dict(places or {})
        self.peers: Peers | None = None

    @property
    def metrics(self) -> list[str]:
        """What was recorded, in the order of the file."""
        return [
            name for name, values in self._columns.items() if name not in ALWAYS and len(values)
        ]

    def curve(self, metric: str, along: str = "epoch") -> tuple[np.ndarray, np.ndarray]:
        """Where a metric was recorded [n], by epoch or step, and its values there [n]."""
        values = self._columns.get(metric, np.empty(0))
        at = self._columns[along] if len(values) else np.empty(0)
        return at[self._places[metric]] if metric in self._places else at, values

    def __len__(self) -> int:
        return len(self._columns["epoch"])

    @overload
    def __getitem__(self, index: int) -> dict[str, float]: ...
    @overload
    def __getitem__(self, index: slice) -> "list[dict[str, float]]": ...
    def __getitem__(self, index: int | slice) -> Any:
        """A row, or the rows of a slice."""
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        row: dict[str, float] = {}
        for name, values in self._columns.items():
            found = (
                values[self._places[name] == at] if name in self._places else values[at : at + 1]
            )
            if len(found):
                row[name] = found[0].item()
        return row

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return repr(list(self))


@final
class Peers:
    """The records of runs that can be compared: where all of them have a value.

    Args:
        rows: Of runs of one study that trained for equally many epochs.
    """

    def __init__(self, rows: Sequence[Rows]) -> None:
        self._rows = rows
        self._epochs: dict[str, np.ndarray] = {}

    def epochs(self, metric: str) -> np.ndarray:
        """The epochs [t] at which every run that has the metric recorded it."""
        if metric not in self._epochs:
            found = [at for rows in self._rows if len(at := rows.curve(metric)[0])]
            shared = found[0] if found else np.empty(0)
            for at in found[1:]:
                if not np.array_equal(at, shared):
                    shared = np.intersect1d(shared, at)
            self._epochs[metric] = shared
        return self._epochs[metric]


NONE = Rows({name: np.empty(0) for name in ALWAYS})


def read_rows(path: Path) -> Rows:
    """The rows of ``metrics.csv``; a last line cut short is dropped.

    A diverged run's last row may hold ``nan`` or ``inf``.

    Raises:
        ValueError: The file has no header, a cell is no number, or a row has no step or epoch.
        OSError: It cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    header, *lines = list(csv.reader(text[: text.rfind("\n") + 1].splitlines())) or [[]]
    if tuple(header[:2]) != ALWAYS:
        raise ValueError(f"{path} has no step and epoch columns")
    lines = [line for line in lines if line]
    for number, line in enumerate(lines, start=2):
        if len(line) > len(header):
            raise ValueError(f"{path}, line {number}: more cells than columns")
    width = len(header)
    cells = [line + [""] * (width - len(line)) if len(line) < width else line for line in lines]
    columns, places = {}, {}
    for name, column in zip(
        header, zip(*cells, strict=True) if cells else [()] * width, strict=True
    ):
        filled = column if "" not in column else [cell for cell in column if cell]
        try:
            found = np.array([float(cell) for cell in filled])
        except ValueError as error:
            number = next(n for n, cell in enumerate(column, 2) if cell and not _is_number(cell))
            raise ValueError(f"{path}, line {number}: {error}") from error
        whole = name in ALWAYS and not (found % 1).any()
        columns[name] = found.astype(np.int64) if whole else found
        if len(filled) < len(column):
            places[name] = np.flatnonzero([cell != "" for cell in column])
    if any(name in places for name in ALWAYS):
        raise ValueError(f"{path} has a row without step or epoch")
    return Rows(columns, places)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
