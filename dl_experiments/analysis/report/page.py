"""Findings -> one HTML page that needs nothing else: figures inside it, no script, no network."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from dl_experiments.analysis.report import verdicts
from dl_experiments.analysis.report.stylesheet import CSS
from dl_experiments.analysis.report.told import Picture, Told
from dl_experiments.analysis.report.verdicts import table
from dl_experiments.analysis.runs.collect import Collection
from dl_experiments.analysis.runs.describe import interrupted, number, states

CHOSEN = "This page shows the chosen experiments only."
LONG = 30  # rows that a table may have before it is folded away
PIXELS = 96  # an inch of a figure, so that letters have one size in all of them
HOW = """
<p>A claim predicts where an effect lies. The effect is computed once a seed (runs that share a
seed are paired) and gets a 95 % interval over the seeds, Student's t, on the scale on which seeds
lie evenly: losses and times on a logarithmic one (a level is the geometric mean, a difference is in
decades, powers of ten), accuracies on that of their logit, rank correlations on Fisher's, so that
no interval leaves the bounds of what it is about. A difference that could not be paired has Welch's
interval, a share of seeds the exact binomial one, a median of losses some of which are 0 that of
the sign test; a peak of double descent is held against simulated noise, correlations over critical
points against permutations (n is the number of points). Seeds that all have one value have no
interval and decide from five up. <b>Supported</b>: the whole interval lies where the claim
predicts. <b>Not supported</b>: all of it lies elsewhere. <b>Inconclusive</b>: it crosses the edge,
or the runs cannot show the effect. With fewer than five seeds a verdict is never more than
<b>leaning</b>. Of many claims some would be decided by chance, so a verdict that does not outlast
the others on this page (Benjamini and Hochberg, at the same 2.5 %, each side by itself) says so
below it. What an open claim would take is the smallest number of seeds whose interval leaves the
edge outside if estimate and spread stay as they are.</p>
<p>A <b>check</b> is no finding on nets: an identity of mathematics, or a property of this software,
which has to hold.</p>
<p>Claims and tables use completed runs. Diverged runs are a result: drawn up to where they went
and counted; where counting them as guessing, or at their first loss, would turn a verdict, there is
none. Running, interrupted and failed runs are drawn as far as they came and counted. Where a run
ends is the median over the last tenth of the epochs at which all runs of its study were recorded;
one that stopped by itself is read where it stopped.</p>"""


def write_page(
    path: Path,
    sections: Sequence[Told],
    found: Collection,
    tables: Sequence[Path],
    partial: bool = False,
) -> Path:
    """Write the page.

    Args:
        path: Where; links to figures and tables are relative to its folder.
        sections: In their order.
        found: All that was read, and the problems.
        tables: Files to link to.
        partial: Whether the user asked for some of the experiments only.
    """
    folder = path.parent
    links = " · ".join(_link(table, folder, table.name) for table in tables)
    body = [
        '<h1 id="top">dl_experiments: report</h1>',
        f"<p>{states(found.runs)}, in {_count(len(found.studies), 'study', 'studies')}. "
        f"All runs and curves as tables: {links}.</p>",
    ]
    if partial:
        body.append(f"<p>{CHOSEN}</p>")
    body.append(verdicts.summary([claim for one in sections for claim in one.claims]))
    body.append(_overview(sections))
    if found.problems:
        items = "".join(f"<li><code>{escape(problem)}</code></li>" for problem in found.problems)
        body.append(f"<h2>Left out</h2><ul>{items}</ul>")
    notes = [*interrupted(found.runs), *found.notes]
    body += [f'<p class="note">{escape(_sentence(note))}.</p>' for note in notes]
    body += [_section(one, folder) for one in sections]
    body.append(f'<section id="how"><h2>How to read the claims</h2>{HOW}</section>')
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>dl_experiments: report</title><style>{CSS}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )
    path.write_text(page, encoding="utf-8")
    return path


def _overview(sections: Sequence[Told]) -> str:
    rows = []
    for one in sections:
        failed = '<span class="verdict broken">failed</span>' if one.failed else ""
        rows.append(
            [
                escape(one.section) or verdicts.NONE,
                f'<a href="#{escape(one.experiment)}">{escape(one.title)}</a>',
                escape(one.runs) or "needs no runs",
                escape(one.scale.removesuffix(" scale")),
                failed or escape(verdicts.counted(one.claims)) or verdicts.NONE,
            ]
        )
    return table(["section", "experiment", "runs", "scale", "claims"], rows, "overview")


def _section(one: Told, folder: Path) -> str:
    parts = [f"<h2>{escape(one.title)}</h2>"]
    if one.question:
        parts.append(f"<p>{escape(one.question)}</p>")
    words = [one.runs, one.scale, f"study {one.study}"] if one.runs else ["needs no runs"]
    published = f"{one.published} ({one.source})" if one.source else one.published
    words.append(f"published: {published or one.source}" if published or one.source else "")
    parts.append(f'<p class="about">{escape(" · ".join(filter(None, words)))}</p>')
    if one.failed:
        parts.append(f'<p class="note broken">The analysis failed: {escape(one.failed)}</p>')
    parts += verdicts.tables(one.claims)
    parts += [f'<p class="note">{escape(note)}</p>' for note in one.notes]
    parts += [_figure(picture, folder / one.experiment, folder) for picture in one.pictures]
    if one.table:
        parts.append(f"<h3>Numbers</h3><p class='about'>{escape(one.about)}</p>")
        heads = dict.fromkeys(head for row in one.table for head in row)
        cells = [[_words(row.get(head, verdicts.NONE)) for head in heads] for row in one.table]
        numbers = table(heads, cells, "numbers", f"numbers: {one.title}")
        parts.append(_folded(numbers, _count(len(cells), "row", "rows"), len(cells) > LONG))
    if one.directories:
        parts.append(_directories(one))
    parts.append('<p class="up"><a href="#top">back to top</a></p>')
    return f'<section id="{escape(one.experiment)}">{"".join(parts)}</section>'


def _figure(picture: Picture, own: Path, folder: Path) -> str:
    path = own / f"{picture.name}.png"
    drawn = escape(path.with_suffix(".svg").relative_to(folder).as_posix())
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><a href="{drawn}"><img src="data:image/png;base64,{data}" '
        f'style="width:{PIXELS * picture.width:.0f}px" '
        f'alt="{escape(picture.title or picture.caption)}"></a>'
        f"<figcaption>{escape(picture.caption)} "
        f"{_link(path, folder, 'PNG')} · {_link(path.with_suffix('.svg'), folder, 'SVG')}"
        "</figcaption></figure>"
    )


def _directories(one: Told) -> str:
    rows = [[_cell(head, value) for head, value in row.items()] for row in one.directories]
    heads = ["run", *list(one.directories[0])[1:]]
    runs = table(heads, rows, "numbers", f"runs: {one.title}")
    return _folded(runs, _count(len(rows), "run", "runs"))


def _folded(html: str, summary: str, folded: bool = True) -> str:
    return f"<details><summary>{summary}</summary>{html}</details>" if folded else html


def _sentence(note: str) -> str:
    """With a capital, but for an identifier, which stays what it is."""
    return note[:1].upper() + note[1:] if note.partition(" ")[0].isalpha() else note


def _words(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def _cell(head: str, value: Any) -> str:
    if head == "directory":
        return f"<code>{escape(value)}</code>"
    if head == "state":
        return f'<span class="state {value}">{value}</span>'
    if value is None or isinstance(value, float):
        return number(value)
    return _words(value if head == "epoch" else str(value))


def _link(path: Path, folder: Path, text: str) -> str:
    return f'<a href="{escape(path.relative_to(folder).as_posix())}">{escape(text)}</a>'


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
