"""What regression and classification share: the update loop and the evaluation."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, cast

import torch
from lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric

from dl_experiments import randomness, settings, stop
from dl_experiments.data.contract import Kind
from dl_experiments.data.loader import InMemory, TrainingSet
from dl_experiments.tasks.losses import Loss

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
ScheduleFactory = Callable[[Optimizer], LRScheduler]

_HEARTBEAT = 50  # updates between two signs of life within an epoch


class Task(LightningModule, ABC):
    """A model, its loss and its optimizer.

    One ``training_step`` is one pass over the training set: the loop over mini-batches is
    written here (manual optimization), because Lightning's own cost for each step would be
    several times that of updating a small network. So where a run stands is said here, by
    ``epoch`` and ``updates``; Lightning's counters start anew when a run is resumed.

    Args:
        model: Maps a batch of inputs to outputs.
        loss: A key of ``LOSSES``.
        optimizer: Makes the optimizer from the parameters.
        schedule: Makes the learning-rate schedule, which moves on once an epoch; or None.
        seed: The run's seed (dropout).
        outputs: Values the model returns for a sample.

    Raises:
        ValueError: The task knows no such loss.

    Attributes:
        LOSSES: What a kind of task can minimise: name -> mean over the batch of a loss.
        TARGETS: What its targets are, ``classes`` or ``values``, see ``data/contract.py``; None:
            something else, of which only what every task needs can be checked.
        epoch: Number of passes over the training set so far.
        updates: Number of optimizer updates so far.
        should_stop: Whether the run is to end after this epoch.
        over: Whether its training has ended.
        checkpoint: A ``state`` to go on from; Lightning's setup restores it.
        record: What the run is trained on, see ``dl_experiments.record``.
        heartbeat: Called now and then with the number of epochs done, a fraction included.
        predictor: What stands in for ``predict`` while a stack trains this run.
        gradient_norms: ‖g‖₂ over all parameters of every update's mini-batch gradient, a tensor an
            epoch; None: nobody wants them.
    """

    LOSSES: Mapping[str, Loss]
    TARGETS: ClassVar[Kind] = None

    def __init__(
        self,
        model: nn.Module,
        loss: str,
        optimizer: OptimizerFactory,
        schedule: ScheduleFactory | None,
        seed: int,
        outputs: int,
    ) -> None:
        if not isinstance(loss, str) or loss not in self.LOSSES:
            raise ValueError(f"loss={loss!r} is not one of {', '.join(self.LOSSES)}")
        super().__init__()
        self.automatic_optimization = False
        self.model, self.loss = model, self.LOSSES[loss]
        self.seed, self.outputs = seed, outputs
        self._make_optimizer, self._make_schedule = optimizer, schedule
        self.epoch, self.updates, self.should_stop, self.over = 0, 0, False, False
        self.optimizer: Optimizer
        self.schedule: LRScheduler | None = None
        self.checkpoint: Mapping[str, Any] | None = None
        self.record: Mapping[str, Any] = {}
        self.heartbeat: Callable[[float], None] | None = None
        self.predictor: Callable[[InMemory], Tensor] | None = None
        self.gradient_norms: list[Tensor] | None = None

    @abstractmethod
    def metrics(self) -> dict[str, Metric]:
        """Fresh torchmetrics by name (``loss`` is added here); updated with (outputs, targets)."""

    def forward(self, inputs: Tensor) -> Tensor:
        """The model's outputs."""
        return cast(Tensor, self.model(inputs))

    def configure_optimizers(self) -> Optimizer:
        """Make the optimizer and its schedule."""
        with settings.guarded(self.seed, "optimizer"):
            self.optimizer = self._make_optimizer(self.model.parameters())
            self._wants_closure = _requires(self.optimizer.step)
            if self._make_schedule is not None:
                self.schedule = self._make_schedule(self.optimizer)
        return self.optimizer

    def on_fit_start(self) -> None:
        """Go on from a checkpoint: everything is in its place now, nothing has begun."""
        if self.checkpoint is not None:
            self.restore(self.checkpoint)

    def state(self) -> dict[str, Any]:
        """All that going on from here needs; a run's randomness starts anew with each epoch."""
        return {
            "epoch": self.epoch,
            "updates": self.updates,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "gradient_norms": self.gradient_norms,
            "record": dict(self.record),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take a ``state`` on."""
        self.epoch, self.updates = int(state["epoch"]), int(state["updates"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        self.gradient_norms = state["gradient_norms"]

    def training_step(self, batch: TrainingSet, _: int) -> None:
        """One epoch of updates."""
        model, loss, optimizer = self.model, self.loss, self.optimizer
        norms: list[Tensor] = []
        with randomness.scope(self.seed, "dropout", self.epoch, self.device):
            for number, (inputs, targets) in enumerate(batch.epoch(self.epoch), start=1):

                def closure(inputs: Tensor = inputs, targets: Tensor = targets) -> Tensor:
                    optimizer.zero_grad()
                    value = loss(model(inputs), targets)
                    value.backward()
                    return value

                if self._wants_closure:
                    optimizer.step(closure)  # type: ignore[arg-type]
                else:  # hooks before the step see this batch's gradient
                    closure()
                    optimizer.step()
                if self.gradient_norms is not None:
                    norms.append(nn.utils.get_total_norm(_gradients(model)))
                stop.point(stop.GRACE)
                if self.heartbeat is not None and number % _HEARTBEAT == 0:
                    self.heartbeat(self.epoch + number / batch.updates)
        self.advance(batch.updates, torch.stack(norms) if norms else None)

    def advance(self, updates: int, gradient_norms: Tensor | None) -> None:
        """One epoch of so many updates is done; ``gradient_norms`` [updates], where wanted."""
        if self.gradient_norms is not None and gradient_norms is not None:
            self.gradient_norms.append(gradient_norms)
        self.epoch += 1
        self.updates += updates
        if self.schedule is not None:
            with self._drawing("schedule", self.schedule):
                self.schedule.step()

    def _drawing(self, purpose: str, *parts: object) -> AbstractContextManager[None]:
        """What a user's parts are called in, whose global random numbers are a stream then.

        This package's parts and torch's draw none.
        """
        names = [getattr(part, "__module__", "") or "" for part in parts]
        if all(name.startswith(("torch.", "dl_experiments.")) for name in names):
            return nullcontext()
        return settings.guarded(self.seed, purpose, self.epoch, self.device)

    def evaluate(self, data: InMemory) -> dict[str, Tensor]:
        """Loss and metrics on a whole set, in eval mode, with the weights as they are.

        Returns:
            Name -> scalar on the device; the loss is the mean over all samples, in float64.
        """
        outputs = (self.predictor or self.predict)(data).double()
        targets = data.targets.double() if data.targets.is_floating_point() else data.targets
        with self._drawing("evaluate", self, self.loss):
            measured = {"loss": self.loss(outputs, targets)}
            for name, metric in self.metrics().items():
                metric.to(outputs.device).update(outputs, targets)
                measured[name] = metric.compute()
        return measured

    @torch.no_grad()
    def predict(self, data: InMemory) -> Tensor:
        """The outputs for a whole set, [n, outputs], in eval mode; nothing is left changed."""
        was_training = self.model.training
        self.model.eval()
        with self._precision(), randomness.scope(self.seed, "outputs", self.epoch, self.device):
            outputs = torch.cat([self._outputs(inputs) for inputs, _ in data.chunks()])
        self.model.train(was_training)
        return outputs

    def _outputs(self, inputs: Tensor) -> Tensor:
        stop.point(stop.GRACE)
        return cast(Tensor, self.model(inputs))

    def _precision(self) -> AbstractContextManager[None]:
        """The context that forward passes run in at the trainer's precision."""
        if self._trainer is None:
            return nullcontext()
        return self.trainer.precision_plugin.forward_context()


def _requires(step: Callable[..., Any]) -> bool:
    """Whether an optimizer's step cannot be made without a closure."""
    closure = inspect.signature(step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def _gradients(model: nn.Module) -> list[Tensor]:
    return [p.grad for p in model.parameters() if p.grad is not None]
