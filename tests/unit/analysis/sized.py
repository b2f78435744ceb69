"""Writes finished runs of one-hidden-layer nets whose values at every size are given."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from synthetic import config, write

from dl_experiments.artifacts import RunDirectory, State, write_json


def count(hidden: int, inputs: int = 784) -> int:
    """Parameters of inputs-hidden-10."""
    return (inputs + 1) * hidden + (hidden + 1) * 10


def sized_run(
    outputs: Path,
    study: str,
    hidden: int,
    seed: int,
    ends: Mapping[str, float],
    early: Mapping[str, float] | None = None,
    data: str = "mnist",
    state: State = "completed",
    **more: Any,
) -> RunDirectory:
    """A run with the metrics ``early`` at epoch 10 and ``ends`` at 40."""
    keys = {"model.hidden": [hidden], "trainer.max_epochs": 40} | more
    made = config(study, "one_hidden", data, seed, **keys)
    early = dict(ends) if early is None else early
    start = {"train/loss": 2.3, "test/loss": 2.3, "train/accuracy": 0.1, "test/accuracy": 0.1}
    curves = {name: np.array([start[name], early[name], ends[name]]) for name in ends}
    directory = write(outputs, made, curves, np.array([0, 10, 40]), state)
    return counted(directory, hidden, data)


def counted(directory: RunDirectory, hidden: int, data: str) -> RunDirectory:
    """The same run, its summary with the parameters of its net."""
    if directory.summary.exists():
        summary = json.loads(directory.summary.read_text(encoding="utf-8"))
        inputs = 64 if data == "digits" else 784
        write_json(directory.summary, summary | {"model/parameters": count(hidden, inputs)})
    return directory
