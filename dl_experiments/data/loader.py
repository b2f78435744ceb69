"""Data that lives in memory, and batches that are one gather.

No worker processes and no per-sample loop: the whole set is a pair of tensors on the device, a
batch is ``inputs[index]``, and casting and normalising happen on the batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol, final

import torch
from lightning import LightningDataModule
from torch import Tensor

from dl_experiments import randomness, settings
from dl_experiments.data.contract import Contract, ContractBroken

EVALUATION_BATCH = 250
"""Samples a forward pass of an evaluation sees; fixed, so that numbers repeat bit for bit."""


class Augment(Protocol):
    """Changes a gathered batch of stored inputs."""

    def __call__(self, inputs: Tensor, draw: torch.Generator) -> Tensor:
        """The same shape and type, with numbers from ``draw``."""


@final
@dataclass(frozen=True)
class InMemory:
    """Inputs and targets as stored, and what turns a gathered batch into the model's input.

    Attributes:
        inputs: [n, ...], uint8 images or float64 points.
        targets: [n] classes or [n, values], as ``data/contract.py`` says.
        mean: Subtracted from an input, broadcast over [batch, ...]; None: nothing is.
        scale: What is left is multiplied with it.
        dtype: The floating-point type of a batch.
    """

    inputs: Tensor
    targets: Tensor
    mean: Tensor | None = None
    scale: Tensor | None = None
    dtype: torch.dtype = torch.float32

    def __len__(self) -> int:
        return len(self.targets)

    def placed(self, device: torch.device | str, dtype: torch.dtype) -> "InMemory":
        """The same data on a device, its batches in a floating-point type."""
        moved = {
            name: tensor.to(device)
            for name, tensor in vars(self).items()
            if isinstance(tensor, Tensor)
        }
        for name in ("mean", "scale"):
            if name in moved:
                moved[name] = moved[name].to(dtype)
        if moved["targets"].is_floating_point():
            moved["targets"] = moved["targets"].to(dtype)
        if moved["inputs"].is_floating_point():
            moved["inputs"] = moved["inputs"].to(dtype)
        return replace(self, dtype=dtype, **moved)

    def prepare(self, inputs: Tensor) -> Tensor:
        """Cast and normalise a gathered batch; images come out channels-last."""
        if self.mean is None and self.scale is None:
            return inputs.to(self.dtype)
        prepared = inputs.to(self.dtype, copy=True)
        if self.mean is not None:
            prepared.sub_(self.mean)
        return prepared if self.scale is None else prepared.mul_(self.scale)

    def chunks(self, size: int = EVALUATION_BATCH) -> Iterator[tuple[Tensor, Tensor]]:
        """Everything once, in order, for evaluation."""
        for inputs, targets in zip(self.inputs.split(size), self.targets.split(size), strict=True):
            yield self.prepare(inputs), targets


@final
class TrainingSet:
    """What one ``training_step`` gets: the whole training set, and how to walk through it.

    No dataclass, because Lightning looks into those for tensors to move.
    """

    def __init__(self, data: InMemory, batch_size: int, seed: int, augment: Augment | None) -> None:
        self.data, self.batch_size, self.seed, self.augment = data, batch_size, seed, augment

    @property
    def updates(self) -> int:
        """Mini-batches in an epoch."""
        return -(-len(self.data) // self.batch_size)

    def order(self, number: int) -> Tensor:
        """The order of the samples in one pass, [n] on the CPU: a function of (seed, epoch)."""
        shuffle = randomness.generator(self.seed, "order", number)
        return torch.randperm(len(self.data), generator=shuffle)

    def augmentation(self, number: int) -> Callable[[Tensor], Tensor]:
        """What one pass does to each gathered batch in turn; it draws from (seed, epoch)."""
        if self.augment is None:
            return lambda inputs: inputs
        draw = randomness.generator(self.seed, "augment", number)
        return partial(self.augment, draw=draw)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The mini-batches of one pass; the last may be smaller."""
        data, augment = self.data, self.augmentation(number)
        order = self.order(number).to(data.targets.device)
        for index in order.split(self.batch_size):
            inputs = augment(data.inputs.index_select(0, index))
            yield data.prepare(inputs), data.targets.index_select(0, index)


