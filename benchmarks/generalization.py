"""Measures of generalization, and the obvious ways to compute them."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd.functional import jacobian
from torch.nn import functional

from benchmarks import ours
from benchmarks.harness import Contestant, count
from dl_experiments import run
from dl_experiments.analysis.runs.collect import Run, collect
from dl_experiments.analysis.runs.whole_sets import WholeSets
from dl_experiments.artifacts import RunDirectory
from dl_experiments.data.loader import EVALUATION_BATCH
from dl_experiments.measures.sensitivity import sensitivity
from dl_experiments.sweep.member import LastRow


def sensitivities(overrides: Sequence[str], samples: int, every: int) -> dict[str, Contestant]:
    """Seconds for test images: all three norms by ours, and the Jacobian of the logits by a loop.

    Args:
        overrides: The net and its data.
        samples: Test images.
        every: The loop sees each so-manieth of them, and its time is scaled.
    """
    module, network, threads = ours.parts(overrides)
    network.eval()
    inputs = module.test.prepare(module.test.inputs[:samples])
    targets = module.test.targets[:samples]

    def all_norms() -> None:
        batches = zip(inputs.split(EVALUATION_BATCH), targets.split(EVALUATION_BATCH), strict=True)
        sensitivity(network, batches, functional.cross_entropy)

    def loop() -> Tensor:
        def logits(sample: Tensor) -> Tensor:
            return network(sample[None])[0]

        return torch.stack([jacobian(logits, sample).norm() for sample in inputs[::every]])

    share = len(range(0, samples, every)) / samples
    return {"ours": _timed(all_norms, threads), "loop": _timed(loop, threads, share)}


def lines(overrides: Sequence[str], points: int) -> dict[str, Contestant]:
    """Seconds an α: the metrics on train and test between two trained nets.

    Args:
        overrides: The net and its data.
        points: How many α in [-1, 2].
    """
    with tempfile.TemporaryDirectory() as outputs:
        runs = [_trained([*overrides, f"seed={seed}"], outputs) for seed in (0, 1)]
        states = [_weights(one) for one in runs]
        whole = WholeSets(runs[0])
    alphas = torch.linspace(-1, 2, points).tolist()
    module, network, _ = ours.parts(overrides)
    network.eval()
    sets = [(part.prepare(part.inputs), part.targets) for part in (module.train, module.test)]

    @torch.no_grad()
    def loop() -> None:
        for alpha in alphas:
            mixed = {n: (1 - alpha) * t + alpha * states[1][n] for n, t in states[0].items()}
            network.load_state_dict(mixed)
            for inputs, targets in sets:
                outputs = torch.cat([network(part) for part in inputs.split(EVALUATION_BATCH)])
                functional.cross_entropy(outputs, targets).item()
                (outputs.argmax(1) == targets).float().mean().item()

    return {
        "ours": _timed(lambda: whole.along(states[0], states[1], alphas), 2, points),
        "loop": _timed(loop, 2, points),
    }


def _trained(overrides: Sequence[str], outputs: str) -> Run:
    """A run of one epoch."""
    words = [*overrides, "trainer.max_epochs=1", "trainer.log_every=ends"]
    made = ours.config([*words, f"paths.outputs={outputs}"])
    run.execute(made, words, LastRow(), lambda epochs: None)
    found = collect(Path(outputs)).runs
    return next(one for one in found if one.path == run.directory(made).path)


def _weights(trained: Run) -> dict[str, Tensor]:
    """Its final weights."""
    files = RunDirectory(trained.path)
    return dict(files.read_weights(max(files.snapshots())))


def _timed(act: Callable[[], object], threads: int, share: float = 1.0) -> Contestant:
    def seconds() -> float:
        torch.set_num_threads(threads)
        started = time.perf_counter()
        act()
        return (time.perf_counter() - started) / share

    return Contestant(seconds, count(threads, "thread"))
