"""Writes run directories whose effects are known, in no time and without training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dl_experiments import claims
from dl_experiments.analysis.findings import Finding
from dl_experiments.artifacts import MetricsWriter, RunDirectory, State, Status, write_json
from dl_experiments.identity import run_id, run_name

HIDDEN = {"deep": [5, 10, 10, 10, 10, 10, 5], "middle": [10, 18, 15, 4], "shallow": [190]}
PARAMETERS = {"deep": 571, "middle": 572, "shallow": 571}
FUNCTIONS = {
    "sinc": lambda x: np.sinc(5 * x),
    "sign_sinc": lambda x: np.sign(np.sinc(5 * x)),
    "sign_sin": lambda x: np.sign(np.sin(5 * np.pi * x)),
}


def config(study: str, model: str, data: str, seed: int, **more: Any) -> dict[str, Any]:
    """A whole config; ``more`` holds dotted keys with their values."""
    image = data not in FUNCTIONS
    made: dict[str, Any] = {
        "experiment": None if study == "adhoc" else study,
        "study": study,
        "scale": "quick",
        "seed": seed,
        "kind": "image" if image else "function",
        "loss": "cross_entropy" if image else "mse",
        "model": {"name": model, "hidden": HIDDEN.get(model, [10]), "dropout": 0.0},
        "data": {"name": data, "samples": 10_000 if image else 256, "batch_size": 128, "seed": 0},
        "optimizer": {"_target_": "torch.optim.Adam", "name": "adam", "lr": 0.001},
        "schedule": None,
        "callbacks": {},
        "trainer": {"max_epochs": 20, "target_loss": None, "accelerator": "auto"},
        "paths": {"outputs": "outputs"},
    }
    return set_keys(made, more)


def set_keys(made: dict[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """The config with values at dotted keys."""
    for key, value in keys.items():
        node = made
        *path, last = key.split(".")
        for part in path:
            node = node[part]
        node[last] = value
    return made


def write(
    outputs: Path,
    made: Mapping[str, Any],
    curves: Mapping[str, np.ndarray],
    epochs: np.ndarray,
    state: State = "completed",
    error: str | None = None,
    updates: int = 2,
) -> RunDirectory:
    """One run directory with the curves [t] at the epochs [t], of so many updates each."""
    name = f"{run_name(made)}-{run_id(made)}"
    directory = RunDirectory(outputs / str(made["study"]) / name)
    directory.write_config(made)
    last = int(epochs[-1]) if len(epochs) else None
    directory.write_status(Status(state, run_id(made), "2026-01-01T00:00:00", None, last, error))
    if len(epochs):
        writer = MetricsWriter(directory, list(curves))
        for row, epoch in enumerate(epochs):
            values = {name: float(curve[row]) for name, curve in curves.items()}
            writer.append(int(epoch) * updates, int(epoch), values)
        writer.close()
    if state in ("completed", "diverged"):
        finals = {name: float(curve[-1]) for name, curve in curves.items()}
        finals = {name: value for name, value in finals.items() if np.isfinite(value)}
        parameters = PARAMETERS.get(str(made["model"]["name"]), 100)
        write_json(directory.summary, finals | {"model/parameters": parameters})
    if state == "running":
        claims.take(directory.path)
    return directory


def function_run(
    outputs: Path,
    model: str,
    data: str,
    seed: int,
    speed: float,
    floor: float,
    study: str = "hw1_1_simulate",
    **more: Any,
) -> RunDirectory:
    """A fit whose loss falls as floor + exp(-speed · epoch), with predictions that close in."""
    made = config(study, model, data, seed, **more)
    epochs = np.unique(np.concatenate([[0], np.geomspace(1, 2000, 40).round()])).astype(int)
    noise = np.random.default_rng(seed + 7).lognormal(0, 0.05, len(epochs))
    loss = (floor + np.exp(-speed * epochs)) * noise
    directory = write(outputs, made, {"train/loss": loss, "test/loss": loss * 1.1}, epochs)
    x = np.linspace(-1, 1, 101)
    truth = FUNCTIONS[data](x)
    stages = np.array([0, 1, 10, 100, 1000, 2000])
    left = np.exp(-speed * stages)[:, None]
    wiggle = floor * np.sin(9 * x + seed)[None]
    arrays = {"x": x, "truth": truth, "epochs": stages}
    directory.write_measure("predictions", arrays | {"predictions": truth * (1 - left) + wiggle})
    return directory


def image_run(
    outputs: Path,
    model: str,
    data: str,
    seed: int,
    accuracy: float = 0.98,
    turn: float = 10.0,
    study: str | None = None,
    epochs: int = 20,
    state: State = "completed",
    **more: Any,
) -> RunDirectory:
    """A classifier that ends near ``accuracy``; its test loss is lowest at epoch ``turn``."""
    made = config(study or f"hw1_1_{data}", model, data, seed, **more)
    at = np.arange(epochs + 1)
    shift = 0.002 * np.sin(11 * seed + len(model))
    close = 1 - np.exp(-at / 2.5)
    curves = {
        "train/loss": 2.3 * np.exp(-at / 3) * (1 + 5 * abs(shift)),
        "train/accuracy": 0.1 + 0.895 * close,
        "test/loss": 0.08 + 0.002 * (at - turn) ** 2 + 2 * np.exp(-at),
        "test/accuracy": 0.1 + (accuracy - 0.1 + shift) * close,
    }
    if state == "diverged":
        curves["train/loss"] = np.append(2.3 * 3.0 ** at[:6], [1e30, np.nan])
        curves = {name: values[:8] for name, values in curves.items()}
        at = at[:8]
    elif state != "completed":
        curves, at = {name: values[:6] for name, values in curves.items()}, at[:6]
    return write(outputs, made, curves, at, state)


def worded(finding: Finding) -> pd.DataFrame:
    """A finding's table of words."""
    return pd.DataFrame([row.words for row in finding.rows])
