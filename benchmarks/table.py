"""Results as a terminal table, as Markdown and as JSON."""

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from benchmarks.harness import Result

HEADINGS = ("row", "ratio", "spread", "target", "met", "median times")
ONCE = ("start-up", "compiling")
LEGEND = (
    "A ratio is the time of what stands first under the times over that of what stands second: "
    "the median of the turns. The spread is the smallest and the largest of a turn. What comes "
    "once, starting up and compiling, is not in the times."
)


def terminal(results: Sequence[Result]) -> Table:
    """What is printed, narrow enough for 80 columns."""
    table = Table(caption=LEGEND, caption_justify="left")
    for heading in HEADINGS:
        right = heading in ("ratio", "spread")
        table.add_column(
            heading, justify="right" if right else "left", no_wrap=heading != "median times"
        )
    for result in results:
        table.add_row(*cells(result), style="red" if result.met is False else None)
    return table


def markdown(results: Sequence[Result], facts: Mapping[str, str]) -> str:
    """What is kept as a file to read."""
    lines = [
        "# Speed",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
        LEGEND,
        "",
        "| " + " | ".join([*HEADINGS, *ONCE]) + " |",
        "| --- | ---: | ---: | --- | --- | --- | --- | --- |",
        *("| " + " | ".join([*cells(result), *once(result)]) + " |" for result in results),
        "",
        *(f"- {note}" for note in notes(results)),
    ]
    return "\n".join(lines) + "\n"


def as_json(results: Sequence[Result], facts: Mapping[str, str], measured_at: str) -> str:
    """All that was measured; what is absent is left out."""
    rows = []
    for result in results:
        row = result.row
        content: dict[str, Any] = {
            "name": row.name,
            "title": row.title,
            "over": [row.upper, row.lower],
            "seconds": {label: list(times) for label, times in result.seconds.items()},
            "details": dict(result.details),
            "cores": {label: list(shares) for label, shares in result.cores.items()},
            "once": {label: dict(times) for label, times in result.once.items()},
        }
        if row.target is not None:
            content["target"] = str(row.target)
        if result.missing:
            content["missing"] = result.missing
        else:
            content |= {"ratio": result.ratio, "ratios": result.ratios}
        if result.met is not None:
            content["met"] = result.met
        rows.append(content)
    whole = {"measured_at": measured_at, "machine": dict(facts), "rows": rows}
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def cells(result: Result) -> list[str]:
    """A line of the table."""
    row, ratios = result.row, result.ratios
    times = " / ".join(f"{label} {duration(result.median(label))}" for label in result.seconds)
    return [
        row.name,
        "–" if result.ratio is None else f"{result.ratio:.2f}",
        f"{min(ratios):.2f}–{max(ratios):.2f}" if ratios else "",
        "" if row.target is None else str(row.target),
        {True: "yes", False: "no", None: ""}[result.met],
        times or "not measured",
    ]


def once(result: Result) -> list[str]:
    """The rest of a line where there is room: a cell for each of ``ONCE``."""
    return [
        " / ".join(f"{label} {duration(t[name])}" for label, t in result.once.items() if name in t)
        for name in ONCE
    ]


def notes(results: Sequence[Result]) -> list[str]:
    """A line a row: what it is, how it was measured or why it was not."""
    lines = []
    for result in results:
        details = "; ".join(_detail(result, label) for label in result.details)
        words = [f"{result.row.name}: {result.row.title}.", result.row.note]
        words.append(f"Not measured: {result.missing}." if result.missing else f"({details})")
        lines.append(" ".join(word for word in words if word))
    return lines


def _detail(result: Result, label: str) -> str:
    """What a contestant chose, and how many cores the machine had for it."""
    text = f"{label}: {result.details[label]}"
    if label in result.cores:
        text += f", got {statistics.median(result.cores[label]):.2f} cores"
    times = result.once.get(label, {})
    return ", ".join([text, *(f"{name} {duration(t)}" for name, t in times.items())])


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
