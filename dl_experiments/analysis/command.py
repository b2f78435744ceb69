"""What a command says of a report: it is drawn, or, where nothing is new since, that is said again.

What was said of a page is kept beside it, as ``report/.index.json``; of each experiment what was
drawn is kept in its own folder, so that of many only those are drawn that are new.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from dl_experiments import machine
from dl_experiments.analysis.report.freshness import (
    checksum,
    keep,
    named,
    page_of,
    surroundings,
    tree,
    unchanged,
)
from dl_experiments.analysis.schema import REPORT, AnalysisError


class Said(NamedTuple):
    """What a command writes to standard output and to standard error, and its exit code."""

    out: str
    err: str
    code: int = 0


def said(asked: Mapping[str, Any], say: Callable[[str], None]) -> Said:
    """Draw a report, unless it is there and nothing is new.

    Args:
        asked: As ``schema.Analysis`` declares it; ``experiment`` is a list of names or None.
        say: Takes a line on what is being done.

    Raises:
        AnalysisError, OSError: See ``pipeline.analyze``.
    """
    try:
        outputs = Path(asked["paths"]["outputs"]).expanduser()
    except RuntimeError as error:
        told = asked["paths"]["outputs"]
        raise AnalysisError(f"paths.outputs={told}: there is no such home folder") from error
    page = page_of(outputs / REPORT, asked["experiment"])
    record = page.with_name(f".{page.stem}.json")
    try:
        facts = [asked, *named(asked["options"]), *tree(outputs, 3, REPORT)]
        inputs = checksum([*facts, surroundings(asked["trust"]["folders"])])
    except OSError:
        inputs = ""  # the analysis says what is wrong
    if inputs and (before := unchanged(record, inputs)):
        with suppress(KeyError):
            new = f"nothing is new since {before['at']}; remove {page.parent} to draw it anew\n"
            return Said(before["out"] + new, before["err"])
    now = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
    with suppress(OSError):
        record.unlink()  # whatever becomes of this command

    from dl_experiments.analysis.pipeline import analyze  # brings torch

    found = analyze(
        outputs,
        asked["experiment"],
        asked["figures"]["dpi"],
        asked["options"],
        machine.available_cores(),
        asked["trust"]["folders"],
        say,
        asked["paths"]["data"],
    )
    words = Said(found.out, "".join(f"{note}\n" for note in found.notes), int(found.failed))
    if inputs and found.lasting:
        keep(record, inputs, found.stamps, at=now, out=words.out, err=words.err)
    return words
