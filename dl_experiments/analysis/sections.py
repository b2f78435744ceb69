"""The one loop over the arms of a study: what an analysis makes of each, put together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

from matplotlib.figure import Figure

from dl_experiments.analysis.claims.claim import Claim, in_arm
from dl_experiments.analysis.findings import ARM, Drawing, Finding, Row
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.swept import confounded

Made = tuple[str, Figure]
"""Caption and figure."""


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
        apart = {ARM: arm} if arm else {}
        rows += [replace(row, names={**apart, **row.names}) for row in made.rows]
        judged += [in_arm(undecided(claim, along), arm) for claim in made.claims]
        notes += [*along, *made.notes]
        about += made.about
    return Section(drawings, rows, judged, notes, about=about)


def put_together(
    runs: Sequence[Run],
    sections: Sequence[Section],
    notes: Sequence[str] = (),
    about: str = Finding.about,
) -> Finding:
    """Sections as the finding of an experiment.

    Args:
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
    rows = [row for one in sections for row in one.rows]
    judged = [claim for one in sections for claim in one.claims]
    lines = dict.fromkeys([*(note for one in sections for note in one.notes), *notes])
    words = " ".join(dict.fromkeys([about, *(said for one in sections for said in one.about)]))
    return Finding(runs, drawings, rows, judged, list(lines), words)


def undecided(claim: Claim, along: Sequence[str]) -> Claim:
    """The claim without a verdict where something else differs too."""
    if not along:
        return claim
    note = "; ".join([*(line.rstrip(".") for line in along), *([claim.note] if claim.note else [])])
    return replace(claim, verdict="inconclusive", note=note, unfit=True, seeds=None, far=False)
