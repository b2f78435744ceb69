"""What is said of a report: it is drawn, or, where nothing is new since it was, that is said again.

A report follows from what lies under the outputs folder, the runs that an option names, the
settings, this package with its ``conf/``, and the libraries that draw. A checksum of all that (of
files their sizes and times) is kept in ``report/.drawn.json``, with the stamp of each file of the
report as it was written: what another command makes of one is noticed. Data sets and code of users'
own are not looked at: what lacks some says so (``findings.Passing``), and is drawn anew each time.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from dl_experiments import claims, machine
from dl_experiments.analysis.schema import REPORT

RECORD = ".drawn.json"
PROJECT = Path(__file__).resolve().parents[2]
LIBRARIES = ("matplotlib", "numpy", "pandas", "pillow", "pyarrow", "scipy", "tensorboard", "torch")

Stamp = list[int]
"""A file's bytes, and when its content and its entry were last changed, in nanoseconds."""


class Said(NamedTuple):
    """What a command writes to standard output and to standard error."""

    out: str
    err: str


def stamps(paths: Iterable[Path]) -> dict[Path, Stamp]:
    """The stamp of each file."""
    found = {path: path.stat() for path in paths}
    return {path: [s.st_size, s.st_mtime_ns, s.st_ctime_ns] for path, s in found.items()}


def said(asked: Mapping[str, Any]) -> Said:
    """Draw a report, unless it is there and nothing is new.

    Args:
        asked: As ``schema.Analysis`` declares it; ``experiment`` is a list of names or None.

    Raises:
        AnalysisError, OSError: See ``pipeline.analyze``.
    """
    outputs = Path(asked["paths"]["outputs"]).expanduser()
    report = outputs / REPORT
    try:
        inputs = _checksum(asked, outputs)
    except OSError:
        inputs = ""  # the analysis says what is wrong
    if inputs and (before := _kept(report, inputs)):
        return before
    now = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
    with suppress(OSError):
        (report / RECORD).unlink()  # whatever becomes of this command

    from dl_experiments.analysis.pipeline import analyze  # brings torch
    from dl_experiments.artifacts import write_json

    wanted, dpi, options = asked["experiment"], asked["figures"]["dpi"], asked["options"]
    found = analyze(outputs, wanted, dpi, options, machine.available_cores())
    words = Said(found.out, found.err)
    if inputs and found.lasting:
        drawn = {path.relative_to(report).as_posix(): one for path, one in found.stamps.items()}
        with suppress(OSError):
            record = {"inputs": inputs, "drawn": drawn, "at": now, **words._asdict()}
            write_json(report / RECORD, record)
    return words


def _kept(report: Path, inputs: str) -> Said | None:
    """What was said when the report was drawn; None where it would be another, or has changed."""
    try:
        record = json.loads((report / RECORD).read_text(encoding="utf-8"))
        drawn = {report / name: stamp for name, stamp in record["drawn"].items()}
        if record["inputs"] != inputs or stamps(drawn) != drawn:
            return None
        new = f"nothing is new since {record['at']}; remove {report} to draw it anew\n"
        return Said(record["out"] + new, str(record["err"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _checksum(asked: Mapping[str, Any], outputs: Path) -> str:
    """Of all that a report follows from."""
    named = [Path(run) for told in asked["options"].values() for run in told.get("runs") or ()]
    source = [*(PROJECT / "dl_experiments").rglob("*.py"), *(PROJECT / "conf").rglob("*.yaml")]
    facts: list[Any] = [asked, sys.version, _versions(), *_tree(outputs, 3, REPORT)]
    facts += [[str(path.resolve()), *_tree(path, 1)] for path in map(Path.expanduser, named)]
    facts += [[str(path), stamp] for path, stamp in sorted(stamps(source).items())]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _versions() -> list[str]:
    """Those of the libraries; importlib.metadata takes longer to load than Hydra."""
    begins = tuple(f"{name}-" for name in LIBRARIES)
    names = [name for place in sys.path[1:] if os.path.isdir(place) for name in os.listdir(place)]
    return sorted(n for n in names if n.startswith(begins) and n.endswith(".dist-info"))


def _tree(folder: Path, depth: int, but: str = "") -> Iterator[list[Any]]:
    """What lies in a folder, so many levels down, and whether who trains a run is alive."""
    with os.scandir(folder) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    for entry in inside:
        if entry.name == but or (entry.name.startswith(".") and entry.name != ".claim"):
            continue
        if entry.is_dir():
            yield from ([entry.path], *(_tree(Path(entry.path), depth - 1) if depth else ()))
        else:
            yield [entry.path, *stamps([Path(entry.path)]).values()]
        if entry.name == "status.json" and b'"running"' in Path(entry.path).read_bytes():
            yield [entry.path, claims.left(folder)]
