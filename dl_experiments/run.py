"""One run: decide whether to skip, resume or start it; fit; finish."""

import fcntl
import json
import logging
import math
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch

from dl_experiments import build, identity, provenance
from dl_experiments.artifacts import (
    FINISHED,
    RunDirectory,
    State,
    Status,
    read_metrics,
    write_json,
)
from dl_experiments.callbacks.recorder import Recorder, Sink
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.tasks.task import Task

Config = Mapping[str, Any]
Decision = Literal["skip", "resume", "start"]

log = logging.getLogger(__name__)


class RunFailed(Exception):
    """A run raised; the message is one line, the traceback is in its ``run.log``."""


@runtime_checkable
class FromWeights(Protocol):
    """A callback whose measurement can also be taken from the files of a finished run."""

    def missing(self) -> bool:
        """Whether the run has what it takes but not the measurement."""

    def measure(self, task: Task, data: InMemoryDataModule) -> None:
        """Take it; the model's own weights do not matter."""


class Progress(Sink, Protocol):
    """What shows a run to a person."""

    def heartbeat(self, epochs: float) -> None:
        """So many epochs are done, a fraction included."""


def directory(config: Config) -> RunDirectory:
    """Where a config's run lies."""
    outputs = Path(config["paths"]["outputs"]).expanduser()
    return RunDirectory(outputs / identity.run_path(config))


def decide(config: Config) -> Decision:
    """What there is to do for a config.

    Raises:
        ValueError: Its directory holds a status that cannot be read.
    """
    files = directory(config)
    status = files.read_status()
    if status is None:
        return "start"
    if status.state in FINISHED:
        return "skip"
    return "resume" if files.checkpoint.exists() else "start"


def read_summary(files: RunDirectory) -> dict[str, float]:
    """The final values of a finished run."""
    summary: dict[str, float] = json.loads(files.summary.read_text(encoding="utf-8"))
    return summary


def catch_up(config: Config) -> bool:
    """Take the measurements that a finished run's config asks for and its folder lacks.

    Returns:
        Whether there was one.
    """
    files = directory(config)
    lacking = [
        callback
        for callback in build.chosen_callbacks(config, files)
        if isinstance(callback, FromWeights) and callback.missing()
    ]
    if lacking:
        module = build.data(config)
        module.place("cpu", _dtype(config))
        network = build.model(config, module).to(_dtype(config))
        task = build.task(config, module, network)
        for callback in lacking:
            callback.measure(task, module)
    return bool(lacking)


def _dtype(config: Config) -> torch.dtype:
    return torch.float64 if config["trainer"]["precision"] == "64-true" else torch.float32


def execute(config: Config, overrides: Sequence[str], progress: Progress) -> Status:
    """Train one run to its end, unless it is there already.

    Args:
        config: Resolved and checked.
        overrides: The Hydra overrides that give this config.
        progress: Shows the run.

    Returns:
        How it ended: completed or diverged.

    Raises:
        RunFailed: The run raised, or another process is at it.
        KeyboardInterrupt: The run was interrupted; the same call resumes it.
    """
    files = directory(config)
    with _exclusive(files.path):
        decision = decide(config)
        if decision == "skip":
            status = files.read_status()
            assert status is not None
            return status
        running = Status("running", identity.run_id(config), _now())
        with _logging(files.log):
            try:
                state = _train(config, overrides, progress, files, running, decision)
            except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other
                _finish(files, running, "interrupted")
                log.info("interrupted")
                raise KeyboardInterrupt from None
            except Exception as error:
                log.exception("failed")
                text = " ".join(f"{type(error).__name__}: {error}".split())
                _finish(files, running, "failed", text)
                raise RunFailed(f"{files.path}: {text}") from error
            return _finish(files, running, state)


def _train(
    config: Config,
    overrides: Sequence[str],
    progress: Progress,
    files: RunDirectory,
    running: Status,
    decision: Decision,
) -> State:
    resumed_epoch = _checkpoint_epoch(files) if decision == "resume" else None
    if resumed_epoch is None:
        _clear(files)
    files.write_config(config)
    files.write_status(running)

    module = build.data(config)
    network = build.model(config, module)
    torch.set_num_threads(build.threads(config, network, module))
    task = build.task(config, module, network)
    task.heartbeat = progress.heartbeat
    recorder, callbacks = build.callbacks(config, files, [progress], resumed_epoch)
    with _quiet():
        trainer = build.trainer(config, callbacks)
        device = trainer.strategy.root_device
        module.place(device, _dtype(config))
        write_json(files.provenance, provenance.describe(overrides, config["seed"], device))
        log.info("%s on %s, %d thread(s)", decision, device, torch.get_num_threads())
        started = time.monotonic()
        try:
            resume_from = None if resumed_epoch is None else str(files.checkpoint)
            trainer.fit(task, datamodule=module, ckpt_path=resume_from, weights_only=True)
        finally:
            recorder.close()
    seconds = time.monotonic() - started if resumed_epoch is None else None
    _summarise(files, network, recorder, seconds)
    return "diverged" if recorder.diverged else "completed"


def _summarise(
    files: RunDirectory, network: torch.nn.Module, recorder: Recorder, seconds: float | None
) -> None:
    """Write the last row, the model's size and (of a run in one piece) the time it took."""
    last = read_metrics(files.metrics)[-1]
    parameters = sum(p.numel() for p in network.parameters())
    summary = {k: v for k, v in last.items() if math.isfinite(v)} | {"model/parameters": parameters}
    if seconds is not None:
        summary["time/fit_seconds"] = round(seconds, 3)
    write_json(files.summary, summary)
    log.info("ended at epoch %d%s", last["epoch"], ", diverged" if recorder.diverged else "")


def _finish(files: RunDirectory, running: Status, state: State, error: str | None = None) -> Status:
    epoch = None
    if files.metrics.exists():
        rows = read_metrics(files.metrics)
        epoch = int(rows[-1]["epoch"]) if rows else None
    status = replace(running, state=state, finished_at=_now(), epoch=epoch, error=error)
    files.write_status(status)
    if state in FINISHED:
        files.checkpoint.unlink(missing_ok=True)  # nothing is left to resume
    return status


def _checkpoint_epoch(files: RunDirectory) -> int | None:
    """How many epochs the checkpoint has behind it; None where it cannot be read."""
    try:
        checkpoint = torch.load(files.checkpoint, map_location="cpu", weights_only=True)
        return int(checkpoint["epoch"]) + 1  # Lightning counts the epoch it was saved in from 0
    except Exception as error:
        log.warning("starting over: %s cannot be read (%s)", files.checkpoint, error)
        return None


def _clear(files: RunDirectory) -> None:
    """Remove what an attempt that cannot be resumed has left, except its log."""
    for folder in (files.measures, files.weights, files.tensorboard):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (files.metrics, files.summary, files.checkpoint):
        file.unlink(missing_ok=True)


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold the run directory's lock; it goes with the process, however that ends."""
    path.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise RunFailed(f"{path}: another process is training this run") from error
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def _logging(path: Path) -> Iterator[None]:
    """Send this package's log lines to ``run.log`` as well."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("dl_experiments")
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what Lightning says of itself at every start."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        yield


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