@final
class _Once:
    """A data loader of one item an epoch."""

    def __init__(self, item: TrainingSet) -> None:
        self.item = item

    def __iter__(self) -> Iterator[TrainingSet]:
        yield self.item

    def __len__(self) -> int:
        return 1


class InMemoryDataModule(LightningDataModule, ABC):
    """A data module whose training and test sets are tensors.

    A subclass sets ``input_shape`` (a sample's shape) and ``outputs`` (what a model returns for
    it), and loads.

    Attributes:
        test_samples: Size of the test set, where it is known before loading.
        seed: Draws what all runs of a data seed share, as subsets.
        contract: What the run's task wants of the data.
        train: The training set, after ``setup``.
        test: The test set, after ``setup``.
    """

    input_shape: tuple[int, ...]
    outputs: int
    test_samples: int | None = None
    seed: int = 0
    contract: Contract = Contract()
    train: InMemory
    test: InMemory

    def __init__(
        self,
        batch_size: int | Literal["full"],
        run_seed: int,
        training_samples: int,
        augment: Augment | None = None,
    ) -> None:
        super().__init__()
        if batch_size == "full":
            batch_size = training_samples
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(
                f"data.batch_size={batch_size!r} is neither a whole number from 1 up nor 'full'"
            )
        if batch_size > training_samples:
            raise ValueError(
                f"data.batch_size={batch_size} is more than the {training_samples} training "
                "samples; allowed: 1 to that many, or 'full'"
            )
        self.batch_size, self.run_seed, self.augment = batch_size, run_seed, augment
        self.training_samples = training_samples
        self._loaded = self._ready = self._checked = False

    @abstractmethod
    def load(self) -> tuple[InMemory, InMemory]:
        """Training and test set, on the CPU."""

    @property
    def updates(self) -> int:
        """Mini-batches in an epoch."""
        return -(-self.training_samples // self.batch_size)

    def shapes(self) -> tuple[Hashable, ...]:
        """Modules for which this is equal give batches that can be stacked."""
        return type(self), self.input_shape, self.outputs, self.training_samples, self.batch_size

    def training_set(self) -> TrainingSet:
        """The training set, and how a run walks through it."""
        return TrainingSet(self.train, self.batch_size, self.run_seed, self.augment)

    def setup(self, stage: str | None = None) -> None:
        """Load the data once; a subclass may do more.

        Raises:
            TypeError: ``load`` returns no pair of ``InMemory``.
        """
        if not self._loaded:
            pair = self.load()
            if [type(one) for one in pair] != [InMemory] * 2:
                raise TypeError(f"{type(self).__name__}.load returns no pair of InMemory")
            self.train, self.test = pair
            self._loaded = True

    def ready(self) -> None:
        """Set the data up once.

        What that draws from global generators follows from ``data.seed``; what it sets for the
        whole process is put back.

        Raises:
            ContractBroken: Label noise finds labels that are no classes.
            RuntimeError: It wants to end the process.
        """
        if self._ready:
            return
        try:
            with self.making("load"):
                self.setup()
        except ContractBroken as error:
            raise ContractBroken(f"{self.contract.name}: {error}") from error
        except SystemExit as error:
            raise RuntimeError(f"SystemExit: {error}") from error
        self._ready = True

    def check(self, dtype: torch.dtype) -> None:
        """Load the data and bring them into the form that the task takes.

        Raises:
            ContractBroken: They cannot be.
        """
        self.ready()
        if not self._checked:
            self.train, self.test = self.contract.checked(self, dtype)
            self._checked = True

    def take(self, train: InMemory, test: InMemory) -> None:
        """Use these sets, which are checked, instead of loading."""
        self.train, self.test = train, test
        self.training_samples, self.test_samples = len(train), len(test)
        self._loaded = self._ready = self._checked = True

    def making(self, purpose: str) -> AbstractContextManager[None]:
        """What code that makes the data runs in; this package's own needs no guarding."""
        ours = type(self).__module__.startswith("dl_experiments.")
        return nullcontext() if ours else settings.making_data(self.seed, purpose)

    def place(self, device: torch.device | str, dtype: torch.dtype) -> None:
        """Check the data; move them to where, and to the precision in which, they are used."""
        self.check(dtype)
        self.train, self.test = self.train.placed(device, dtype), self.test.placed(device, dtype)

    def train_dataloader(self) -> _Once:
        """One item an epoch: the training set, which ``training_step`` walks through."""
        return _Once(self.training_set())
