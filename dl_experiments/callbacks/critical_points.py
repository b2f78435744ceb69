"""Critical points of the loss of a small net, searched for from many starts, and their spectra."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Self, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dl_experiments import randomness, schema
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.observer import Joint
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.measures.critical_points import describe
from dl_experiments.measures.flat import FlatNet
from dl_experiments.measures.hessian import rows_at_once
from dl_experiments.measures.search import Found, Search
from dl_experiments.schema_check import check_values
from dl_experiments.tasks.task import Task

NAME = "critical_points"
KINKED = nn.ReLU | nn.LeakyReLU | nn.SELU
"""Activations with a kink at 0, where every silent unit of an embedded net would sit."""

Starts = Mapping[int, Tensor]
"""Epoch of a snapshot -> θ [P], float64."""


@final
class CriticalPoints(Joint):
    """Writes ``measures/critical_points.npz`` when a run that keeps snapshots ends, or later.

    Second phase of a run: its own objective ‖∇L‖², full data, float64, whatever the run's
    precision; L is the mean squared error without weight decay. For the ways to a point (``arm``)
    see ``measures/search.py``, for the arrays of its spectrum ``measures/critical_points.py``.
    Besides those: ``arm`` [K] words, ``epoch`` [K] of the snapshot started from, ``steps`` [K] of
    Levenberg-Marquardt before phase two, ``widths`` [K] words (hidden units in use, "2-1-2"),
    ``iterations`` [K] of phase two, ``loss`` [K], ``gradient_norm`` [K], ``converged`` [K]
    (‖∇L‖ < 1e-8), ``thetas`` [K, P], ``settings`` (JSON) and ``seconds`` (the run's share of the
    time of all that were measured with it).

    The Hessian of a net with kinks (ReLU) is that of the smooth piece around the point.

    Args:
        directory: The run's.
        epochs: Arm ``newton`` starts from those of these epochs that have a snapshot.
        newton: Most steps of damped Newton on ‖∇L‖².
        descent: Arm ``descent``: most Levenberg-Marquardt steps from the last snapshot.
        widths: Arm ``embedded``: narrower nets, one list each; those with as many numbers as the
            net has hidden layers are used. A net with kinks has none.
        narrow_descent: Most Levenberg-Marquardt steps in a narrower net.
        published_steps: Arm ``published``: steps of Adam on ‖∇L‖² from the last snapshot.
        published_lr: Its learning rate.
        radius: Of the ball the sampled minimal ratio is taken in.
        samples: Points in it.
        memory_gib: Most memory for a Hessian.

    Raises:
        ValueError: A value is not allowed.
    """

    def __init__(
        self,
        directory: RunDirectory,
        epochs: Sequence[int],
        newton: int,
        descent: int,
        widths: Sequence[Sequence[int]],
        narrow_descent: int,
        published_steps: int,
        published_lr: float,
        radius: float,
        samples: int,
        memory_gib: float,
    ) -> None:
        self.directory = directory
        self.settings: dict[str, Any] = {
            "epochs": epochs,
            "newton": newton,
            "descent": descent,
            "widths": widths,
            "narrow_descent": narrow_descent,
            "published_steps": published_steps,
            "published_lr": published_lr,
            "radius": radius,
            "samples": samples,
        }
        self.memory_gib = memory_gib
        declared = {**self.settings, "memory_gib": memory_gib}
        check_values(f"measurements.{NAME}", schema.CriticalPoints, declared)

    def check(self, task: Task, data: InMemoryDataModule) -> None:
        """Refuse a run that could not be measured, before it is trained.

        Raises:
            ValueError: Its Hessian does not fit the memory, or its loss is another.
        """
        if task.loss is not functional.mse_loss:
            raise ValueError(f"measurements.{NAME} needs loss=mse on data of kind function")
        net = FlatNet(task.model)
        shapes = data.input_shape, (data.outputs,)
        inputs, targets = (net.theta.new_zeros(data.training_samples, *shape) for shape in shapes)
        try:
            rows_at_once(net.loss(functional.mse_loss, inputs, targets), net.theta, self.memory_gib)
        except ValueError as error:
            raise ValueError(f"measurements.{NAME}.{error}") from error

    def missing(self) -> bool:
        """Whether the run has snapshots but not this file, or one made with other settings."""
        other = self.directory.settings_of(NAME) != self._words()
        return other and bool(self.directory.snapshots())

    def measure(self, task: Task, data: InMemoryDataModule) -> None:
        """A finished run by itself."""
        self.end_all([(self, task, data)])

    @classmethod
    def end_all(cls, runs: Sequence[tuple[Self, Task, InMemoryDataModule]]) -> None:
        """Runs with the same settings, data and snapshots are measured as one stack."""
        groups: dict[Hashable, list[tuple[Self, Task, Starts]]] = defaultdict(list)
        problems: dict[Hashable, tuple[FlatNet, Tensor, Tensor]] = {}
        for one, task, data in runs:
            net, inputs, targets = problem = _problem(task, data)
            starts = one._starts(net)
            alike = (part.cpu().numpy().tobytes() for part in (inputs, targets))
            key: Hashable = (one._words(), tuple(starts), *alike)
            problems.setdefault(key, problem)
            if starts:
                groups[key].append((one, task, starts))
        for key, members in groups.items():
            first = members[0][0]
            limits = first.settings["newton"], first.memory_gib
            first._measure(Search(*problems[key], *limits), members)

    def _measure(self, search: Search, members: Sequence[tuple[Self, Task, Starts]]) -> None:
        """Measure members of one kind together and write each one's file."""
        started = time.perf_counter()
        stack = {
            epoch: torch.stack([starts[epoch] for _, _, starts in members])
            for epoch in members[0][2]
        }
        model = members[0][1].model
        smooth = not any(isinstance(module, KINKED) for module in model.modules())
        found = self._search(search, stack, smooth)
        rows = []
        for at, (_, task, _) in enumerate(members):
            points = [one.end.thetas[at] for _, one in found]
            draws = [
                randomness.generator(task.seed, "neighbourhood", k) for k in range(len(points))
            ]
            spectra = describe(
                search.loss, points, self.settings["radius"], self.settings["samples"], draws,
                self.memory_gib,
            )  # fmt: skip
            rows.append(_ends(found, at, search.net) | spectra)
        seconds = (time.perf_counter() - started) / len(members)
        for (one, _, _), arrays in zip(members, rows, strict=True):
            notes = {"settings": np.array(one._words()), "seconds": np.array(seconds)}
            one.directory.write_measure(NAME, arrays | notes)

    def _search(self, search: Search, stack: Starts, smooth: bool) -> list[tuple[int, Found]]:
        """All arms: the epoch started from, and where it led."""
        wanted, first, last = self.settings, min(stack), max(stack)
        found = [(e, search.newton(stack[e])) for e in wanted["epochs"] if e in stack]
        found.append((last, search.descent(stack[last], wanted["descent"])))
        steps, rate = wanted["published_steps"], wanted["published_lr"]
        found.append((last, search.published(stack[last], steps, rate)))
        for widths in wanted["widths"] if smooth else ():
            if len(widths) == len(_hidden(search.net)):
                narrow = search.embedded(stack[first], widths, wanted["narrow_descent"])
                found.append((first, narrow))
        return found

    def _starts(self, net: FlatNet) -> Starts:
        """The first snapshot, the last one and those of the epochs asked for, if finite."""
        kept = list(self.directory.snapshots())
        wanted = [e for e in kept if e in (kept[0], kept[-1], *self.settings["epochs"])]
        read = {e: net.layout.flatten(self.directory.read_weights(e)).to(net.theta) for e in wanted}
        return {epoch: theta for epoch, theta in read.items() if theta.isfinite().all()}

    def _words(self) -> str:
        return json.dumps(self.settings, sort_keys=True)


