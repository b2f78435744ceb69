"""What measures a run while it trains, alone or in a stack of runs."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, Self, cast, final, runtime_checkable

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from dl_experiments import settings
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.tasks.task import Task


class Observer(Callback):
    """Sees a run at its start, after each epoch and at its end; asks nothing of the Trainer.

    So it works unchanged for a run that Lightning trains alone and for a member of a stack. The
    task says where the run stands (``task.epoch``, ``task.updates``), holds the weights of the
    moment (``task.model``) and evaluates them (``task.evaluate``). ``task.should_stop = True``
    ends the run.
    """

    def check(self, task: Task, data: InMemoryDataModule) -> None:
        """Refuse a run that could not be measured, before anything is trained or downloaded.

        Called when a command is planned, of an observer that is not used any further.

        Args:
            task: The run's, with its network on the ``meta`` device where it can be.
            data: The run's, not loaded.

        Raises:
            ValueError: Names the key, the value and what is allowed.
        """

    def begin(self, task: Task, data: InMemoryDataModule) -> None:
        """The run starts, or goes on where ``task.epoch`` > 0."""

    def after_epoch(self, task: Task, data: InMemoryDataModule) -> None:
        """``task.epoch`` passes over the training set are done."""

    def end(self, task: Task, data: InMemoryDataModule) -> None:
        """The last epoch is over, or the run stopped before it."""

    @final
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lightning's name for ``begin``."""
        task, data = _parts(trainer, pl_module)
        with around(self, task, data):
            self.begin(task, data)
        trainer.should_stop = trainer.should_stop or task.should_stop

    @final
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lightning's name for ``after_epoch``."""
        task, data = _parts(trainer, pl_module)
        with around(self, task, data):
            self.after_epoch(task, data)
        trainer.should_stop = trainer.should_stop or task.should_stop

    @final
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lightning's name for ``end``."""
        task, data = _parts(trainer, pl_module)
        with around(self, task, data):
            self.end(task, data)


class Joint(Observer):
    """A measurement at the end of training that is faster for many runs at once than for each.

    What it raises fails all runs that it was asked to measure together.
    """

    @classmethod
    @abstractmethod
    def end_all(cls, runs: Sequence[tuple[Self, Task, InMemoryDataModule]]) -> None:
        """Runs of one stack that end at the same epoch: each one's observer, task and data."""

    @final
    def end(self, task: Task, data: InMemoryDataModule) -> None:
        """One run by itself."""
        self.end_all([(self, task, data)])


class Scalars(Observer):
    """A measurement of a few numbers at each logged epoch: columns beside loss and accuracy.

    The recorder asks for them, writes them, and adds up the time they took.

    Attributes:
        name: What the time is recorded under.
    """

    name: str

    @abstractmethod
    def columns(self, task: Task) -> Sequence[str]:
        """The names of the numbers, the same for the whole run."""

    @abstractmethod
    def values(self, task: Task, data: InMemoryDataModule) -> Mapping[str, float]:
        """The numbers, with the weights of the moment; nothing is left changed."""


@runtime_checkable
class FromWeights(Protocol):
    """A callback whose measurement can also be taken from the files of a finished run."""

    def missing(self) -> bool:
        """Whether the run has what it takes but not the measurement."""

    def measure(self, task: Task, data: InMemoryDataModule) -> None:
        """Take it; ``task.model`` has the last weights that the run has kept, if any."""


class Measurement(Observer):
    """What stands under ``measurements``: it follows from the weights of a finished run alone.

    It is taken when the run ends. Where that was without it, or with other settings, ``missing``
    says so, and it is taken later from the weights that the run has kept, with the same result. So
    it does nothing while a run trains, is no part of what the run is, and leaves all but its own
    file in ``measures/`` as it was. Any ``Observer`` with ``missing`` and ``measure`` may stand
    there that does the same.
    """

    @abstractmethod
    def missing(self) -> bool:
        """Whether the run has what it takes but not the measurement, or one of other settings."""

    @abstractmethod
    def measure(self, task: Task, data: InMemoryDataModule) -> None:
        """Take it of ``task.model``, or of the snapshots, and write it."""

    def end(self, task: Task, data: InMemoryDataModule) -> None:
        """Training is over: measure."""
        self.measure(task, data)


def check_measurement(key: str, built: object) -> None:
    """Refuse what is no measurement, or acts while a run trains.

    Args:
        key: Where it stands, for the message.
        built: What its ``_target_`` has made.

    Raises:
        ValueError: Says what it lacks or does, and where else it may stand.
    """
    name = type(built).__name__
    if acts := _acts(built) if isinstance(built, Observer) else "":
        problem = f"{name} acts while a run trains ({acts}), and a measurement does not"
    elif not (isinstance(built, Observer) and isinstance(built, FromWeights)):
        problem = f"{name} is no Measurement of {__name__}"
    else:
        return
    raise ValueError(f"{key}: {problem}; it may stand under callbacks")


def _acts(observer: Observer) -> str:
    """What an observer does while a run trains: the name of a method; empty: nothing."""
    if isinstance(observer, Scalars):
        return "values"
    hooks = ["after_epoch", *(name for name in vars(Callback) if not name.startswith("_"))]
    kind = type(observer)
    return next((one for one in hooks if getattr(kind, one) is not getattr(Observer, one)), "")


@contextmanager
def around(observer: object, task: Task, data: InMemoryDataModule) -> Iterator[None]:
    """Call an observer in this: a user's draws from a stream of its own, and changes no setting.

    This package's draw from generators of their own. In a stack a change of weights or options
    would be lost, so it is an error there; at a run's end nothing follows that could lose it.

    Raises:
        RuntimeError: A user's observer has changed something that a stack cannot follow.
    """
    if type(observer).__module__.startswith("dl_experiments."):
        yield
        return
    followed = task.predictor is not None and not task.over
    before = _state(task, data) if followed else []
    with settings.guarded(task.seed, "observer", task.epoch, task.device):
        yield
    if followed and not all(_equal(*pair) for pair in zip(before, _state(task, data), strict=True)):
        raise RuntimeError(
            f"{type(observer).__name__} changed weights, options, network, loss or data at epoch "
            f"{task.epoch}, which a stack cannot follow; train such runs with sweep.stack=never"
        )


def _state(task: Task, data: InMemoryDataModule) -> list[Any]:
    """What a stack has taken from a run: a copy of the weights, and what tells of the rest."""
    options = [
        {key: value for key, value in group.items() if key != "params"}
        for group in task.optimizer.param_groups
    ]
    sets = [
        (id(part), part.inputs._version, part.targets._version) for part in (data.train, data.test)
    ]
    rest = (repr(options), id(task.model), repr(task.model), task.loss, sets, data.augment)
    return [*(p.detach().clone() for p in task.model.parameters()), rest]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return bool(((one == other) | (one.isnan() & other.isnan())).all())
    return bool(one == other)


def _parts(trainer: Any, module: LightningModule) -> tuple[Task, InMemoryDataModule]:
    return cast(Task, module), cast(InMemoryDataModule, trainer.datamodule)
