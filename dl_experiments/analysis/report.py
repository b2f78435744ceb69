"""Findings -> one HTML page that needs nothing else: figures inside it, no script, no network."""

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from dl_experiments.analysis.claims import Claim
from dl_experiments.analysis.collect import Collection, Run
from dl_experiments.analysis.describe import interrupted, number, scale, states
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.grid import value
from dl_experiments.analysis.quantities import METRICS
from dl_experiments.analysis.stylesheet import CSS
from dl_experiments.analysis.swept import swept_keys

Section = tuple[Finding, Mapping[str, Path]]
MARKS = {
    "supported": ("yes", "✓"),
    "not supported": ("no", "✗"),
    "inconclusive": ("open", "?"),
    "inconclusive, leaning supported": ("open", "?"),
    "inconclusive, leaning not supported": ("open", "?"),
}
NARROW = "&nbsp;"  # a verdict breaks at its comma only
PIXELS = 96  # an inch of a figure, so that letters have one size in all of them
HOW = """
<p>A claim predicts where an effect lies. The effect is computed once a seed (runs that share a
seed are paired) and gets a 95 % interval over the seeds, Student's t, on the scale on which seeds
lie evenly: losses and times on a logarithmic one (a level is the geometric mean, a difference is in
decades, powers of ten), accuracies on that of their logit, rank correlations on Fisher's, so that
no interval leaves the bounds of what it is about. A difference that could not be paired has Welch's
interval, a share of seeds the exact binomial one; seeds that all have one value have none.
<b>Supported</b>: the whole interval lies where the claim predicts. <b>Not supported</b>: all of it
lies elsewhere. <b>Inconclusive</b>: it crosses the edge, or the runs cannot show the effect. With
fewer than five seeds a verdict is never more than <b>leaning</b>.</p>
<p>Claims and tables use completed runs. Diverged runs are a result: drawn up to where they went
and counted; where counting them as guessing, or at their first loss, would turn a verdict, there is
none. Running, interrupted and failed runs are drawn as far as they came and counted. Where a run
ends is the median over the last tenth of the epochs at which all runs of its study were recorded;
one that stopped by itself is read where it stopped.</p>"""


def write_report(
    folder: Path,
    sections: Sequence[Section],
    found: Collection,
    tables: Sequence[Path],
    partial: bool = False,
) -> Path:
    """Write ``index.html``.

    Args:
        folder: Where; links to figures and tables are relative to it.
        sections: Findings with their PNGs by the figure's name.
        found: All that was read, and the problems.
        tables: Files to link to.
        partial: Whether the user asked for some of the experiments only.
    """
    links = " · ".join(_link(path, folder, path.name) for path in tables)
    body = [
        "<h1>dl_experiments: report</h1>",
        f"<p>{states(found.runs)}, in {_count(len(found.studies), 'study', 'studies')}. "
        f"All runs and curves as tables: {links}.</p>",
    ]
    if partial:
        body.append("<p>This page shows the chosen experiments only.</p>")
    body.append(_overview([finding for finding, _ in sections]))
    if found.problems:
        items = "".join(f"<li><code>{escape(problem)}</code></li>" for problem in found.problems)
        body.append(f"<h2>Left out</h2><ul>{items}</ul>")
    notes = [*interrupted(found.runs), *found.notes]
    body += [f'<p class="note">{escape(note[0].upper() + note[1:])}.</p>' for note in notes]
    body += [_section(finding, pictures, folder) for finding, pictures in sections]
    body.append(f'<section id="how"><h2>How to read the claims</h2>{HOW}</section>')
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>dl_experiments: report</title><style>{CSS}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )
    path = folder / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


def _overview(findings: Sequence[Finding]) -> str:
    rows = []
    for finding in findings:
        verdicts = Counter(claim.verdict for claim in finding.claims)
        words = " · ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
        rows.append(
            [
                f'<a href="#{escape(finding.name)}">{escape(finding.title)}</a>',
                escape(states(finding.runs)),
                escape(scale(finding.runs)) or "–",
                escape(words) or "–",
            ]
        )
    return _table(["experiment", "runs", "scale", "claims"], rows)


