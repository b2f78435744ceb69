"""The report of a whole homework, against what drew it before claims and tables had a language."""

import atexit
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.command import ROOT
from benchmarks.harness import Comparison, Contestant, NotMeasured, Row, Target

BEFORE = "995c344b84b24c71967fae52defc4e0c4506e378"
OUTPUTS = ROOT / "outputs"
FEWEST = 100  # runs, below which there is no whole homework
TURNS = 3


def _drawing(project: Path, folder: Path) -> Contestant:
    """Seconds of ``analyze.py``, what is slow to evaluate kept from a first time."""
    outputs = folder / "outputs"
    shutil.copytree(OUTPUTS, outputs)
    command = [sys.executable, "analyze.py", f"paths.outputs={outputs}"]

    def seconds() -> float:
        for record in (outputs / "report").glob("**/.*.json"):
            record.unlink()  # of what was drawn, here or at the other commit
        started = time.perf_counter()
        subprocess.run(command, cwd=project, capture_output=True, check=True)
        return time.perf_counter() - started

    seconds()
    return Contestant(seconds)


def _before(folder: Path) -> Path:
    """The project as it was, from the history of this clone."""
    made = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=False)
    if made.returncode:
        raise NotMeasured(f"this clone has no commit {BEFORE[:7]}")
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def reports(quick: bool) -> Mapping[str, Contestant]:
    """Both, each with runs of its own."""
    runs = len(list(OUTPUTS.glob("*/*/summary.json")))
    if quick or runs < FEWEST:
        raise NotMeasured(f"{runs} runs under outputs/; `make all SCALE=quick` trains them")
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return {
        "now": _drawing(ROOT, folder / "now"),
        "before": _drawing(_before(folder / "project"), folder / "before"),
    }


REPORT = [
    Comparison(
        [
            Row(
                "report",
                "the report of the whole homework: `analyze.py` over that of an earlier commit",
                "now",
                "before",
                Target("at most", 0.5),
                f"Whatever `outputs/` holds, before is commit {BEFORE[:7]}.",
            )
        ],
        reports,
        TURNS,
    )
]
