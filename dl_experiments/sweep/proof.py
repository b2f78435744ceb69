"""Whether a stack computes what a run alone does: tried, for code that a stack does not know.

A few members are made from a run's config, with seeds of the trial's own, so that no neighbour has
a say, and with the first few batches of their data. They are trained for two epochs and measured,
alone and stacked, in temporary run directories, and what these hold is compared: rows, final
weights and measures.
"""

import json
import tempfile
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from dl_experiments import build, randomness, record, run
from dl_experiments.artifacts import RunDirectory, read_metrics
from dl_experiments.attempt import Run
from dl_experiments.data.loader import InMemory, InMemoryDataModule
from dl_experiments.folder import RunFailed
from dl_experiments.job import Job
from dl_experiments.measures.flat import Loss
from dl_experiments.schema import Callbacks, Config, Paths, Precision
from dl_experiments.sweep.choice import Alone
from dl_experiments.sweep.member import LastRow, Member
from dl_experiments.sweep.progress import Reporter, Silent

EPOCHS, BATCHES, TEST, MOST = 2, 3, 40, 5
LOOKED_AT = 4096
"""Targets that a loss is tried on."""
TOLERANCE = 1e-9
"""How far a stack and a run alone may differ in float64, relative to a column's largest number."""

Train = Callable[[Sequence[Member], Reporter], None]


def equal(config: Config, train: Train) -> str:
    """Try it.

    Args:
        config: A run's.
        train: Trains members as a stack.

    Returns:
        Why such runs are trained alone, in words; empty: a stack is equal.
    """
    exact, own = _shortened(config, "64-true"), _shortened(config, config["trainer"]["precision"])
    try:
        with tempfile.TemporaryDirectory() as folder:
            trial = _Trial(Path(folder), train)
            if not _is_mean(build.loss(config), trial.whole(exact)):
                return f"loss={config['loss']} is no mean over the samples of a batch"
            alone = [trial.alone(exact, member) for member in range(2)]
            if words := _differ(trial.stacked(exact, 2), alone, TOLERANCE):
                return f"in a stack {words} would not be what it is alone"
            five, two, one = (trial.stacked(own, members) for members in (MOST, 2, 1))
            if words := _differ(two, five[:2], 0) or _differ(one, two[:1], 0):
                return f"{words} would depend on how many share a stack"
    except Exception as raised:
        error: BaseException = raised
        while isinstance(error, RunFailed) and error.__cause__ is not None:
            error = error.__cause__
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return str(error) if isinstance(error, Alone) else f"a trial in a stack failed ({reason})"
    return ""


def _shortened(config: Config, precision: Precision) -> Config:
    """For two epochs, all logged; without what is not the user's own."""
    nodes: Mapping[str, Any] = config["callbacks"]
    foreign = {
        key: node
        for key, node in nodes.items()
        if node is not None and not node["_target_"].startswith("dl_experiments.")
    }
    snapshots = {"_target_": "dl_experiments.callbacks.snapshots.Snapshots", "schedule": "ends"}
    return {
        **config,
        "callbacks": cast(Callbacks, foreign | {"snapshots": snapshots}),
        "measurements": {},  # they see what has been computed, and decide nothing of it
        "trainer": {
            **config["trainer"],
            "max_epochs": EPOCHS,
            "precision": precision,
            "log_every": 1,
            "target_loss": None,
            "target_accuracy": None,
            "threads": 1,
        },
        "logger": {"tensorboard": False},
        "rerun": False,
    }


class _Trial:
    """Trains members in folders of their own below a temporary one."""

    def __init__(self, folder: Path, train: Train) -> None:
        self._folder, self._train, self._count = folder, train, 0
        self._sets: dict[Hashable, tuple[InMemory, InMemory]] = {}

    def alone(self, config: Config, member: int) -> RunDirectory:
        with Run(self._job(config, member), self._data) as one:
            run.fit(one, LastRow(), lambda epochs: None, 1)
            return one.files

    def stacked(self, config: Config, members: int) -> list[RunDirectory]:
        with ExitStack() as held:
            runs = [
                held.enter_context(Run(self._job(config, member), self._data))
                for member in range(members)
            ]
            made = [Member(one, Silent()) for one in runs]
            self._train(made, Silent())
            for member in made:
                if member.error is not None:
                    raise RuntimeError(member.error)
            return [one.files for one in runs]

    def _job(self, config: Config, member: int) -> Job:
        self._count += 1
        outputs: Paths = {**config["paths"], "outputs": str(self._folder / str(self._count))}
        return Job({**config, "seed": member, "paths": outputs})  # a small seed may choose a fold

    def whole(self, config: Config) -> InMemoryDataModule:
        """All of the first member's data."""
        module = build.checked_data(self._job(config, 0).config)
        self._keep(module, record.key(self._job(config, 0).config)["seed"])
        return module

    def _data(self, config: Config) -> InMemoryDataModule:
        """The first few batches, the last of them smaller; loaded once where seeds share them."""
        module, seed = build.data(config), record.key(config)["seed"]
        if seed not in self._sets:
            module.check(build.dtype(config))
            self._keep(module, seed)
        module.take(*self._sets[seed])
        return module

    def _keep(self, module: InMemoryDataModule, seed: Hashable) -> None:
        most = BATCHES * module.batch_size + module.batch_size // 2 + 1
        self._sets[seed] = _some(module.train, most), _some(module.test, TEST)


