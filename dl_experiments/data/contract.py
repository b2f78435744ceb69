"""What a task wants of a data set: the one place that says it, and looks.

- Inputs: a dense tensor of real numbers, [n, *input_shape], all finite, also once they are cast to
  the run's type and normalised.
- Targets of *classes*: [n] whole numbers 0 … K−1 of any integer type, K = ``outputs`` ≥ 2. One-hot
  rows [n, K] are what they plainly are; soft ones are refused.
- Targets that are *values*: [n, ...] finite numbers, ``outputs`` of them a sample; [n] is [n, 1].
- Of another kind of task: finite targets, and as many as inputs.
- Both sets hold samples, as many as the data module has said.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from dl_experiments.data.loader import InMemory, InMemoryDataModule

Kind = Literal["classes", "values"] | None


class ContractBroken(ValueError):
    """A data set is not what a task can learn from; the message is one line."""


@final
@dataclass(frozen=True)
class Contract:
    """What is wanted of one data module.

    Attributes:
        name: What the data are called, as in ``data=digits``.
        kind: What the task's targets are; None: the task has not said.
        own_loss: Whether the loss is a user's, which may be written for values [n]: they stay.
    """

    name: str = "data"
    kind: Kind = None
    own_loss: bool = False

    def checked(
        self, module: "InMemoryDataModule", dtype: torch.dtype
    ) -> tuple["InMemory", "InMemory"]:
        """Both sets as they were loaded, their targets in the form that the losses take.

        Args:
            module: Loaded.
            dtype: The floating-point type of a batch.

        Raises:
            ContractBroken: Says which set, inputs or targets, what was found and what is wanted.
        """
        if self.kind == "classes" and module.outputs < 2:
            raise ContractBroken(f"{self.name}: outputs={module.outputs}; classes are at least 2")
        sizes = {"training": module.training_samples, "test": module.test_samples}
        both = {"training": module.train, "test": module.test}
        train, test = (
            self._set(f"{self.name}: the {which} set", data, module, sizes[which], dtype)
            for which, data in both.items()
        )
        return train, test

    def _set(
        self,
        where: str,
        data: "InMemory",
        module: "InMemoryDataModule",
        samples: int | None,
        dtype: torch.dtype,
    ) -> "InMemory":
        _check_tensor(f"{where}'s inputs", data.inputs)
        _check_tensor(f"{where}'s targets", data.targets)
        found, count = len(data.inputs), len(data.targets)
        if found != count:
            raise ContractBroken(f"{where} has {found} inputs and {count} targets")
        if not count:
            raise ContractBroken(f"{where} is empty")
        if samples is not None and count != samples:
            which = "training_samples" if "training" in where else "test_samples"
            raise ContractBroken(
                f"{where} holds {count} samples; the data module's {which} says {samples}"
            )
        wanted = (count, *module.input_shape)
        if tuple(data.inputs.shape) != wanted:
            raise ContractBroken(
                f"{where}'s inputs are {_shape(data.inputs)}; input_shape wants {list(wanted)}"
            )
        _check_normalisation(where, data, wanted)
        _check_finite(f"{where}'s inputs", data.inputs, dtype)
        _check_prepared(f"{where}'s inputs", data, dtype)
        make: Callable[[str, Tensor, int], Tensor] = {
            "classes": _classes,
            "values": _values,
            None: _as_they_are,
        }[self.kind]
        targets = make(f"{where}'s targets", data.targets, module.outputs)
        if self.own_loss and self.kind == "values" and data.targets.dim() == 1:
            targets = targets[:, 0]
        if targets.is_floating_point():
            _check_finite(f"{where}'s targets", targets, dtype)
        return replace(data, targets=targets)


def _check_tensor(where: str, tensor: object) -> None:
    if not isinstance(tensor, Tensor):
        kind = type(tensor)
        raise ContractBroken(f"{where} are a {kind.__module__}.{kind.__name__}, not a torch.Tensor")
    if tensor.dim() < 1 or tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        raise ContractBroken(f"{where} are no dense tensor of samples ({_shape(tensor)})")
    if tensor.is_complex():
        raise ContractBroken(f"{where} are complex ({_type(tensor)}), not real")
    if tensor.requires_grad:
        raise ContractBroken(f"{where} require gradients; detach() them")


def _check_normalisation(where: str, data: "InMemory", wanted: tuple[int, ...]) -> None:
    for name in ("mean", "scale"):
        tensor = getattr(data, name)
        if tensor is None:
            continue
        _check_tensor(f"{where}'s {name}", tensor[None] if isinstance(tensor, Tensor) else tensor)
        try:
            fits = torch.broadcast_shapes(tensor.shape, (1, *wanted[1:])) == (1, *wanted[1:])
        except RuntimeError:
            fits = False
        if not fits:
            raise ContractBroken(
                f"{where}'s {name} is {_shape(tensor)}; it must fit any batch of samples "
                f"{list(wanted[1:])}"
            )
        if not tensor.isfinite().all():
            raise ContractBroken(f"{where}'s {name} is not finite")


def _check_prepared(where: str, data: "InMemory", dtype: torch.dtype) -> None:
    """Refuse inputs that stop being finite when they are normalised."""
    if data.mean is None and data.scale is None:
        return
    whole = data.placed("cpu", dtype)
    for name in ("mean", "scale"):
        tensor = getattr(whole, name)
        if tensor is not None and not tensor.isfinite().all():
            raise ContractBroken(f"{where}: their {name} is too large for {_type(tensor)}")
    if not data.inputs.is_floating_point() and (
        whole.scale is None or float(whole.scale.abs().max()) < 1e6
    ):
        return  # bytes cannot overflow
    if any(not inputs.isfinite().all() for inputs, _ in whole.chunks()):
        raise ContractBroken(f"{where}: normalised by mean and scale they are not finite")


def _check_finite(where: str, tensor: Tensor, dtype: torch.dtype) -> None:
    """Refuse what is not finite, or would not be in ``dtype``."""
    if not tensor.is_floating_point():
        return
    limit = torch.finfo(dtype).max
    tensor = tensor.float() if tensor.dtype.itemsize == 1 else tensor
    if not tensor.numel() or max(abs(end.item()) for end in torch.aminmax(tensor)) <= limit:
        return  # a comparison with NaN is false
    finite = tensor.isfinite().reshape(len(tensor), -1).all(1)
    fits = (tensor.double().abs() <= limit).reshape(len(tensor), -1).all(1)
    words = f"too large for {dtype}".replace("torch.", "") if finite.all() else "not finite"
    bad = ~(fits if finite.all() else finite)
    raise ContractBroken(
        f"{where}: {int(bad.sum())} of {len(tensor)} samples (the first is number "
        f"{int(bad.nonzero()[0])}) are {words}"
    )


def _classes(where: str, targets: Tensor, outputs: int) -> Tensor:
    """[n] int64, 0 to ``outputs`` − 1."""
    if targets.dim() == 2 and targets.shape[1] == outputs:
        if bool(((targets == 0) | (targets == 1)).all() & (targets.sum(1) == 1).all()):
            return targets.long().argmax(1)
        raise ContractBroken(
            f"{where} are {_shape(targets)} and not one-hot; {_wanted(targets, outputs)}"
        )
    check_labels(where, targets, outputs)
    return targets.long()


def check_labels(where: str, labels: Tensor, classes: int) -> None:
    """Refuse labels that are no class.

    Args:
        where: Whose they are.
        labels: To be [n] integers.
        classes: K; allowed are 0 to K − 1.

    Raises:
        ContractBroken: Says the smallest and the largest label, or the shape and type.
    """
    if labels.dim() != 1 or labels.is_floating_point():
        raise ContractBroken(
            f"{where} are {_shape(labels)} {_type(labels)}; {_wanted(labels, classes)}"
        )
    labels = labels.long()
    least, largest = (int(end) for end in torch.aminmax(labels))
    if least < 0 or largest >= classes:
        outside = int(((labels < 0) | (labels >= classes)).sum())
        raise ContractBroken(
            f"{where}: labels from {least} to {largest}; allowed: 0 to {classes - 1} "
            f"({outside} of {len(labels)} are none of these)"
        )


def _wanted(labels: Tensor, classes: int) -> str:
    return f"wanted: class numbers [{len(labels)}], whole numbers from 0 to {classes - 1}"


def _values(where: str, targets: Tensor, outputs: int) -> Tensor:
    """[n, ...] floating-point, ``outputs`` a sample."""
    if targets.dim() == 1 and outputs == 1:
        targets = targets[:, None]
    if math.prod(targets.shape[1:]) != outputs or targets.dim() < 2:
        raise ContractBroken(
            f"{where} are {_shape(targets)}; wanted: {outputs} value{'s' * (outputs > 1)} a sample "
            f"(outputs), [{len(targets)}, {outputs}]"
        )
    return targets if targets.is_floating_point() else targets.double()


def _as_they_are(where: str, targets: Tensor, outputs: int) -> Tensor:
    return targets


def _shape(tensor: Tensor) -> str:
    return str(list(tensor.shape))


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
