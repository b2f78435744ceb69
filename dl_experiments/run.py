"""One run: train it to its end by itself, or take what its files lack."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import torch

from dl_experiments import build, record
from dl_experiments.artifacts import RunDirectory, Status
from dl_experiments.attempt import Config as Config
from dl_experiments.attempt import Decision as Decision
from dl_experiments.attempt import Run, check_unchanged
from dl_experiments.attempt import RunFailed as RunFailed
from dl_experiments.attempt import decide as decide
from dl_experiments.attempt import directory as directory
from dl_experiments.callbacks.observer import around
from dl_experiments.callbacks.recorder import Sink
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.tasks.task import Task

log = logging.getLogger(__name__)


@runtime_checkable
class FromWeights(Protocol):
    """A callback whose measurement can also be taken from the files of a finished run."""

    def missing(self) -> bool:
        """Whether the run has what it takes but not the measurement."""

    def measure(self, task: Task, data: InMemoryDataModule) -> None:
        """Take it; the model's own weights do not matter."""


def checkpoint_epoch(config: Config) -> int:
    """Where a run to be resumed goes on; 0 where its checkpoint cannot be read."""
    try:
        return int(directory(config).read_checkpoint()["epoch"])
    except ValueError:
        return 0


def was_stacked(config: Config) -> bool:
    """Whether the attempt that is to be resumed trained in a stack."""
    try:
        facts = json.loads(directory(config).provenance.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return "layout" in facts


def read_summary(files: RunDirectory) -> dict[str, float]:
    """The final values of a finished run."""
    summary: dict[str, float] = json.loads(files.summary.read_text(encoding="utf-8"))
    return summary


def catch_up(config: Config) -> bool:
    """Take the measurements that a finished run's config asks for and its folder lacks.

    Returns:
        Whether there was one.

    Raises:
        RunFailed: Its data are not what it was trained on.
    """
    files = directory(config)
    lacking = [
        callback
        for callback in build.chosen_callbacks(config, files)
        if isinstance(callback, FromWeights) and callback.missing()
    ]
    if lacking:
        module = _data_of(config, files)
        network = build.model(config, module).to(build.dtype(config))
        task = build.task(config, module, network)
        for callback in lacking:
            with around(callback, task):
                callback.measure(task, module)
    return bool(lacking)


def _data_of(config: Config, files: RunDirectory) -> InMemoryDataModule:
    """A finished run's data, in their place."""
    try:
        module = build.data(config)
        build.prepare_data(module)
        module.check(build.dtype(config))
        check_unchanged(files, files.read_record(), record.of(config, module))
    except ValueError as error:
        raise RunFailed(str(error)) from error
    module.place("cpu", build.dtype(config))
    return module


def execute(
    config: Config,
    overrides: Sequence[str],
    sink: Sink,
    heartbeat: Callable[[float], None],
    cores: int | None = None,
    why: str = "",
    planned: record.Record | None = None,
) -> Status:
    """Train one run by itself to its end, unless it is there already.

    Args:
        config: Resolved and checked.
        overrides: The Hydra overrides that give this config.
        sink: Sees the rows.
        heartbeat: Called now and then with the number of epochs done, a fraction included.
        cores: Processor cores it may use; None: all.
        why: Why it is not in a stack, for its log.
        planned: See ``attempt.Run``.

    Returns:
        How it ended: completed or diverged.

    Raises:
        RunFailed: The run raised, or another process is at it.
        KeyboardInterrupt: The run was interrupted; the same call resumes it.
    """
    try:
        with Run(config, overrides, planned) as run:
            if run.decision != "skip":
                with run.logging(), _quiet():
                    if why:
                        log.info("trained alone: %s", why)
                    _fit(run, sink, heartbeat, cores)
            assert run.status is not None
            return run.status
    except SystemExit:  # what Lightning makes of an interrupt
        raise KeyboardInterrupt from None


def _fit(run: Run, sink: Sink, heartbeat: Callable[[float], None], cores: int | None) -> None:
    run.prepare([sink])
    run.task.heartbeat = heartbeat
    config = run.config
    torch.set_num_threads(build.threads(config, run.task.model, run.module, cores))
    epochs = config["trainer"]["max_epochs"] - run.resumed_epoch
    trainer = build.trainer(config, run.callbacks, epochs)
    run.begin()
    run.module.prepare_data = lambda: None  # type: ignore[method-assign]  # the command has done so
    trainer.fit(run.task, datamodule=run.module)
    if not trainer.should_stop and run.task.epoch < config["trainer"]["max_epochs"]:
        raise RuntimeError(f"training ended after {run.task.epoch} epochs, and nothing stopped it")
    run.finish()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what Lightning says of itself at every start."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        yield
