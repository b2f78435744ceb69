"""Claims that must all hold, as one: an intersection-union test.

It is supported where each part is supported at the level of one claim, which needs no correction
(Berger 1982, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24), and
not supported where one part is not. Of two parts that both lie at their edge one is refuted in at
most 5 %, the two errors of one claim together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dl_experiments.analysis.claims.claim import DECIDED, Claim, Verdict
from dl_experiments.analysis.claims.seeds import joined
from dl_experiments.analysis.runs.describe import interval
from dl_experiments.analysis.runs.statistics import Estimate

ORDER: tuple[Verdict, ...] = (
    "not supported",
    "inconclusive, leaning not supported",
    "inconclusive",
    "inconclusive, leaning supported",
    "supported",
)


def weakest(verdicts: Sequence[Verdict]) -> Verdict:
    """What is said of several claims that must all hold."""
    return min(verdicts, key=ORDER.index)


def all_hold(statement: str, effect: str, parts: Mapping[str, Claim], note: str = "") -> Claim:
    """That several claims hold at once, with the numbers of the part that is furthest from it.

    Args:
        statement: The claim in one sentence.
        effect: What was measured to test each, in words.
        parts: What each compares -> the claim; one or more, of one region.
        note: Anything the reader should know of all of them.
    """
    name, worst = min(parts.items(), key=lambda part: (ORDER.index(part[1].verdict), _far(part[1])))
    found = _at_once(worst, [*parts.values()])
    words = f"{effect} (the number: {name})"
    return replace(found, statement=statement, effect=words, note=joined([note, _notes(parts)]))


def provided(claim: Claim, condition: Claim) -> Claim:
    """The claim, which holds only where a condition does.

    Args:
        claim: Whose numbers are shown.
        condition: What must hold too; its numbers stand in the note.
    """
    unsaid = condition.note if condition.note not in claim.note else ""
    sure = f"{condition.effect} {_told(replace(condition, note=''))} (to lie {condition.region})"
    known = sure if condition.estimate is not None else ""
    return replace(_at_once(claim, [claim, condition]), note=joined([claim.note, known, unsaid]))


def _at_once(shown: Claim, every: Sequence[Claim]) -> Claim:
    """A claim with what all of some come to."""
    verdict = weakest([part.verdict for part in every])
    unfit = verdict != "not supported" and any(part.unfit for part in every)
    decided = unfit or verdict in DECIDED
    open_ = [part for part in every if not decided and part.verdict not in DECIDED]
    needed = [part.seeds for part in open_ if part.seeds is not None]
    inside = [part.p for part in every if part.p is not None]
    outside = [part.p_outside for part in every if part.p_outside is not None]
    return replace(
        shown,
        verdict="inconclusive" if unfit else verdict,
        p=max(inside) if len(inside) == len(every) else None,
        p_outside=min(1.0, len(every) * min(outside)) if outside else None,
        unfit=unfit,
        seeds=max(needed) if needed and len(needed) == len(open_) else None,
        far=any(part.far for part in open_),
        runs=[*{run.path: run for part in every for run in part.runs}.values()],
    )


def _notes(parts: Mapping[str, Claim]) -> str:
    """What came of each; said once where none of them can show it, for one reason."""
    reasons = {part.note for part in parts.values()}
    if len(reasons) == 1 and all(part.unfit for part in parts.values()):
        return reasons.pop()
    return joined([f"{of}: {_told(part)}" for of, part in parts.items()])


def _far(part: Claim) -> float:
    """The lower the further from holding, of parts with one verdict."""
    return -1.0 if part.p is None else -part.p


def _told(part: Claim) -> str:
    """As in "−0.42 [−0.59, −0.25], supported"."""
    number = ""
    if part.estimate is not None:
        number = f"{interval(Estimate(part.estimate, part.low, part.high, part.n))}, "
    return f"{number}{part.verdict}" + f" ({part.note})" * bool(part.note)
