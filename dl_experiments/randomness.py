"""All randomness of a run as a function of (seed, purpose, epoch).

Every stream has its own generator, so an epoch can be entered without replaying the ones before
it, a measurement never moves training's numbers, and a run draws the same numbers alone or in
company.

Purposes in use: ``weights`` ``order`` ``dropout`` ``augment`` ``label_noise`` ``test_labels``
``surface`` ``neighbourhood`` ``sharpness`` (from ``seed``); ``points`` ``subset`` ``evaluation``
``probe`` (from ``data.seed``).
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(seed: int, purpose: str, epoch: int = 0) -> int:
    """The 63-bit seed of one stream: the head of SHA-256 over ``seed/purpose/epoch``."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(seed: int, purpose: str, epoch: int = 0) -> torch.Generator:
    """A CPU generator at the start of one stream (drawn on the CPU so that devices agree)."""
    return torch.Generator().manual_seed(derive(seed, purpose, epoch))


@contextmanager
def scope(
    seed: int, purpose: str, epoch: int = 0, device: torch.device | None = None
) -> Iterator[None]:
    """Run a block whose *global* random numbers are one stream; restore the state afterwards.

    For code that takes no generator: layer initialisation, ``nn.Dropout``.

    Args:
        seed: The run's.
        purpose: The stream's.
        epoch: The stream's.
        device: The device that draws; None: the processor.
    """
    drawing = torch.default_generator
    if device is not None and device.type == "cuda":
        drawing = torch.cuda.default_generators[device.index or 0]
    state = drawing.get_state()
    drawing.manual_seed(derive(seed, purpose, epoch))
    try:
        yield
    finally:
        drawing.set_state(state)
