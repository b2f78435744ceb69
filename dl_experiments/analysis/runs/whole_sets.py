"""Loss and accuracy of a finished run's network at any weights, as training evaluates them.

In eval mode, batch by batch as training has them, with as many processor threads as the run had,
the mean over whole sets in float64. So weights that a run kept have the metrics that it recorded,
bit for bit on the processor it was trained on; a run of a stack, of a GPU, or in bf16-mixed has
them to rounding.
"""

import copy
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import final

import torch
from torch import Tensor, nn

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import is_classification
from dl_experiments.analysis.runs.evaluation import Parts, exact
from dl_experiments.artifacts import RunDirectory
from dl_experiments.machine import available_cores
from dl_experiments.measures.interpolation import State, between

Metrics = dict[str, float]
"""``train/loss``, ``test/loss`` and, of classes, ``train/accuracy``, ``test/accuracy``."""


@final
class WholeSets:
    """Training and test set of a run's config, and its network, which takes any weights.

    Args:
        run: A run whose data can be had here.
        samples: Of the training set, drawn once for a data seed; None or too many: all.

    Attributes:
        samples: How many of the training set are used.
        whole: Whether these are all.
        net: The network, on the processor, in eval mode; its own weights mean nothing.

    Raises:
        ValueError: The model or the data cannot be had.
    """

    def __init__(self, run: Run, samples: int | None = None) -> None:
        parts = Parts.of(run)
        self.net, self._loss, self._classes = parts.net, parts.loss, is_classification(run)
        chosen = {"train": parts.some(samples), "test": parts.test}
        # kept as the network sees them: to normalise images takes as long as a third of a pass
        self._sets = {name: (list(data.chunks()), exact(data)) for name, data in chosen.items()}
        self.samples = len(chosen["train"])
        self.whole = self.samples == len(parts.train)
        self._threads = threads(run)

    def at(self, state: State) -> Metrics:
        """The metrics with these weights."""
        with _threads(self._threads):
            return self._measure(self.net, state)

    def along(self, first: State, second: State, alphas: Sequence[float]) -> list[Metrics]:
        """The metrics at each θ(α), in one thread a core: faster than one after the other in all.

        The ends have the run's own number of threads, on which the last bits depend.
        """
        ends = [alpha for alpha in alphas if alpha in (0, 1) and self._threads > 1]
        inner = [alpha for alpha in alphas if alpha not in ends]
        found = {alpha: self.at(between(first, second, alpha)) for alpha in ends}
        workers = max(1, min(available_cores(), len(inner)))
        nets = [copy.deepcopy(self.net) for _ in range(workers)]

        def measure(alpha: float) -> Metrics:
            net = nets.pop()
            try:
                return self._measure(net, between(first, second, alpha))
            finally:
                nets.append(net)

        # threads of Python, each of which has a number of processor threads of its own
        with (
            _threads(1),
            ThreadPoolExecutor(workers, "alpha", torch.set_num_threads, (1,)) as pool,
        ):
            found |= zip(inner, pool.map(measure, inner), strict=True)
        return [found[alpha] for alpha in alphas]

    @torch.no_grad()
    def _measure(self, net: nn.Module, state: State) -> Metrics:
        net.load_state_dict(state)  # a copy, so that the arithmetic does not see where tensors lie
        found = {}
        for name, (chunks, targets) in self._sets.items():
            outputs = torch.cat([net(inputs) for inputs, _ in chunks]).double()
            found[f"{name}/loss"] = float(self._loss(outputs, targets))
            if self._classes:
                found[f"{name}/accuracy"] = _accuracy(outputs, targets)
        return found


def _accuracy(outputs: Tensor, classes: Tensor) -> float:
    """The share of right answers, in the precision that torchmetrics has it."""
    right = (outputs.argmax(1) == classes).sum()
    return float(right.float() / len(classes))


def threads(run: Run) -> int:
    """The processor threads a run was trained with; 1 where it does not say."""
    try:
        facts = json.loads(RunDirectory(run.path).provenance.read_text(encoding="utf-8"))
        return max(1, int(facts["threads"]))
    except (OSError, ValueError, KeyError, TypeError):
        return 1


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
