"""One run: train it to its end by itself, or take what its files lack."""

import logging
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import cast, final

import torch
from lightning import Callback, LightningModule, Trainer

from dl_experiments import build, claims, randomness, record, settings, stop, taken
from dl_experiments.artifacts import RunDirectory, Status
from dl_experiments.attempt import Run
from dl_experiments.callbacks.observer import FromWeights, around
from dl_experiments.callbacks.recorder import Sink
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.folder import Decision as Decision
from dl_experiments.folder import RunFailed as RunFailed
from dl_experiments.folder import RunTaken as RunTaken
from dl_experiments.folder import check_unchanged, is_finished
from dl_experiments.folder import decide as decide
from dl_experiments.folder import directory as directory
from dl_experiments.job import Job
from dl_experiments.schema import Config
from dl_experiments.tasks.task import Task

log = logging.getLogger(__name__)


def checkpoint_epoch(job: Job) -> int:
    """Where a run to be resumed goes on; 0 where its checkpoint cannot be read."""
    try:
        return int(RunDirectory(job.path).read_checkpoint()["epoch"])
    except ValueError:
        return 0


def lacks(job: Job) -> bool:
    """Whether a finished run lacks measurements that its config asks for.

    Where it lacks none and its files did not say so yet, they do from now on.
    """
    files = RunDirectory(job.path)
    if taken.whole(job.config, files):
        return False
    if _lacking(job.config, files):
        return True
    with suppress(claims.Taken, OSError, ValueError):  # another command looks after it
        claim = claims.take(job.path)
        try:
            files.look = claim.look
            if is_finished(job.path) and not _lacking(job.config, files):
                taken.write(job.config, files)
        finally:
            claim.release()
    return False


def catch_up(job: Job) -> bool:
    """Take the measurements that a finished run's config asks for and its folder lacks.

    Returns:
        Whether there was one.

    Raises:
        RunFailed: Its data are not what it was trained on.
    """
    config, files = job.config, RunDirectory(job.path)
    if not _lacking(config, files):
        return False
    with claims.held(job.path) as claim:
        files.look = claim.look
        if lacking := _lacking(config, files):  # who held it may have taken them
            module = _data_of(config, files)
            taken.write(config, files, lacking.keys())  # what they replace is not vouched for
            network = build.model(config, module).to(build.dtype(config))
            task = build.task(config, module, network)
            _as_it_ended(task, files)
            for callback in lacking.values():
                with around(callback, task, module):
                    callback.measure(task, module)
            taken.write(config, files, _lacking(config, files).keys())
    return True


def _as_it_ended(task: Task, files: RunDirectory) -> None:
    """Give a finished run's task the last weights that were kept, and the epoch of its end."""
    if snapshots := files.snapshots():
        task.model.load_state_dict(files.read_weights(max(snapshots)))
    status = files.read_status()
    task.epoch = (status.epoch or 0) if status else 0
    task.over = True


def _lacking(config: Config, files: RunDirectory) -> dict[str, FromWeights]:
    """Key -> callback, of those whose measurement is missing; without weights there is none."""
    cannot: Collection[str] = () if files.snapshots() else config["measurements"]
    return {
        key: callback
        for key, callback in build.chosen_callbacks(config, files).items()
        if key not in cannot and isinstance(callback, FromWeights) and callback.missing()
    }


def _data_of(config: Config, files: RunDirectory) -> InMemoryDataModule:
    """A finished run's data, in their place."""
    try:
        build.prepare_data(build.data(config))
        module = build.checked_data(config)
        check_unchanged(files, files.read_provenance(), record.of(config, module))
    except ValueError as error:
        raise RunFailed(str(error)) from error
    module.place("cpu", build.dtype(config))
    return module


def execute(
    job: Job,
    sink: Sink,
    heartbeat: Callable[[float], None],
    cores: int | None = None,
    why: str = "",
) -> Status:
    """Train one run by itself to its end.

    Args:
        job: Its config is checked.
        sink: Sees the rows.
        heartbeat: Called now and then with the number of epochs done, a fraction included.
        cores: Processor cores it may use; None: all.
        why: Why it is not in a stack, for its log.

    Returns:
        How it ended: completed or diverged.

    Raises:
        RunTaken: Another process has it, or has finished it.
        RunFailed: The run raised.
        Stopped: The command is to end; the same call resumes the run.
    """
    with settings.kept(), Run(job) as run:
        if run.decision == "skip":
            raise RunTaken(f"{job.path}: it is finished")
        with run.logging():
            if why:
                log.info("trained alone: %s", why)
            fit(run, sink, heartbeat, cores, why)
        assert run.status is not None
        return run.status


def fit(
    run: Run,
    sink: Sink,
    heartbeat: Callable[[float], None],
    cores: int | None = None,
    why: str = "",
) -> None:
    """Train a run that is held by Lightning's Trainer; see ``execute``."""
    run.prepare([sink])
    run.task.heartbeat = heartbeat
    config = run.config
    torch.set_num_threads(build.threads(config, run.task.model, run.module, cores))
    epochs = config["trainer"]["max_epochs"] - run.resumed_epoch
    with _quiet():
        trainer = build.trainer(config, [_Streams(), *run.callbacks], epochs)
    run.begin(why=why)
    # The command has done the first, and the run the second; Lightning would do them once more.
    run.module.prepare_data = lambda: None  # type: ignore[method-assign]
    run.module.setup = lambda stage=None: None  # type: ignore[method-assign]
    with _quiet(), settings.guarded(config["seed"], "fit", run.resumed_epoch):
        trainer.fit(run.task, datamodule=run.module)
    if not trainer.should_stop and run.task.epoch < config["trainer"]["max_epochs"]:
        raise RuntimeError(f"training ended after {run.task.epoch} epochs, and nothing stopped it")
    run.finish()


@final
class _Streams(Callback):
    """What stands around each epoch: a stream of global random numbers, and who takes signals."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        stop.restore()
        stop.point()
        if type(pl_module).training_step is not Task.training_step:  # there may be no other points
            for optimizer in trainer.optimizers:
                optimizer.register_step_pre_hook(lambda *_: stop.point(stop.GRACE))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        task = cast(Task, pl_module)
        randomness.enter(task.seed, "fit", task.epoch, task.device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what Lightning says of itself at every start, and where ``srun`` is on the path."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for words in (".*LeafSpec.*", "The `srun` command"):
            warnings.filterwarnings("ignore", message=words)
        yield
