"""Run directories -> runs. What cannot be read is named in one line and left out.

A directory is a run when it holds what the training promised for its state: a config that says
what was trained, a status, and (once finished) its metrics. A run that is still going, was
interrupted or failed may have no metrics yet and is kept all the same, so that it is counted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from dl_experiments import claims
from dl_experiments.analysis.runs.arrays import is_damaged, read_arrays
from dl_experiments.analysis.runs.rows import NONE, Rows, read_rows
from dl_experiments.analysis.schema import REPORT, AnalysisError
from dl_experiments.artifacts import FINISHED, RunDirectory, Status
from dl_experiments.data.sources import CLASSES, SIZES
from dl_experiments.identity import called, flatten, scientific
from dl_experiments.schema import Config

__all__ = ["REPORT", "AnalysisError", "Collection", "Run", "collect", "read_run"]

REQUIRED = ("seed", "model.name", "data.name")
CHOICES = ("model", "data", "optimizer", "schedule")  # which have names


@dataclass(frozen=True)
class Run:
    """One run directory, read.

    Attributes:
        rows: ``metrics.csv`` as it stands.
        summary: Metric name -> final value.
        provenance: ``provenance.json``, what it was trained on and how; empty where nothing tells.
    """

    path: Path
    study: str
    config: Config
    status: Status
    rows: Rows
    summary: Mapping[str, float]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def flat(self) -> dict[str, Any]:
        """The config with dotted keys; a list is a value."""
        return _named(dict(flatten(self.config)))

    def get(self, key: str) -> Any:
        """The config's value at a dotted key, None where it has none."""
        return self.flat.get(key)

    @cached_property
    def science(self) -> dict[str, Any]:
        """The part of the config that decides the numbers, with dotted keys."""
        return _named(dict(flatten(scientific(self.config))))

    @property
    def seed(self) -> int:
        """The replicate."""
        return int(self.flat["seed"])

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.flat["model.name"])

    @property
    def data(self) -> str:
        """The data set's name."""
        return str(self.flat["data.name"])

    @property
    def completed(self) -> bool:
        """Whether its last values are its result (a diverged run is finished, not completed)."""
        return self.status.state == "completed"

    def recorded(self, name: str) -> Mapping[str, Any]:
        """``data`` or ``code`` of what it was trained on; empty where nothing tells."""
        found = self.provenance.get(name)
        return found if isinstance(found, dict) else {}

    @property
    def training_samples(self) -> int | None:
        """Size of the training set, None where nothing tells."""
        asked = self.get("data.samples") or self.recorded("data").get("training samples")
        return asked or SIZES.get(self.data, (None,))[0]

    @property
    def classes(self) -> int | None:
        """How many kinds of samples are told apart, None where nothing tells."""
        return self.recorded("data").get("outputs") or CLASSES.get(self.data)

    @property
    def chance(self) -> float | None:
        """The accuracy of guessing, 1/K for K classes; None where nothing tells."""
        return 1 / self.classes if self.classes else None

    @property
    def batch_size(self) -> int:
        """Samples of an update; ``full`` is the whole training set (0 where nothing tells)."""
        size = self.get("data.batch_size")
        return int(self.training_samples or 0) if size == "full" else int(size)

    def curve(self, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """Epochs [t] and values [t] of a metric where it was recorded; a diverged end is kept."""
        return self.rows.curve(metric)

    def shared(self, metric: str, along: str = "epoch") -> tuple[np.ndarray, np.ndarray]:
        """The same, by epoch or step, where all the runs that it is compared with recorded it too.

        A run that ended by itself is read where it stopped, and has all its epochs here.
        """
        at, values = self.rows.curve(metric, along)
        if self.rows.peers is None or self.stopped:
            return at, values
        shared = self.rows.peers.epochs(metric)
        if len(shared) == len(at):  # of which they are a part
            return at, values
        kept = np.isin(self.curve(metric)[0], shared)
        return at[kept], values[kept]

    @cached_property
    def stopped(self) -> bool:
        """Whether it ended by itself, at a training loss or accuracy that it was to reach."""
        if not (self.completed and self.rows):
            return False
        end = self.rows[-1]
        loss, accuracy = (self.get(f"trainer.target_{what}") for what in ("loss", "accuracy"))
        return bool(
            (loss is not None and end.get("train/loss", np.inf) <= loss)
            or (accuracy is not None and end.get("train/accuracy", 0.0) >= accuracy)
        )

    def measure(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of ``measures/<name>.npz``, None where there are none that can be read."""
        return read_arrays(RunDirectory(self.path).measures / f"{name}.npz")


@dataclass(frozen=True)
class Collection:
    """All that lies under an outputs folder.

    Attributes:
        runs: What could be read.
        problems: What is left out and why, a line each.
        notes: What is to be known of the others.
    """

    runs: list[Run] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def studies(self) -> dict[str, list[Run]]:
        """Study -> its runs, in order of the name."""
        groups: dict[str, list[Run]] = {}
        for run in self.runs:
            groups.setdefault(run.study, []).append(run)
        return dict(sorted(groups.items()))


def collect(outputs: Path) -> Collection:
    """Read every run under ``outputs/<study>/<run>/``.

    Raises:
        AnalysisError: The folder is missing, empty, or is itself a study or a run.
    """
    if not outputs.is_dir():
        raise AnalysisError(f"there is no folder {outputs} (paths.outputs)")
    if (outputs / "config.yaml").exists():
        raise AnalysisError(f"{outputs} is one run; paths.outputs is the folder of the studies")
    found = Collection()
    for study in _folders(outputs):
        if study.name == REPORT:
            continue
        if (study / "config.yaml").exists():
            raise AnalysisError(
                f"{outputs} is one study; use paths.outputs={outputs.parent} "
                f"experiment={outputs.resolve().name}"
            )
        for path in _folders(study):
            try:
                found.runs.append(read_run(path))
            except (ValueError, OSError) as error:
                found.problems.append(f"{path}: {_one_line(error, path)}")
            found.problems.extend(
                f"{file}: not an array file, or damaged; its run is used without it"
                for file in sorted(RunDirectory(path).measures.glob("*.npz"))
                if is_damaged(file)
            )
    if not found.runs and not found.problems:
        raise AnalysisError(f"no runs under {outputs}: train something first")
    return found


def read_run(path: Path) -> Run:
    """Read one run directory.

    Raises:
        ValueError: A file is missing or broken.
        OSError: A file cannot be read.
    """
    directory = RunDirectory(path)
    if not directory.config.exists():
        raise ValueError("no config.yaml")
    config = cast(Config, directory.read_config())  # of this version, which its reader asks for
    scientific(config)  # complains about a value that is no number
    flat = _named(dict(flatten(config)))
    for key in REQUIRED:
        if flat.get(key) is None:
            raise ValueError(f"config.yaml has no {key}")
    if isinstance(flat["seed"], bool) or not isinstance(flat["seed"], int):
        raise ValueError(f"config.yaml: seed is {flat['seed']!r}, not an integer")
    for key, value in flat.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"config.yaml: {key} is {value}, which is no number of 64 bits")
    status = directory.read_status()
    if status is None:
        raise ValueError("no status.json, so the run never started")
    if status.state == "running" and claims.left(path):  # killed without a chance to say so
        status = directory.read_status() or status  # it may have ended just now
        if status.state == "running":
            status = replace(status, state="interrupted")
    rows = _metrics(directory, needed=status.state in FINISHED)
    facts = directory.read_provenance()
    return Run(path, path.parent.name, config, status, rows, _summary(directory), facts)


def _named(flat: dict[str, Any]) -> dict[str, Any]:
    """The same, each choice that its file gave no name called by that of its class."""
    for group in CHOICES:
        node = {key: flat.get(f"{group}.{key}") for key in ("name", "_target_")}
        if node["name"] is None and (name := called(node)):
            flat[f"{group}.name"] = name
    return flat


def _metrics(directory: RunDirectory, needed: bool) -> Rows:
    if not directory.metrics.exists():
        if needed:
            raise ValueError("no metrics.csv")
        return NONE
    rows = read_rows(directory.metrics)
    if needed and not rows:
        raise ValueError("metrics.csv has no rows")
    return rows


def _summary(directory: RunDirectory) -> dict[str, float]:
    if not directory.summary.exists():
        return {}
    try:
        raw = json.loads(directory.summary.read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in raw.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"summary.json is broken: {error}") from error


def _folders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))


def _one_line(error: Exception, path: Path) -> str:
    return " ".join(str(error).replace(f"{path}/", "").split())
