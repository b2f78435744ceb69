"""Nets without non-linearity from their files: the stack beside the one map it collapses to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.places import placed
from dl_experiments.artifacts import RunDirectory
from dl_experiments.measures.linear import collapse

if TYPE_CHECKING:
    from dl_experiments.data.loader import InMemoryDataModule


@dataclass(frozen=True)
class Collapsed:
    """One finished run's net and its collapsed map, on the test set, in float64.

    Attributes:
        run: Which.
        difference: Largest |f(x) − (W·x + b)| over test samples and outputs.
        size: Largest |f(x)|, to compare with.
    """

    run: Run
    difference: float
    size: float

    @property
    def relative(self) -> float:
        """The difference as a share of the largest output."""
        return self.difference / self.size if self.size else self.difference


def collapsed(runs: Sequence[Run]) -> tuple[list[Collapsed], list[str]]:
    """Collapse the completed runs; what cannot be read or is not linear is a line of the second.

    Runs are expected to be without non-linearity; data is loaded once for equal configs.
    """
    found, problems = [], []
    modules: dict[str, InMemoryDataModule] = {}
    for run in runs:
        if run.completed:
            try:
                found.append(_one(run, modules))
            except (ValueError, OSError) as error:
                problems.append(f"{run.path.name}: {error}")
    return found, problems


@torch.no_grad()
def _one(run: Run, modules: "dict[str, InMemoryDataModule]") -> Collapsed:
    from dl_experiments import problem  # brings Lightning, which most analyses can do without

    key = str(run.config["data"])
    if key not in modules:
        modules[key] = problem.data(placed(run.config))
        modules[key].place("cpu", torch.float64)
    module = modules[key]
    net = problem.model(run.config, module).double().eval()
    net.load_state_dict(_weights(run))
    weight, bias = collapse(net)
    difference = size = 0.0
    for inputs, _ in module.test.chunks():
        outputs = net(inputs)
        once = inputs.flatten(1) @ weight.T + bias
        difference = max(difference, float((outputs - once).abs().max()))
        size = max(size, float(outputs.abs().max()))
    return Collapsed(run, difference, size)


def _weights(run: Run) -> Mapping[str, Any]:
    files = RunDirectory(run.path)
    epochs = files.snapshots()
    if not epochs:
        raise ValueError("no weights are kept")
    return {name: tensor.double() for name, tensor in files.read_weights(max(epochs)).items()}
