"""What an analysis hands back: figures, a table of numbers, claims and notes about one study."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from dl_experiments.analysis.claims import Claim
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.statistics import INTERVAL

FORMATS = ("png", "svg")


class Passing(str):
    """A note on what could not be had from outside of the runs, such as data, and may be had later.

    A report that has one is not taken for what would be drawn again.
    """


@dataclass(frozen=True)
class Drawing:
    """A figure, the file name it takes (without ending), and what it shows in a few sentences."""

    name: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Finding:
    """All there is to say about one experiment.

    Attributes:
        name: The experiment, or the study's name where no experiment is known; names the folder.
        numbers: A table for people, its cells already words.
        notes: What the reader must know was left out or is not comparable; also for the terminal.
        about: What the table's numbers are and how they came about, in a few sentences.
        text: What the terminal shows of it where it is the one experiment asked for.
    """

    name: str
    title: str
    study: str
    runs: Sequence[Run]
    drawings: Sequence[Drawing]
    numbers: pd.DataFrame
    claims: Sequence[Claim] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    about: str = f"Means over completed seeds, each with its {INTERVAL}."
    text: str = ""


def save(drawing: Drawing, folder: Path, dpi: int) -> list[Path]:
    """Write a figure as PNG and SVG; the same figure gives the same bytes."""
    written = []
    for ending in FORMATS:
        buffer = BytesIO()
        metadata = {"Date": None} if ending == "svg" else {"Software": None}
        drawing.figure.savefig(buffer, format=ending, dpi=dpi, metadata=metadata)
        drawing.figure.set_layout_engine("none")  # laid out once, which is half of the work
        path = folder / f"{drawing.name}.{ending}"
        path.write_bytes(buffer.getvalue())
        written.append(path)
    return written
