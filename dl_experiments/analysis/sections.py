"""The one loop over the arms of a study: what an analysis makes of each, put together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import pandas as pd
from matplotlib.figure import Figure

from dl_experiments.analysis.claims import Claim, in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import run_count
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.grid import Grid
from dl_experiments.analysis.learned import dead
from dl_experiments.analysis.quantities import Quantity
from dl_experiments.analysis.swept import confounded

Made = tuple[str, Figure]
"""Caption and figure."""


@final
@dataclass(frozen=True)
class Row:
    """A row of a table: what its runs are called, how many there are, and quantities of them.

    Attributes:
        names: Column -> words, of what tells it from other rows.
        runs: Of one group; none where the row is not of a group.
        quantities: Column -> what stands there of the runs.
        more: Column -> words, of what is no quantity of a run.
    """

    names: Mapping[str, str]
    runs: Sequence[Run] = ()
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, str]:
        """Column -> its cell, for people."""
        count = ", ".join(filter(None, [run_count(self.runs), dead(self.runs)]))
        seeds = {"seeds": count} if self.runs else {}
        cells = {column: quantity.words(self.runs) for column, quantity in self.quantities.items()}
        return {**self.names, **seeds, **cells, **self.more}


@final
@dataclass(frozen=True)
class Section:
    """What there is to say of an arm, or of several.

    Attributes:
        drawings: Name -> caption and figure, in the order of the report; None: nothing to draw.
        rows: Of the table of numbers.
        notes: What the reader should know; each is said once.
        along: What cannot be told apart in it, see ``confounded``; None: as in all of its runs.
        about: What its rows are, in sentences, each said once.
    """

    drawings: Mapping[str, Made | None] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    claims: Sequence[Claim] = ()
    notes: Sequence[str] = ()
    along: Sequence[str] | None = None
    about: Sequence[str] = ()


def over(arms: Mapping[str, Grid], make: Callable[[str, Grid], Section]) -> Section:
    """All arms in one section: figures numbered, claims and rows told apart by their arm.

    Where another key differs along with what an arm compares, its runs cannot tell the two apart:
    a note says so, and none of the arm's claims has a verdict.

    Args:
        arms: Label -> the runs that may share a figure; the label of a single arm is empty.
        make: Label and runs -> what there is to say of them.
    """
    drawings: dict[str, Made | None] = {}
    rows, judged, notes = [], [], []
    about: list[str] = []
    for count, (arm, members) in enumerate(arms.items(), start=1):
        made = make(arm, members)
        along = confounded(members) if made.along is None else made.along
        ending = f"-{count}" if arm else ""
        drawings |= {f"{name}{ending}": drawn for name, drawn in made.drawings.items()}
        apart = {"arm": arm} if arm else {}
        rows += [replace(row, names={**apart, **row.names}) for row in made.rows]
        judged += [in_arm(_undecided(claim, along), arm) for claim in made.claims]
        notes += [*along, *made.notes]
        about += made.about
    return Section(drawings, rows, judged, notes, about=about)


def put_together(
    name: str,
    title: str,
    runs: Sequence[Run],
    sections: Sequence[Section],
    notes: Sequence[str] = (),
    about: str = Finding.about,
) -> Finding:
    """Sections as the finding of an experiment.

    Args:
        name: Of the experiment.
        title: Of the finding.
        runs: All of its study.
        sections: In the order of the report.
        notes: On what is left out of all of them.
        about: What the table's numbers are.
    """
    drawings = [
        Drawing(figure, *drawn)
        for one in sections
        for figure, drawn in one.drawings.items()
        if drawn
    ]
    rows = [row.words for one in sections for row in one.rows]
    judged = [claim for one in sections for claim in one.claims]
    lines = dict.fromkeys([*(note for one in sections for note in one.notes), *notes])
    words = " ".join(dict.fromkeys([about, *(said for one in sections for said in one.about)]))
    study = runs[0].study if runs else name
    table = pd.DataFrame(rows)
    return Finding(name, title, study, runs, drawings, table, judged, list(lines), words)


def _undecided(claim: Claim, along: Sequence[str]) -> Claim:
    """The claim without a verdict where something else differs too."""
    if not along:
        return claim
    note = "; ".join([*(line.rstrip(".") for line in along), *([claim.note] if claim.note else [])])
    return replace(claim, verdict="inconclusive", note=note)