def _is_mean(loss: Loss, module: InMemoryDataModule) -> bool:
    """Whether the loss of two halves, and its gradient, is the mean of theirs."""
    targets = module.train.targets[: 2 * (min(len(module.train), LOOKED_AT) // 2)]
    values = module.contract.kind == "values" and targets.dim() > 1
    shape = targets.shape if values else (len(targets), module.outputs)
    draw = randomness.generator(0, "trial")
    outputs = torch.randn(shape, generator=draw, dtype=torch.float64).requires_grad_()
    exact = targets.double() if targets.is_floating_point() else targets
    parts = zip(outputs.chunk(2), exact.chunk(2), strict=True)
    both = loss(outputs, exact), torch.stack([loss(*part) for part in parts]).mean()
    slopes = [torch.autograd.grad(one, outputs, retain_graph=True)[0] for one in both]
    pairs = [[one.detach().numpy() for one in pair] for pair in (both, slopes)]
    return all(_same(one, other, TOLERANCE) for one, other in pairs)


def _some(data: InMemory, most: int) -> InMemory:
    """So many samples, drawn; of classes at least one each, as far as that goes."""
    order = torch.randperm(len(data), generator=randomness.generator(0, "trial"))
    if data.targets.dim() == 1:
        first = {
            int(label): place for place, label in enumerate(data.targets[order].tolist()[::-1])
        }
        ahead = torch.tensor(sorted(len(data) - 1 - place for place in first.values()))
        rest = torch.ones(len(data), dtype=torch.bool).index_fill_(0, ahead, False)
        order = torch.cat([order[ahead], order[rest]])
    chosen = order[:most]
    chosen = chosen[torch.randperm(len(chosen), generator=randomness.generator(1, "trial"))]
    return replace(data, inputs=data.inputs[chosen], targets=data.targets[chosen])


def _differ(one: Sequence[RunDirectory], other: Sequence[RunDirectory], tolerance: float) -> str:
    """What differs between runs, in words; empty: nothing."""
    for mine, theirs in zip(one, other, strict=True):
        found, expected = dict(_numbers(mine)), dict(_numbers(theirs))
        if found.keys() != expected.keys():
            return f"what is recorded ({', '.join(sorted(found.keys() ^ expected.keys()))})"
        for name, values in expected.items():
            if not _same(found[name], values, tolerance):
                return name
    return ""


def _numbers(files: RunDirectory) -> Iterator[tuple[str, np.ndarray]]:
    """All that a run has left, under names for people; nothing about time."""
    rows = read_metrics(files.metrics)
    for column in dict.fromkeys(name for row in rows for name in row):
        yield column, np.array([row.get(column, np.nan) for row in rows])
    for name, tensor in files.read_weights(max(files.snapshots())).items():
        yield f"the weights {name}", tensor.double().numpy()
    for path in sorted(set(files.measures.glob("*")) - {files.taken}):
        for name, value in _measure(path).items():
            if "seconds" not in name:
                yield f"{path.stem}'s {name}", np.asarray(value)


def _measure(path: Path) -> Mapping[str, Any]:
    if path.suffix == ".json":
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _same(one: np.ndarray, other: np.ndarray, tolerance: float) -> bool:
    if one.shape != other.shape or one.dtype.kind not in "iufb" or tolerance == 0:
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
    finite = np.isfinite(other)
    if not np.array_equal(finite, np.isfinite(one)):
        return False
    largest = np.abs(other[finite]).max(initial=0.0)
    return bool((np.abs(one[finite] - other[finite]) <= tolerance * largest).all())
