"""Whether something is as it was drawn, and where a page stands.

A report follows from what lies under the outputs folder, the runs that an option names, the
settings, this package with its ``conf/``, the libraries that draw, and the code in the folders that
a user trusts. A checksum of all that (of files their sizes and times) is kept beside what was drawn
of it, with the stamp of each file as it was written: what another command makes of one is noticed.
Of data sets no more is looked at than which folder they are in (``paths.data``): what lacks one
says so (``findings.Passing``), and is drawn anew each time.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from dl_experiments import claims
from dl_experiments.analysis.schema import REPORT

PROJECT = Path(__file__).resolve().parents[3]
LONGEST = 100  # letters of a page's name
LIBRARIES = ("matplotlib", "numpy", "pandas", "pillow", "pyarrow", "scipy", "tensorboard", "torch")

Stamp = list[int]
"""A file's bytes, and when its content and its entry were last changed, in nanoseconds."""


def stamps(paths: Iterable[Path]) -> dict[Path, Stamp]:
    """The stamp of each file."""
    return {path: _stamp(path.stat()) for path in paths}


def page_of(report: Path, wanted: Sequence[str] | None) -> Path:
    """Where the page of some experiments is, or of all."""
    name = "+".join(wanted or ["index"])
    if wanted == ["index"]:  # a study of that name, beside the page of all
        name = "index_"
    if len(name) > LONGEST:
        name = f"{name[:LONGEST]}+{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    return report / f"{re.sub(r'[^A-Za-z0-9+_.-]', '_', name)}.html"


def unchanged(record: Path, inputs: str) -> dict[str, Any] | None:
    """What was kept; None where it would be another, or a file of it has changed."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        drawn = {record.parent / name: stamp for name, stamp in found["drawn"].items()}
        same = found["inputs"] == inputs and stamps(drawn) == drawn
        return dict(found) if same else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep(record: Path, inputs: str, drawn: Mapping[Path, Stamp], **more: str) -> None:
    """Say in a file what was drawn of which inputs; where that cannot be written it is not kept."""
    from dl_experiments.artifacts import write_json  # takes a while to load

    files = {os.path.relpath(path, record.parent): stamp for path, stamp in drawn.items()}
    with suppress(OSError):
        write_json(record, {"inputs": inputs, "drawn": files, **more})


def trees(outputs: Path) -> dict[str, list[Any]]:
    """Study -> what lies in its folder; to be asked before its runs are read."""
    with os.scandir(outputs) as entries:
        studies = [one.name for one in entries if one.is_dir() and one.name != REPORT]
    return {study: [*tree(outputs / study, 2)] for study in studies}


def count(trees: Mapping[str, Sequence[Any]]) -> int:
    """How many runs there seem to be."""
    return sum(entry[0].endswith("/config.yaml") for tree in trees.values() for entry in tree)


def checksum(facts: Sequence[Any]) -> str:
    """Of some facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def surroundings(trusted: Sequence[str]) -> str:
    """The checksum of this package, of what it draws with, and of a user's own code."""
    folders = [Path(folder).expanduser() for folder in trusted]
    source = [*(PROJECT / "dl_experiments").rglob("*.py"), *(PROJECT / "conf").rglob("*.yaml")]
    source += [path for folder in folders for path in folder.glob("*.py")]
    code = [[str(path), _there(path)] for path in sorted(source)]
    return checksum([sys.version, _versions(), code])


def named(options: Mapping[str, Any]) -> list[Any]:
    """What lies in the folders of runs that an option names."""
    named = [Path(run).expanduser() for told in options.values() for run in told.get("runs") or ()]
    return [[str(path.resolve()), *tree(path, 1)] for path in named if path.is_dir()]


def _versions() -> list[str]:
    """Those of the libraries; importlib.metadata takes longer to load than Hydra."""
    begins = tuple(f"{name}-" for name in LIBRARIES)
    names = [name for place in sys.path[1:] if os.path.isdir(place) for name in os.listdir(place)]
    return sorted(n for n in names if n.startswith(begins) and n.endswith(".dist-info"))


def tree(folder: Path, depth: int, but: str = "") -> Iterator[list[Any]]:
    """What lies in a folder, so many levels down, and whether who trains a run is alive.

    What vanishes meanwhile, or is a link to nothing, is there without a stamp.
    """
    with os.scandir(folder) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    for entry in inside:
        if entry.name == but or (entry.name.startswith(".") and entry.name != ".claim"):
            continue
        path = Path(entry.path)
        with suppress(FileNotFoundError):
            yield [entry.path, *([] if entry.is_dir() else [_there(path)])]
            if depth and entry.is_dir():
                yield from tree(path, depth - 1)
            if entry.name == "status.json" and b'"running"' in path.read_bytes():
                yield [entry.path, claims.left(folder)]


def _there(path: Path) -> Stamp | None:
    """The stamp of what is there; else None."""
    try:
        return _stamp(path.stat())
    except FileNotFoundError:
        return None


def _stamp(found: os.stat_result) -> Stamp:
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
