"""The loop a good student writes: tensors in memory, a shuffled index, five lines a step."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import ours
from benchmarks.harness import Contestant, count


def loop(
    overrides: Sequence[str],
    epochs: int,
    threads: int | None = None,
    channels_last: bool = False,
    **adam: Any,
) -> Contestant:
    """Seconds a step of a plain loop over the data and the model of a config.

    Args:
        overrides: What is trained.
        epochs: Epochs that are timed; one before them warms up.
        threads: Processor threads; None: as many as the project chooses for this config.
        channels_last: Whether images and weights are laid out with the channels innermost.
        adam: Keys of ``torch.optim.Adam`` besides the defaults.

    Raises:
        NotMeasured: The data cannot be had.
    """
    module, model, chosen = ours.parts(overrides)
    threads = chosen if threads is None else threads
    inputs, targets = module.train.prepare(module.train.inputs), module.train.targets
    images = inputs.dim() == 4
    layout = torch.channels_last if channels_last and images else torch.contiguous_format
    inputs = inputs.contiguous(memory_format=layout)
    model = model.to(memory_format=layout)  # type: ignore[call-overload]
    loss = functional.cross_entropy if images else functional.mse_loss
    optimizer = torch.optim.Adam(model.parameters(), **adam)

    def seconds() -> float:
        torch.set_num_threads(threads)
        batch_size = module.batch_size
        one_epoch(model, loss, optimizer, inputs, targets, batch_size)
        if inputs.is_cuda:
            torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(epochs):
            one_epoch(model, loss, optimizer, inputs, targets, batch_size)
        if inputs.is_cuda:
            torch.cuda.synchronize()
        elapsed = time.perf_counter() - started
        return elapsed / epochs / module.updates

    return Contestant(seconds, count(threads, "thread"))


def one_epoch(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    batch_size: int,
) -> None:
    """One pass over the data in a random order."""
    model.train()
    order = torch.randperm(len(inputs), device=inputs.device)
    for start in range(0, len(inputs), batch_size):
        index = order[start : start + batch_size]
        optimizer.zero_grad()
        loss(model(inputs[index]), targets[index]).backward()
        optimizer.step()
