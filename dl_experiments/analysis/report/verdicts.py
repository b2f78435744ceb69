"""Claims as HTML: their tables, how many are decided, and what chance would decide."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from dl_experiments.analysis.claims.many import by_chance
from dl_experiments.analysis.runs.describe import number

MARKS = {
    "supported": ("yes", "✓"),
    "not supported": ("no", "✗"),
    "inconclusive": ("open", "?"),
    "leaning supported": ("open", "?"),
    "leaning not supported": ("open", "?"),
    "unfit": ("open", "?"),
}
DECIDED = ("supported", "not supported")
OPEN = "inconclusive"
NARROW = "&nbsp;"  # what no end of a line may part
NONE = "–"
INTERVAL = " ["
NUMBER = re.compile(r"[−-]?\d[\d,.]*(×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?( %)?( \[[^]]+\])?")  # and its interval
CHECKS = """<h3>Checks</h3><p class="about">What holds by construction, or is a property of this
software; not counted among the claims.</p>"""

Cells = Sequence[Mapping[str, Any]]


def summary(claims: Cells) -> str:
    """How many findings are decided and how many would be by chance; empty without any."""
    findings, checks = _of(claims, "finding"), _of(claims, "check")
    parts = []
    if findings:
        found = Counter(claim["verdict"] for claim in findings)
        stand = sum(c["verdict"] in DECIDED and c["verdict_corrected"] == c["verdict"]
                    for c in findings)  # fmt: skip
        decided = sum(found[name] for name in DECIDED)
        parts.append(
            f"<b>{_several(len(findings), 'claim')}</b>: {found['supported']} supported, "
            f"{found['not supported']} not supported, {len(findings) - decided} open. If every "
            f"effect lay just at the edge of its region, about {by_chance(claims):.1f} of them "
            "would be supported by chance and about as many not supported; beside the others on "
            f"this page (Benjamini and Hochberg) {stand} of the {decided} verdicts stand."
        )
    if checks:
        parts.append(f"{_held(checks)}.")
    return f"<p>{' '.join(parts)}</p>" if parts else ""


def counted(claims: Cells) -> str:
    """As in "3 supported · 1 inconclusive · 1 of 1 check holds"."""
    found = Counter(_verdict(claim["verdict"]) for claim in _of(claims, "finding"))
    words = [f"{count} {said}" for said, count in found.items()]
    if checks := _of(claims, "check"):
        words.append(_held(checks))
    return " · ".join(words)


def tables(claims: Cells) -> list[str]:
    """The findings, then the checks, each where there are any."""
    findings, checks = _of(claims, "finding"), _of(claims, "check")
    found = [f"<h3>Claims</h3>{_table(findings)}"] if findings else []
    return found + ([f"{CHECKS}{_table(checks)}"] if checks else [])


def table(heads: Iterable[str], rows: Iterable[Sequence[str]], kind: str, about: str = "") -> str:
    """A table, columns of numbers to the right; it scrolls where it is too wide.

    Args:
        heads: Text.
        rows: Their cells, as HTML.
        kind: ``claims`` and ``overview`` become cards on a phone; the first column of ``numbers``
            stays where it is.
        about: What it is of, for who does not see it.
    """
    cells, columns = list(rows), []
    for at, name in enumerate(map(escape, heads)):
        own = [row[at] for row in cells]
        look, label = "", f' data-label="{name}"' * (kind == "claims")
        if _numeric(own) and any(INTERVAL in cell for cell in own):
            own = _before_intervals(own)
        elif _numeric(own):
            look = ' class="n"'
        head = f'<th scope="col"{look}>{name}</th>'
        columns.append((head, [f"<td{look}{label}>{cell}</td>" for cell in own]))
    head = "".join(head for head, _ in columns)
    body = "".join(
        f"<tr>{''.join(row)}</tr>\n" for row in zip(*(own for _, own in columns), strict=True)
    )
    scrolls = f' tabindex="0" role="group" aria-label="{escape(about)}"' if about else ""
    return (
        f'<div class="wide"{scrolls}><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>"
    )


def _before_intervals(column: Sequence[str]) -> list[str]:
    """Numbers to the right, their intervals to the left of where they meet."""
    parts = [cell.partition(INTERVAL) for cell in column]
    wide = max(len(value) for value, _, _ in parts)
    cells = [f'<span class="of" style="width:{wide}ch">{value}</span>{opened}{interval}'
             for value, opened, interval in parts]  # fmt: skip
    return [cell.replace(" %", f"{NARROW}%") for cell in cells]


def _numeric(column: Sequence[str]) -> bool:
    """Whether there are numbers in it, and nothing else."""
    return any(cell != NONE for cell in column) and all(
        cell == NONE or NUMBER.fullmatch(cell) for cell in column
    )


def _of(claims: Cells, kind: str) -> Cells:
    return [claim for claim in claims if claim["kind"] == kind]


def _held(checks: Cells) -> str:
    held = sum(claim["verdict"] == "supported" for claim in checks)
    one = len(checks) == 1
    return f"{held} of {_several(len(checks), 'check')} {'holds' if one else 'hold'}"


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _verdict(said: str) -> str:
    """In the words of the page: one that leans or is unfit is inconclusive."""
    if said.startswith("leaning"):
        return f"{OPEN}, {said}"
    return OPEN if said == "unfit" else said


def _table(claims: Cells) -> str:
    rows = []
    for claim in claims:
        note = f'<br><span class="about">{escape(claim["note"])}</span>' if claim["note"] else ""
        value, low, high = (claim[name] for name in ("estimate", "low", "high"))
        if value is None:
            numbers = NONE
        elif low is None or high is None:
            numbers = number(value)
        else:
            numbers = f"<b>{number(value)}</b> [{number(low)}, {number(high)}]"
        rows.append(
            [
                escape(claim["statement"]) + note,
                escape(f"{claim['effect']}; predicted {claim['region']} {claim['unit']}"),
                f'<span class="nowrap">{numbers}</span> {escape(claim["unit"])}',
                str(claim["n"]),
                _marked(claim),
            ]
        )
    heads = ["claim", "effect", "estimate [95 % interval]", "seeds", "verdict"]
    return table(heads, rows, "claims")


def _marked(claim: Mapping[str, Any]) -> str:
    """The verdict, below it what is left of it beside the others, or what it would take."""
    kind, mark = MARKS[claim["verdict"]]
    said = ", ".join(part.replace(" ", NARROW) for part in _verdict(claim["verdict"]).split(", "))
    below = f"would take {claim['would_take']}" if claim["would_take"] else ""
    if claim["verdict_corrected"] != claim["verdict"]:
        below = f"beside the others on this page {claim['verdict_corrected']}"
    more = f'<br><span class="about">{escape(below)}</span>' if below else ""
    return f'<span class="verdict {kind}">{mark}{NARROW}{said}</span>{more}'