def _section(finding: Finding, pictures: Mapping[str, Path], folder: Path) -> str:
    parts = [f"<h2>{escape(finding.title)}</h2>"]
    words = [states(finding.runs), scale(finding.runs), f"study {finding.study}"]
    if not finding.runs:
        words = ["needs no runs"]
    parts.append(f'<p class="about">{escape(" · ".join(w for w in words if w))}</p>')
    if finding.claims:
        parts.append("<h3>Claims</h3>" + _claims(finding.claims))
    if finding.notes:
        parts.append("".join(f'<p class="note">{escape(note)}</p>' for note in finding.notes))
    for drawing in finding.drawings:
        path = pictures[drawing.name]
        data = base64.b64encode(path.read_bytes()).decode()
        width = PIXELS * drawing.figure.get_figwidth()
        parts.append(
            f'<figure><img src="data:image/png;base64,{data}" style="width:{width:.0f}px" '
            f'alt="{escape(drawing.caption)}">'
            f"<figcaption>{escape(drawing.caption)} "
            f"{_link(path, folder, 'PNG')} · {_link(path.with_suffix('.svg'), folder, 'SVG')}"
            "</figcaption></figure>"
        )
    if not finding.numbers.empty:
        table = finding.numbers.fillna("–").astype(str)
        cells = [[escape(cell) for cell in row] for row in table.itertuples(index=False)]
        parts.append(f"<h3>Numbers</h3><p class='about'>{escape(finding.about)}</p>")
        parts.append(_table(list(table.columns), cells, "numbers"))
    if finding.runs:
        parts.append(_runs(finding.runs))
    return f'<section id="{escape(finding.name)}">{"".join(parts)}</section>'


def _claims(claims: Sequence[Claim]) -> str:
    rows = []
    for claim in claims:
        kind, mark = MARKS[claim.verdict]
        verdict = ", ".join(part.replace(" ", NARROW) for part in claim.verdict.split(", "))
        note = f'<br><span class="about">{escape(claim.note)}</span>' if claim.note else ""
        if claim.estimate is None:
            numbers = "–"
        elif claim.low is None or claim.high is None:
            numbers = number(claim.estimate)
        else:
            numbers = f"<b>{number(claim.estimate)}</b> [{number(claim.low)}, {number(claim.high)}]"
        rows.append(
            [
                escape(claim.statement) + note,
                escape(f"{claim.effect}; predicted {claim.region} {claim.unit}"),
                f'<span class="nowrap">{numbers}</span> {escape(claim.unit)}',
                str(claim.n),
                f'<span class="verdict {kind}">{mark}{NARROW}{verdict}</span>',
            ]
        )
    heads = ["claim", "effect", "estimate [95 % interval]", "seeds", "verdict"]
    return _table(heads, rows, "claims")


def _runs(runs: Sequence[Run]) -> str:
    keys = swept_keys(runs)
    metrics = [name for name in METRICS if any(name in run.summary for run in runs)]
    rows = []
    for run in runs:
        epoch = run.status.epoch if run.status.epoch is not None else "–"
        state = f'<span class="state {run.status.state}">{run.status.state}</span>'
        rows.append(
            [f"<code>{escape(run.path.name)}</code>", state, str(run.seed)]
            + [escape(value(run, key)) for key in keys]
            + [str(epoch)]
            + [number(run.summary.get(name)) for name in metrics]
            + [escape(run.status.error or "")]
        )
    heads = ["run", "state", "seed", *keys, "epoch", *metrics, "error"]
    table = _table(heads, rows)
    return f"<details><summary>{_count(len(runs), 'run', 'runs')}</summary>{table}</details>"


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>"
    )


def _link(path: Path, folder: Path, text: str) -> str:
    return f'<a href="{escape(path.relative_to(folder).as_posix())}">{escape(text)}</a>'


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
