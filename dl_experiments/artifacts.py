"""The files of a run directory: every name, how each is written, how each is read back.

Training and analysis meet only here. Everything but the append-only ``metrics.csv``, ``run.log``
and the event files is written beside its target, flushed, then renamed, so a reader sees the old
file or the new one and never half of one. Nothing is unpickled: weights are safetensors. Torch is
imported only where tensors are written or read.
"""

import csv
import io
import json
import math
import os
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, get_args
from zipfile import BadZipFile

import numpy as np
import yaml

if TYPE_CHECKING:
    from torch import Tensor

State = Literal["running", "completed", "diverged", "interrupted", "failed"]
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times as fast where libyaml is there
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LOOK = 1.0
"""Seconds for which a look at a run's claim will do for its rows, which can be written again."""
FINISHED: tuple[State, ...] = ("completed", "diverged")


@dataclass(frozen=True)
class Status:
    """Where a run stands. ``epoch`` is the last one whose metrics were recorded."""

    state: State
    run_id: str
    started_at: str
    finished_at: str | None = None
    epoch: int | None = None
    error: str | None = None


def write_atomically(
    path: Path,
    write: Callable[[IO[bytes]], object],
    look: Callable[[], object] = lambda: None,
    flush: bool = True,
) -> None:
    """Create or replace ``path`` in one step: write beside it, flush to disk, rename.

    Args:
        path: The file.
        write: Writes what it is to hold.
        look: Raises where it must not be replaced, at the last moment.
        flush: Whether it is to outlive the machine, and not only this process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with beside.open("wb") as file:
            write(file)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        look()
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(
    path: Path, value: Any, look: Callable[[], object] = lambda: None, flush: bool = True
) -> None:
    """Write ``value`` as strict JSON; see ``write_atomically``.

    Raises:
        ValueError: A number is NaN or infinite; absent numbers are left out instead.
    """
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()), look, flush)


class RunDirectory:
    """One run's files.

    Attributes:
        look: Called before anything is written with the number of seconds for which an earlier look
            will do; raises where the run is another's, see ``claims``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.look: Callable[[float], None] = lambda seconds: None
        self.config = self.path / "config.yaml"
        self.status = self.path / "status.json"
        self.metrics = self.path / "metrics.csv"
        self.summary = self.path / "summary.json"
        self.measures = self.path / "measures"
        self.taken = self.measures / "taken.json"
        self.checkpoint = self.path / "checkpoint.ckpt"
        self.weights = self.path / "weights"
        self.provenance = self.path / "provenance.json"
        self.log = self.path / "run.log"
        self.tensorboard = self.path / "tensorboard"

    def sweep(self) -> None:
        """Remove what a process that was killed has left beside the files it was writing."""
        beside = [self.path / ".claim.*"]
        beside += [f / f".*.{'[0-9a-f]' * 8}" for f in (self.path, self.measures, self.weights)]
        for pattern in beside:
            for file in pattern.parent.glob(pattern.name):
                file.unlink(missing_ok=True)

    def replace(self, path: Path, write: Callable[[IO[bytes]], object], flush: bool = True) -> None:
        """Write one of its files in one step."""
        write_atomically(path, write, lambda: self.look(0.0), flush)

    def write_json(self, path: Path, value: Any, flush: bool = True) -> None:
        """Write one of its files as strict JSON; raises as the function does."""
        write_json(path, value, lambda: self.look(0.0), flush)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write the whole resolved config as YAML."""
        text = yaml.dump(dict(config), Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
        self.replace(self.config, lambda file: file.write(text.encode()))

    def read_config(self) -> dict[str, Any]:
        """The resolved config.

        Raises:
            ValueError: The file is not a YAML mapping.
            OSError: It cannot be read.
        """
        try:
            config = yaml.load(self.config.read_text(encoding="utf-8"), Loader=_LOADER)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{self.config} is not YAML: {error}") from error
        if not isinstance(config, dict):
            raise ValueError(f"{self.config} holds no mapping")
        return config

    def write_status(self, status: Status) -> None:
        """Replace ``status.json``; absent fields are left out."""
        self.write_json(self.status, {k: v for k, v in asdict(status).items() if v is not None})

    def read_status(self) -> Status | None:
        """The status, or None where the run never started.

        Raises:
            ValueError: The file is there and is no status.
        """
        if not self.status.exists():
            return None
        try:
            raw = json.loads(self.status.read_text(encoding="utf-8"))
            status = Status(**{f.name: raw[f.name] for f in fields(Status) if f.name in raw})
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{self.status} is not a status: {error}") from error
        if status.state not in get_args(State):
            raise ValueError(f"{self.status}: unknown state {status.state!r}")
        return status

    def read_provenance(self) -> dict[str, Any]:
        """What ``provenance.json`` says; empty where there is none that can be read."""
        try:
            facts = json.loads(self.provenance.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def read_summary(self) -> dict[str, float]:
        """The final values of a finished run."""
        summary: dict[str, float] = json.loads(self.summary.read_text(encoding="utf-8"))
        return summary

    def write_measure(
        self,
        name: str,
        value: Mapping[str, Any] | Mapping[str, np.ndarray],
    ) -> Path:
        """Write ``measures/<name>.npz`` when every value is an array, else ``<name>.json``.

        Raises:
            ValueError: ``taken`` is the list of what was measured, see ``taken.py``.
        """
        if name == self.taken.stem:
            raise ValueError(f"a measurement cannot be called {name}: {self.taken} lists them all")
        if all(isinstance(v, np.ndarray) for v in value.values()):
            path = self.measures / f"{name}.npz"
            self.replace(path, lambda file: np.savez_compressed(file, **value))
        else:
            path = self.measures / f"{name}.json"
            self.write_json(path, value)
        return path

    def settings_of(self, name: str) -> str | None:
        """What ``measures/<name>.npz`` says it was made with; None where it cannot be read."""
        try:
            with (self.measures / f"{name}.npz").open("rb") as file:
                return str(np.load(file, allow_pickle=False)["settings"])
        except (OSError, ValueError, EOFError, LookupError, BadZipFile, zlib.error):
            return None

    def write_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Replace ``checkpoint.ckpt``: tensors, numbers, strings and containers of them."""
        import torch
        from lightning_utilities.core.apply_func import apply_to_collection
        from torch import Tensor

        own = apply_to_collection(dict(state), Tensor, Tensor.clone)  # a view would bring its base
        self.replace(self.checkpoint, lambda file: torch.save(own, file))

    def read_checkpoint(self) -> dict[str, Any]:
        """What ``write_checkpoint`` wrote, on the CPU.

        Raises:
            ValueError: It cannot be read.
        """
        import torch

        try:
            state: dict[str, Any] = torch.load(
                self.checkpoint, map_location="cpu", weights_only=True
            )
            int(state["epoch"])
        except Exception as error:
            raise ValueError(f"{self.checkpoint} cannot be read ({error})") from error
        return state

    def snapshot(self, epoch: int) -> Path:
        """Where the weights of one epoch lie (epoch 0: the initial weights)."""
        return self.weights / f"epoch-{epoch:06d}.safetensors"

    def snapshots(self) -> dict[int, Path]:
        """Epoch -> file, in order of the epoch."""
        found = self.weights.glob("epoch-*.safetensors")
        return dict(sorted((int(path.stem.removeprefix("epoch-")), path) for path in found))

    def write_weights(self, epoch: int, weights: "Mapping[str, Tensor]") -> None:
        """Write a snapshot of parameters and buffers."""
        import safetensors.torch

        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        seen: set[int] = set()
        for name, tensor in plain.items():  # what is tied is written under each of its names
            if tensor.untyped_storage().data_ptr() in seen:
                plain[name] = tensor.clone()
            seen.add(plain[name].untyped_storage().data_ptr())
        data = safetensors.torch.save(plain, metadata={"epoch": str(epoch)})
        self.replace(self.snapshot(epoch), lambda file: file.write(data))

    def read_weights(self, epoch: int) -> "dict[str, Tensor]":
        """A snapshot's tensors."""
        import safetensors.torch

        return safetensors.torch.load_file(self.snapshot(epoch))


