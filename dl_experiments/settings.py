"""What a user's code may set for the whole process, put back when it is done.

A model's constructor, a data module's ``load`` or a module that is imported may set torch's
default type, switch gradients off or change the working directory. Whoever runs next would compute
something else without a word, so whatever calls such code does so inside one of these.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from dl_experiments import randomness

_BACKENDS: Any = torch.backends
_FLAGS: tuple[tuple[Any, str], ...] = (
    (_BACKENDS.cudnn, "enabled"),
    (_BACKENDS.cudnn, "benchmark"),
    (_BACKENDS.cudnn, "deterministic"),
    (_BACKENDS.mkldnn, "enabled"),
    (_BACKENDS, "fp32_precision"),
    (_BACKENDS.cuda.matmul, "fp32_precision"),
    (_BACKENDS.cudnn.conv, "fp32_precision"),
    (_BACKENDS.cudnn.rnn, "fp32_precision"),
    (_BACKENDS.mkldnn.matmul, "fp32_precision"),
    (_BACKENDS.mkldnn.conv, "fp32_precision"),
    (_BACKENDS.cuda.matmul, "allow_fp16_reduced_precision_reduction"),
    (_BACKENDS.cuda.matmul, "allow_bf16_reduced_precision_reduction"),
)


def _deterministic() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _set_deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, torch.set_default_device),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (_deterministic, _set_deterministic),
    (np.geterr, lambda value: np.seterr(**value)),
    (os.getcwd, os.chdir),
)
"""How each is read, and how it is set."""


@contextmanager
def kept() -> Iterator[None]:
    """Run a block; afterwards the process's settings are what they were before.

    torch's: default type and device, gradient mode, number of threads, anomaly detection,
    deterministic algorithms, precision of products and the flags of cuDNN; NumPy's error handling;
    the working directory. What the block itself has not changed is not touched.
    """
    before = [_value(read) for read, _ in _SETTINGS]
    flags = [getattr(where, name) for where, name in _FLAGS]
    try:
        yield
    finally:
        for (where, name), value in zip(_FLAGS, flags, strict=True):
            if getattr(where, name) != value:
                setattr(where, name, value)
        for (read, write), value in zip(_SETTINGS, before, strict=True):
            if value is not None and _value(read) != value:
                write(value)


def _value(read: Callable[[], Any]) -> Any:
    """A setting; None where torch will not tell, as of one that was set in its newer way."""
    try:
        return read()
    except RuntimeError:
        return None


@contextmanager
def guarded(
    seed: int, purpose: str, epoch: int = 0, device: torch.device | None = None
) -> Iterator[None]:
    """Run a user's code: its global random numbers are a stream, its settings are put back.

    Args:
        seed: See ``randomness.scope``.
        purpose: Likewise.
        epoch: Likewise.
        device: Likewise.
    """
    with randomness.scope(seed, purpose, epoch, device), kept():
        yield


@contextmanager
def making_data(seed: int, purpose: str) -> Iterator[None]:
    """The same for code that makes data, in one thread, for two reasons.

    Sums that are shared among threads round by how many there are, and a process whose OpenMP
    threads have run cannot be forked safely.
    """
    with guarded(seed, purpose), threadpool_limits(1):
        torch.set_num_threads(1)
        yield
