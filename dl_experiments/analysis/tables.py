"""Runs -> tidy tables: one row a run, and one row a recorded value; each as Parquet and as CSV."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dl_experiments.analysis.collect import Run

CURVES = ("study", "run", "seed", "step", "epoch", "metric", "value")


def run_table(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run: the config under its dotted keys, ``status.*``, and the final metrics.

    A key that a run does not have is empty in its row. Lists are written as JSON; a column whose
    values are of several kinds becomes text, so that Parquet can hold it.
    """
    rows = []
    for run in runs:
        row: dict[str, Any] = {"study": run.study, "run": run.path.name}
        row |= {key: _cell(value) for key, value in run.flat.items() if key != "study"}
        row |= {f"status.{key}": value for key, value in asdict(run.status).items()}
        row |= run.summary
        rows.append(row)
    table = pd.DataFrame(rows)
    for name in table.columns:
        table[name] = _one_kind(table[name])
    return table


def curve_table(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a recorded value: which run, at which step and epoch, which metric."""
    tables = [_curves(run) for run in runs if run.rows.metrics]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(CURVES))


def _curves(run: Run) -> pd.DataFrame:
    """What one run has recorded, row by row."""
    curves = [(run.curve(metric), run.rows.curve(metric, "step")) for metric in run.rows.metrics]
    sizes = [len(values) for (_, values), _ in curves]
    order = np.argsort(np.concatenate([at for (at, _), _ in curves]), kind="stable")
    columns = {
        "step": np.concatenate([steps for _, (steps, _) in curves])[order],
        "epoch": np.concatenate([at for (at, _), _ in curves])[order],
        "metric": np.repeat(np.array(run.rows.metrics, dtype=object), sizes)[order],
        "value": np.concatenate([values for (_, values), _ in curves])[order],
    }
    for name in ("step", "epoch"):
        if not (columns[name] % 1).any():
            columns[name] = columns[name].astype(np.int64)
    whole = {"study": run.study, "run": run.path.name, "seed": run.seed}
    return pd.DataFrame(whole | columns, columns=list(CURVES))


def write_tables(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Write both tables twice; returns the four files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in (("runs", run_table(runs)), ("curves", curve_table(runs))):
        parquet, text = folder / f"{name}.parquet", folder / f"{name}.csv"
        table.to_parquet(parquet, index=False)
        table.to_csv(text, index=False)
        written += [parquet, text]
    return written


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple) else value


def _one_kind(column: "pd.Series[Any]") -> "pd.Series[Any]":
    values = column.dropna()
    kinds = {type(value) for value in values}
    if len(kinds) < 2 or kinds <= {int, float}:
        return column
    return column.map(lambda value: str(value), na_action="ignore")
