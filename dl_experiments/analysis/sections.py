"""The one loop over the arms of a study: what an analysis makes of each, put together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import pandas as pd
from matplotlib.figure import Figure

from dl_experiments.analysis.claims import Claim, in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.swept import confounded

Made = tuple[str, Figure]
"""Caption and figure."""


@final
@dataclass(frozen=True)
class Section:
    """What there is to say of one arm.

    Attributes:
        drawings: Name -> caption and figure, in the order of the report; None: nothing to draw.
        rows: Of the table of numbers.
        along: What cannot be told apart in it, see ``confounded``; None: as in all of its runs.
    """

    drawings: Mapping[str, Made | None] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    claims: Sequence[Claim] = ()
    notes: Sequence[str] = ()
    along: Sequence[str] | None = None


def put_together(
    name: str,
    title: str,
    runs: Sequence[Run],
    arms: Mapping[str, Sequence[Run]],
    make: Callable[[str, list[Run]], Section],
    notes: Sequence[str] = (),
    about: str = Finding.about,
) -> Finding:
    """All arms in one finding: figures numbered, claims told apart by their arm.

    Where another key differs along with what an arm compares, its runs cannot tell the two apart:
    a note says so, and none of the arm's claims has a verdict.

    Args:
        name: Of the experiment.
        title: Of the finding.
        runs: All of its study.
        arms: Label -> the runs that may share a figure; the label of a single arm is empty.
        make: Label and runs -> what there is to say of them.
        notes: On what is left out of all arms.
        about: What the table's numbers are.
    """
    drawings, rows, judged, lines = [], [], [], []
    for count, (arm, members) in enumerate(arms.items(), start=1):
        made = make(arm, list(members))
        along = confounded(members) if made.along is None else made.along
        ending = f"-{count}" if arm else ""
        found = made.drawings.items()
        drawings += [Drawing(f"{figure}{ending}", *drawn) for figure, drawn in found if drawn]
        rows += [{"arm": arm, **row} if arm else dict(row) for row in made.rows]
        judged += [in_arm(_undecided(claim, along), arm) for claim in made.claims]
        lines += [*along, *made.notes]
    lines = list(dict.fromkeys([*lines, *notes]))
    study = runs[0].study if runs else name
    return Finding(name, title, study, runs, drawings, pd.DataFrame(rows), judged, lines, about)


def _undecided(claim: Claim, along: Sequence[str]) -> Claim:
    """The claim without a verdict where something else differs too."""
    if not along:
        return claim
    note = "; ".join([*(line.rstrip(".") for line in along), *([claim.note] if claim.note else [])])
    return replace(claim, verdict="inconclusive", note=note)