class MetricsWriter:
    """Appends rows to ``metrics.csv``; the columns are fixed when the file is opened.

    On resuming, the rows that the checkpoint does not know (``epoch`` beyond ``after``) are
    dropped, because they are about to be measured again.
    """

    def __init__(
        self, directory: RunDirectory, columns: Sequence[str], after: int | None = None
    ) -> None:
        self.columns = ["step", "epoch", *columns]
        rows = [] if after is None else read_metrics(directory.metrics)
        self.kept = [row for row in rows if after is not None and row["epoch"] <= after]
        head = io.StringIO()
        writer = csv.DictWriter(head, self.columns, restval="")
        writer.writeheader()
        writer.writerows(self.kept)
        start = head.getvalue().encode()
        directory.replace(directory.metrics, lambda file: file.write(start), flush=False)
        self._look = directory.look
        self._file = directory.metrics.open("a", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._file, self.columns, restval="")

    def append(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Write one row through to the file; a column without a value stays empty."""
        self._look(LOOK)
        row: dict[str, Any] = {"step": step, "epoch": epoch}
        row |= {name: repr(float(value)) for name, value in values.items()}
        self._writer.writerow(row)
        self._file.flush()

    def close(self) -> None:
        """Close the file; the rows are already in it, and are flushed to disk now."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The rows of ``metrics.csv``; an empty cell is absent, a last line cut short is dropped.

    A diverged run's last row may hold ``nan`` or ``inf``.

    Raises:
        ValueError: The file has no header or a cell is not a number.
        OSError: It cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    reader = csv.DictReader(io.StringIO(whole))
    if not reader.fieldnames or reader.fieldnames[:2] != ["step", "epoch"]:
        raise ValueError(f"{path} has no step and epoch columns")
    rows = []
    for number, row in enumerate(reader, start=2):
        try:
            rows.append({k: _number(v) for k, v in row.items() if v not in ("", None)})
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    return rows


def _number(text: str) -> float:
    value = float(text)
    return int(value) if math.isfinite(value) and value == int(value) and "." not in text else value
