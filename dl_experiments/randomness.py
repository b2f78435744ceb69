"""All randomness of a run as a function of (seed, purpose, epoch).

Every stream has its own generator, so an epoch can be entered without replaying the ones before
it, a measurement never moves training's numbers, and a run draws the same numbers alone or in
company.

Purposes in use: ``weights`` ``order`` ``dropout`` ``augment`` ``label_noise`` ``test_labels``
``surface`` ``neighbourhood`` ``sharpness`` ``task`` ``callbacks`` ``measurements`` ``optimizer``
``fit`` ``outputs`` ``evaluate`` ``schedule`` ``observer`` (from ``seed``); ``points`` ``subset``
``evaluation`` ``probe`` ``data`` ``prepare`` ``load`` (from ``data.seed``); ``import`` ``trial``
``read`` ``updates`` ``record`` (from 0).
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.random import mtrand


def derive(seed: int, purpose: str, epoch: int = 0) -> int:
    """The 63-bit seed of one stream: the head of SHA-256 over ``seed/purpose/epoch``."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(seed: int, purpose: str, epoch: int = 0) -> torch.Generator:
    """A CPU generator at the start of one stream (drawn on the CPU so that devices agree)."""
    return torch.Generator().manual_seed(derive(seed, purpose, epoch))


_spare: list[Any] = []  # NumPy bit generators that stand in for the global one, in no block now


@contextmanager
def scope(
    seed: int, purpose: str, epoch: int = 0, device: torch.device | None = None
) -> Iterator[None]:
    """Run a block whose *global* random numbers are one stream; restore the state afterwards.

    For code that takes no generator: layer initialisation, ``nn.Dropout``, whatever a user's code
    draws from torch, ``numpy.random`` or ``random``.

    Args:
        seed: The run's.
        purpose: The stream's.
        epoch: The stream's.
        device: The device that draws; None: the processor.
    """
    stream = derive(seed, purpose, epoch)
    drawing = torch.default_generator
    if device is not None and device.type == "cuda":
        drawing = torch.cuda.default_generators[device.index or 0]
    torch_state, python_state = drawing.get_state(), random.getstate()
    # To put another generator in NumPy's global place takes a hundredth of copying its state.
    numpy_generator = mtrand.get_bit_generator()
    own = _spare.pop() if _spare else np.random.MT19937()
    mtrand.set_bit_generator(own)
    try:
        _start(drawing, stream)
        yield
    finally:
        drawing.set_state(torch_state)
        mtrand.set_bit_generator(numpy_generator)
        random.setstate(python_state)
        _spare.append(own)


def enter(seed: int, purpose: str, epoch: int, device: torch.device) -> None:
    """Go to the start of another stream, within a ``scope``."""
    drawing = torch.default_generator
    if device.type == "cuda":
        drawing = torch.cuda.default_generators[device.index or 0]
    _start(drawing, derive(seed, purpose, epoch))


def _start(drawing: torch.Generator, stream: int) -> None:
    drawing.manual_seed(stream)
    np.random.seed([stream & 0xFFFFFFFF, stream >> 32])  # noqa: NPY002 (users draw from it)
    random.seed(stream)


def global_state() -> tuple[Any, ...]:
    """What a draw from NumPy's or Python's own generator changes; equal: nothing was drawn."""
    state: Any = mtrand.get_bit_generator().state
    return state["state"]["pos"], state["state"]["key"].tobytes(), random.getstate()
