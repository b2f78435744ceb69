"""An attempt at a run: its claim, its parts, what its status says when it ends."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, final

import torch
from lightning import Callback

from dl_experiments import agreement, build, claims, folder, provenance, record, stop, taken
from dl_experiments.artifacts import (
    FINISHED,
    RunDirectory,
    State,
    Status,
    read_metrics,
)
from dl_experiments.callbacks.checkpoint import Checkpoint
from dl_experiments.callbacks.observer import FromWeights
from dl_experiments.callbacks.recorder import Recorder, Sink
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.folder import RunFailed, RunTaken
from dl_experiments.job import Job
from dl_experiments.schema import Config
from dl_experiments.tasks.task import Task

log = logging.getLogger(__name__)


@final
class Run:
    """One run from its claim to its last status: what training alone and in a stack share.

    A context manager that holds the claim of the run directory. Nothing that was looked up before
    counts: what there is to do is read once it is held. What is raised within ends the
    run as interrupted or failed, and comes out as ``Stopped`` (whatever no handler may take) or
    ``RunFailed``; a run that is finished by then stays so.

    Args:
        job: Its config is checked.
        data: Gives its data, checked and not moved yet.

    Attributes:
        files: The run directory.
        decision: What there is to do, once the claim is held.
        status: What ``status.json`` says.
        over: Whether it is completed, diverged, failed or interrupted by now.
        resumed_epoch: Epochs that an earlier attempt did; 0 unless the run is resumed.
        module, task, recorder, callbacks, checkpoint: Its parts, after ``prepare``.
    """

    module: InMemoryDataModule
    task: Task
    recorder: Recorder
    callbacks: list[Callback]
    checkpoint: Checkpoint

    def __init__(
        self, job: Job, data: Callable[[Config], InMemoryDataModule] = build.checked_data
    ) -> None:
        self.job, self.config, self._data = job, job.config, data
        self.files = RunDirectory(job.path)
        self.status: Status | None = None
        self.resumed_epoch = 0
        self._prepared = self.over = self._released = False

    def __enter__(self) -> Self:
        """Claim the run, then see what there is to do.

        Raises:
            RunTaken: Another process has it.
            RunFailed: It cannot be claimed, or was begun in another way since it was planned.
        """
        self._claim = folder.claim(self.files.path)
        try:
            self.files.look = self._claim.look
            self.decision = folder.decide(self.job)
            self.status = self.files.read_status()
            self.over = self.decision == "skip"
            if self.decision == "resume":
                self._go_on_as_begun()
        except BaseException as error:
            self.release()
            if isinstance(error, Exception) and not isinstance(error, RunFailed):
                raise RunFailed(folder.line(self.files.path, error)) from error
            raise
        return self

    def _go_on_as_begun(self) -> None:
        begun = folder.as_begun(self.job)
        stack, planned = (job.config["sweep"]["stack"] for job in (begun, self.job))
        if stack != planned:
            raise RunFailed(
                f"{self.files.path}: another command has begun this run since this one was "
                f"planned, with sweep.stack={stack}; the same command goes on with it"
            )
        self.job, self.config = begun, begun.config

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Say how it ended, where nobody has; give the lock back."""
        try:
            if self._prepared:
                self.recorder.close()
            if error is None or self.over or isinstance(error, RunTaken):
                return
            if isinstance(error, Exception) or (isinstance(error, SystemExit) and not stop.asked()):
                raise self.fail(error) from error
            with suppress(claims.Lost, OSError):  # or the folder cannot be written any more
                self._claim.look()
                with self.logging():
                    log.info("interrupted")
                if self._prepared:
                    self.checkpoint.write_held()
                self._write_status("interrupted")
        finally:
            self.release()

    def release(self) -> None:
        """Give the run back; once it is over, whoever waits for it need not wait for others."""
        if not self._released:
            self._released = True
            self._claim.release()

    def fail(self, error: BaseException) -> RunFailed:
        """End the run as failed; one that another process has taken over is left to that.

        Returns:
            What to say: the folder and the reason, in one line.
        """
        try:
            if not isinstance(error, claims.Lost):
                self._claim.look()
                with self.logging():
                    log.error("failed", exc_info=error)
                self._write_status("failed", folder.reason(error))
        except claims.Lost as lost:
            error = lost
        except OSError as trouble:  # the folder cannot be written any more: the reason is said
            log.debug("%s: %s", self.files.path, trouble)
        if isinstance(error, claims.Lost):
            return RunTaken(str(error))
        return RunFailed(folder.line(self.files.path, error))

    def prepare(self, sinks: Sequence[Sink]) -> None:
        """Build the parts; clear the folder, or load what an earlier attempt has left there.

        Raises:
            ValueError: The data are not what they must be, or were, see ``record``.
        """
        checkpoint = self._read_checkpoint() if self.decision == "resume" else None
        self.files.look(0.0)
        self.files.sweep()
        if checkpoint is None:
            folder.clear(self.files)
        self.files.write_config(self.config)
        self.status = Status("running", self.job.id, _now())
        self.files.write_status(self.status)
        self.module = self._data(self.config)
        facts = record.of(self.config, self.module)
        if changed := agreement.differences(self.job.expected or {}, facts):
            raise ValueError(
                f"{' and '.join(changed)} differ from what loading gave while planning; numbers "
                "must follow from the config: draw them from a generator that is seeded"
            )
        folder.check_unchanged(self.files, (checkpoint or {}).get("record"), facts)
        self.module.place(build.device(self.config), build.dtype(self.config))
        network = build.model(self.config, self.module)
        self.task = build.task(self.config, self.module, network)
        self.task.checkpoint, self.task.record = checkpoint, facts
        self.resumed_epoch = 0 if checkpoint is None else int(checkpoint["epoch"])
        self.recorder, self.callbacks = build.callbacks(self.config, self.files, sinks)
        (self.checkpoint,) = [one for one in self.callbacks if isinstance(one, Checkpoint)]
        self._prepared = True

    def _read_checkpoint(self) -> dict[str, Any] | None:
        try:
            if not self.files.metrics.exists():
                raise ValueError(f"{self.files.metrics} is missing")
            return self.files.read_checkpoint()
        except ValueError as error:
            log.warning("starting over: %s", error)
            return None

    def begin(self, stack: int = 1, layout: str = "", why: str = "", compiler: str = "") -> None:
        """Training starts.

        Args:
            stack: How many runs are trained together.
            layout: How they lie in memory; empty: the run is trained alone.
            why: Why it is.
            compiler: What made the layout's kernel.
        """
        device = build.device(self.config)
        seed, trained_on = self.config["seed"], self.task.record
        facts = provenance.describe(self._words(alone=not layout), seed, device, trained_on)
        how: dict[str, Any] = {"stack": stack}
        if layout:
            how |= {"layout": layout} | ({"compiler": compiler} if compiler else {})
            how |= {"tried": list(self.job.tried)} if self.job.tried else {}
        else:
            how |= {"alone": why}
        self.files.write_json(self.files.provenance, facts | how)
        company = f", in a stack of {stack} ({layout})" if layout else ""
        log.info(
            "%s on %s, %d thread(s)%s", self.decision, device, torch.get_num_threads(), company
        )
        self._stack, self._started = stack, time.monotonic()

    def _words(self, alone: bool) -> list[str]:
        """What leads to this run and computes it in the same way, to the last digit."""
        how: dict[str, Any] = {}
        if self.config["sweep"]["stack"] != "auto":
            how["sweep.stack"] = self.config["sweep"]["stack"]
        if alone or self.config["trainer"]["threads"] is not None:
            how["trainer.threads"] = torch.get_num_threads()
        words = [word for word in self.job.overrides if word.partition("=")[0] not in how]
        return words + [f"{key}={value}" for key, value in how.items()]

    def finish(self) -> Status:
        """Training is over: write the last row, the size, the time, and then the status."""
        self.recorder.close()
        last = read_metrics(self.files.metrics)[-1]
        summary = {k: v for k, v in last.items() if math.isfinite(v)}
        summary["model/parameters"] = sum(p.numel() for p in self.task.model.parameters())
        if self.resumed_epoch == 0:
            seconds = (time.monotonic() - self._started) / self._stack
            summary["time/fit_seconds"] = round(seconds, 3)
            for name, took in self.recorder.seconds.items():
                summary[f"time/{name}_seconds"] = round(took, 3)
        self.files.write_json(self.files.summary, summary)
        diverged = self.recorder.diverged
        log.info("ended at epoch %d%s", last["epoch"], ", diverged" if diverged else "")
        status = self._write_status("diverged" if diverged else "completed")
        with suppress(claims.Lost, OSError):  # without it the callbacks are asked
            taken.write(self.config, self.files, self._lacking())
        return status

    def _lacking(self) -> list[str]:
        """Keys of the callbacks of which a measurement is missing, or may be."""
        groups = self.config["callbacks"], self.config["measurements"]
        keys = [key for nodes in groups for key, node in nodes.items() if node is not None]
        chosen = self.callbacks[1:-1]  # between recorder and checkpoint
        return [key for key, one in zip(keys, chosen, strict=True) if not _has_all(one)]

    def _write_status(self, state: State, error: str | None = None) -> Status:
        epoch = None
        if self.files.metrics.exists():
            rows = read_metrics(self.files.metrics)
            epoch = int(rows[-1]["epoch"]) if rows else None
        begun = self.status or Status(state, self.job.id, _now())
        self.status = replace(begun, state=state, finished_at=_now(), epoch=epoch, error=error)
        self.files.write_status(self.status)
        self.over = True
        if state in FINISHED:
            self.files.checkpoint.unlink(missing_ok=True)  # nothing is left to resume
        return self.status

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Send this package's log lines to ``run.log`` as well."""
        handler = logging.FileHandler(self.files.log, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger("dl_experiments")
        root.setLevel(logging.INFO)
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)
            handler.close()


def _has_all(callback: Callback) -> bool:
    try:
        return not (isinstance(callback, FromWeights) and callback.missing())
    except Exception:  # a user's; it is asked again when the run is looked at, which says why
        return False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