def _problem(task: Task, data: InMemoryDataModule) -> tuple[FlatNet, Tensor, Tensor]:
    """The net in float64 where the data are, and the whole training set."""
    inputs, targets = map(torch.cat, zip(*data.train.chunks(), strict=True))
    net = FlatNet(deepcopy(task.model).to(targets.device))
    return net, inputs.to(net.dtype), targets.to(net.dtype)


def _hidden(net: FlatNet) -> list[int]:
    """Units of each hidden layer: the lengths of all biases but the last."""
    return [shape[0] for name, shape in net.layout.shapes.items() if name.endswith(".bias")][:-1]


def _ends(found: Sequence[tuple[int, Found]], at: int, net: FlatNet) -> dict[str, np.ndarray]:
    """Where one member's searches ended."""
    full = _hidden(net)

    def each(of: Callable[[Found], Any]) -> np.ndarray:
        return np.array([of(one) for _, one in found])

    return {
        "epoch": np.array([epoch for epoch, _ in found]),
        "arm": each(lambda one: one.arm),
        "steps": each(lambda one: one.steps),
        "widths": each(lambda one: "-".join(map(str, one.widths or full))),
        "iterations": each(lambda one: int(one.end.iterations[at])),
        "loss": each(lambda one: float(one.end.losses[at])),
        "gradient_norm": each(lambda one: float(one.end.gradient_norms[at])),
        "converged": each(lambda one: bool(one.end.converged[at])),
        "thetas": torch.stack([one.end.thetas[at] for _, one in found]).cpu().numpy(),
    }
