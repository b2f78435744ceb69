"""One section of the report as data: what an analysis said of an experiment, figures as files.

It is kept as ``<outputs>/report/<experiment>/section.json``; the page and the tables of all claims
and numbers are made from such sections alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, final

import numpy as np

from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.claims.many import corrected
from dl_experiments.analysis.experiments import Experiment
from dl_experiments.analysis.findings import Finding, Passing
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import scale, states
from dl_experiments.analysis.runs.grid import value
from dl_experiments.analysis.runs.quantities import METRICS
from dl_experiments.analysis.runs.significance import NEAR
from dl_experiments.analysis.runs.swept import swept_keys
from dl_experiments.artifacts import write_json

SECTION = "section.json"
COMMANDS = 3  # that a claim names before it says how many more there are

Cells = list[dict[str, Any]]


@final
@dataclass(frozen=True)
class Picture:
    """A figure that is written.

    Attributes:
        name: Of its file, without ending.
        title: What it shows, in a few words; empty where it was not made as a ``style.page``.
        caption: The same in sentences.
        width: In inches.
    """

    name: str
    title: str
    caption: str
    width: float


@final
@dataclass(frozen=True)
class Told:
    """What there is to say about an experiment.

    Attributes:
        experiment: Its name, which names its folder too.
        study: Whose runs it is about.
        runs: Their states in words; empty where it needs none.
        scale: At which they were trained, in words.
        claims: With the columns of ``claims.csv``.
        numbers: With the columns of ``numbers.csv``.
        table: The same for people.
        about: What the numbers are.
        notes: What the reader must know.
        text: For the terminal.
        pictures: In the order of the page.
        directories: Of the runs, for people.
        failed: Why there is nothing but this; empty where the analysis came to its end.
        lasting: Whether the same runs would be told of in the same way again.
    """

    experiment: str
    title: str
    section: str
    question: str
    source: str
    published: str
    study: str
    runs: str = ""
    scale: str = ""
    claims: Cells = field(default_factory=list)
    numbers: Cells = field(default_factory=list)
    table: Cells = field(default_factory=list)
    about: str = ""
    notes: list[str] = field(default_factory=list)
    text: str = ""
    pictures: list[Picture] = field(default_factory=list)
    directories: Cells = field(default_factory=list)
    failed: str = ""
    lasting: bool = True

    def write(self, folder: Path) -> Path:
        """Keep it."""
        write_json(folder / SECTION, asdict(self))
        return folder / SECTION


def read(folder: Path) -> Told | None:
    """What was kept; None where nothing can be read."""
    try:
        raw = json.loads((folder / SECTION).read_text(encoding="utf-8"))
        pictures = [Picture(**one) for one in raw.pop("pictures")]
        return Told(**raw, pictures=pictures)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def told(experiment: Experiment, finding: Finding) -> Told:
    """A finding as data."""
    runs = finding.runs
    numbers = [one for row in finding.rows for one in row.numbers]
    return Told(
        **named(experiment),
        runs=states(runs) if runs else "",
        scale=scale(runs),
        claims=[_claim(experiment, claim, runs) for claim in finding.claims],
        numbers=[{"experiment": experiment.name, **one} for one in numbers],
        table=[row.words for row in finding.rows],
        about=finding.about,
        notes=[str(note) for note in finding.notes],
        text=finding.text,
        pictures=[
            Picture(
                one.name,
                str(one.figure.get_label()),
                one.caption,
                float(one.figure.get_figwidth()),
            )
            for one in finding.drawings
        ],
        directories=_directories(runs),
        lasting=not any(isinstance(note, Passing) for note in finding.notes),
    )


def beside_one_another(sections: Sequence[Told]) -> list[Told]:
    """The sections with what is left of each verdict beside the others, ``verdict_corrected``."""
    verdicts = iter(corrected([claim for one in sections for claim in one.claims]))
    return [
        replace(one, claims=[{**c, "verdict_corrected": next(verdicts)} for c in one.claims])
        for one in sections
    ]


def failed(experiment: Experiment, runs: Sequence[Run], error: Exception) -> Told:
    """What there is of an experiment whose analysis raised."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return Told(
        **named(experiment),
        runs=states(runs) if runs else "",
        scale=scale(runs),
        directories=_directories(runs),
        failed=reason,
        lasting=False,
    )


def named(experiment: Experiment) -> dict[str, Any]:
    """What a section has of its experiment."""
    return {
        "experiment": experiment.name,
        "title": experiment.title,
        "section": experiment.section,
        "question": experiment.question,
        "source": experiment.source,
        "published": experiment.published,
        "study": experiment.study,
    }


def _claim(experiment: Experiment, claim: Claim, runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "experiment": experiment.name,
        "section": experiment.section,
        "kind": claim.kind,
        "statement": claim.statement,
        "effect": claim.effect,
        "unit": claim.unit,
        "region": str(claim.region),
        "estimate": claim.estimate,
        "low": claim.low,
        "high": claim.high,
        "n": claim.n,
        "p": claim.p,
        "p_outside": claim.p_outside,
        "verdict": claim.short,
        "seeds_needed": claim.seeds,
        "would_take": _would_take(claim),
        "scale": claim.scale,
        "source": experiment.source,
        "published": experiment.published,
        "note": claim.note,
        "commit": _several(run.provenance.get("git_commit") for run in runs),
        "command": _several(_command(run.provenance) for run in runs),
    }


def _would_take(claim: Claim) -> str:
    """What would decide an open claim, as far as today's spread and its runs' times tell."""
    if claim.far:
        return f"none near: more than {NEAR} seeds at today's estimate and spread"
    if claim.seeds is None:
        return ""
    words = f"{claim.seeds} seeds at today's estimate and spread"
    more, known = claim.seeds - claim.n, _seconds(claim.runs)
    if not known:
        return words
    minutes = more * float(np.mean(known)) / 60
    time = f"{minutes:,.0f} minutes" if minutes >= 1.5 else "a minute"
    return f"{words}: {more} more, about {time} of training one after another, at the pace of these"


def _seconds(runs: Sequence[Run]) -> list[float]:
    """What a seed's runs took to train (a stack's member its share), of seeds whose runs all tell.

    A run that has not ended does not tell, nor one that was resumed.
    """
    taken: dict[int, list[float]] = {}
    for run in runs:
        taken.setdefault(run.seed, []).append(run.summary.get("time/fit_seconds", np.nan))
    return [seconds for of in taken.values() if np.isfinite(seconds := sum(of))]


def _several(found: Any) -> str:
    """Each once, the first few of them."""
    words = [*dict.fromkeys(str(one) for one in found if one)]
    more = len(words) - COMMANDS
    return "; ".join(words[:COMMANDS]) + (f"; and {more} more" if more > 0 else "")


def _command(facts: Mapping[str, Any]) -> str:
    """What was typed to train a run, as far as its record says."""
    words = facts.get("argv")
    return f"python {' '.join(map(str, words))}" if isinstance(words, list) else ""


def _directories(runs: Sequence[Run]) -> Cells:
    """A row a run: directory, state, what it differs in, last epoch, final metrics."""
    keys = swept_keys(runs)
    metrics = [name for name in METRICS if any(name in run.summary for run in runs)]
    return [
        {
            "directory": run.path.name,
            "state": run.status.state,
            "seed": run.seed,
            **{key: value(run, key) for key in keys},
            "epoch": run.status.epoch,
            **{name: run.summary.get(name) for name in metrics},
            "error": run.status.error or "",
        }
        for run in runs
    ]
