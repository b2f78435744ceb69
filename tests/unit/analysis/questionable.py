"""Studies for tests: runs are written, and analysed as a report would."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from synthetic import config, write

from dl_experiments.analysis import comparison
from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import known
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.replicates import compare, one_each
from dl_experiments.artifacts import RunDirectory, State, write_json

Curves = Mapping[str, Any]


class Study:
    """Runs of one study.

    Args:
        path: The folder of the studies.
        name: A known experiment's, or any other.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name

    def add(
        self,
        seed: int,
        curves: Curves,
        epochs: Sequence[int] | np.ndarray | None = None,
        state: State = "completed",
        model: str = "mlp",
        data: str = "mnist",
        updates: int = 2,
        parameters: int | None = None,
        facts: Mapping[str, Any] | None = None,
        **keys: Any,
    ) -> RunDirectory:
        """Write a run; its curves are lists, at the epochs 0, 1, … where none are given."""
        made = config(self.name, model, data, seed)
        for key, value in keys.items():
            node = made
            *way, last = key.split(".")
            for part in way:
                node = node.setdefault(part, {})
            node[last] = value
        values = {name: np.asarray(curve, dtype=float) for name, curve in curves.items()}
        at = np.arange(len(next(iter(values.values())))) if epochs is None else np.asarray(epochs)
        files = write(self.path, made, values, at, state, updates=updates)
        if parameters is not None and files.summary.exists():
            summary = json.loads(files.summary.read_text(encoding="utf-8"))
            write_json(files.summary, summary | {"model/parameters": parameters})
        if facts is not None:
            write_json(files.provenance, dict(facts))
        return files

    def report(self) -> tuple[Finding, list[str]]:
        """What is found, and the lines on what is left out or read otherwise."""
        runs, lines = one_each([run for run in collect(self.path).runs if run.study == self.name])
        lines += compare(runs)
        with style.applied():
            return known().get(self.name, comparison.analyse)(runs), lines

    def claims(self) -> dict[str, Claim]:
        """By their statements."""
        return {claim.statement: claim for claim in self.report()[0].claims}

    def claim(self, start: str) -> Claim:
        """The one whose statement starts like this."""
        (found,) = (one for words, one in self.claims().items() if words.startswith(start))
        return found


def paired(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Mean difference with its interval."""
    apart = np.array(one) - np.array(other)
    half = stats.t.ppf(0.975, len(apart) - 1) * stats.sem(apart)
    return apart.mean(), apart.mean() - half, apart.mean() + half


def numbers(claim: Claim) -> tuple[float | None, float | None, float | None]:
    return claim.estimate, claim.low, claim.high


def image(accuracy: float, length: int = 11, **more: Sequence[float]) -> dict[str, Any]:
    """A net that learns, and is so accurate from the second epoch on."""
    loss = 2.3 * np.exp(-np.arange(length) / 3)
    right = np.array([0.1, *[accuracy] * (length - 1)])
    curves = {"train/loss": loss, "test/loss": loss + 0.1}
    return curves | {"train/accuracy": right, "test/accuracy": right} | more


def gone(length: int = 3) -> dict[str, Any]:
    """A net that diverges."""
    loss = [2.3, *[50.0] * (length - 2), np.nan]
    return {"train/loss": loss, "test/loss": loss} | {
        f"{split}/accuracy": [0.1] * length for split in ("train", "test")
    }
