"""Runs -> tidy tables: one row a run, and one row a recorded value; each as Parquet and as CSV."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from dl_experiments.analysis.report.told import Told
from dl_experiments.analysis.runs.collect import Run

WORDS, FLOAT, WHOLE, SEEDS = "string", "Float64", "int64", "Int64"
CLAIMS = {
    "experiment": WORDS, "section": WORDS, "kind": WORDS, "statement": WORDS, "effect": WORDS,
    "unit": WORDS, "region": WORDS, "estimate": FLOAT, "low": FLOAT, "high": FLOAT, "n": WHOLE,
    "p": FLOAT, "p_outside": FLOAT, "verdict": WORDS, "verdict_corrected": WORDS,
    "seeds_needed": SEEDS, "would_take": WORDS, "scale": WORDS, "source": WORDS,
    "published": WORDS, "note": WORDS, "commit": WORDS, "command": WORDS,
}  # fmt: skip
NUMBERS = {
    "experiment": WORDS, "arm": WORDS, "group": WORDS, "metric": WORDS, "estimate": FLOAT,
    "low": FLOAT, "high": FLOAT, "n": WHOLE, "unit": WORDS,
}  # fmt: skip
CURVES = ("study", "run", "seed", "step", "epoch", "metric", "value")
AT_ONCE = 100  # runs
NONE = np.empty(0, dtype=object)


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


def curve_tables(runs: Sequence[Run]) -> Iterator[pa.Table]:
    """One row a recorded value, in the order of each run's rows; a table for some runs at a time.

    All runs at once would take ten times the memory of what they hold.
    """
    schema = pa.schema([*zip(CURVES, _kinds(runs), strict=True)])
    for begin in range(0, max(len(runs), 1), AT_ONCE):
        parts = [_curves(run) for run in runs[begin : begin + AT_ONCE] if run.rows.metrics]
        columns = [np.concatenate([part[name] for part in parts] or [NONE]) for name in CURVES]
        arrays = [pa.array(of, kind) for of, kind in zip(columns, schema.types, strict=True)]
        yield pa.table(arrays, schema=schema)


def _kinds(runs: Sequence[Run]) -> list[pa.DataType]:
    whole = all(np.issubdtype(run.rows.curve(m)[0].dtype, np.integer)
                for run in runs for m in run.rows.metrics[:1])  # fmt: skip
    at = pa.int64() if whole else pa.float64()
    return [pa.string(), pa.string(), pa.int64(), at, at, pa.string(), pa.float64()]


def _curves(run: Run) -> dict[str, np.ndarray]:
    """What one run has recorded, row by row."""
    curves = [(run.curve(metric), run.rows.curve(metric, "step")) for metric in run.rows.metrics]
    sizes = [len(values) for (_, values), _ in curves]
    order = np.argsort(np.concatenate([at for (at, _), _ in curves]), kind="stable")
    whole = {"study": run.study, "run": run.path.name, "seed": run.seed}
    return {name: np.full(len(order), of) for name, of in whole.items()} | {
        "step": np.concatenate([steps for _, (steps, _) in curves])[order],
        "epoch": np.concatenate([at for (at, _), _ in curves])[order],
        "metric": np.repeat(np.array(run.rows.metrics), sizes)[order],
        "value": np.concatenate([values for (_, values), _ in curves])[order],
    }


def write_tables(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Write both tables twice; returns the four files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [
        folder / f"{name}.{kind}" for name in ("runs", "curves") for kind in ("parquet", "csv")
    ]
    table = run_table(runs)
    table.to_parquet(files[0], index=False)
    table.to_csv(files[1], index=False)
    tables = curve_tables(runs)
    first = next(tables)
    with (
        pq.ParquetWriter(files[2], first.schema) as parquet,
        csv.CSVWriter(
            files[3], first.schema, write_options=csv.WriteOptions(quoting_style="needed")
        ) as text,
    ):
        for part in itertools.chain([first], tables):
            parquet.write_table(part)
            text.write_table(part)
    return files


def write_cells(cells: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Rows as CSV, their columns those of all of them."""
    pd.DataFrame([dict(row) for row in cells]).to_csv(path, index=False)
    return path


def write_findings(sections: Sequence[Told], folder: Path) -> list[Path]:
    """All claims and all numbers of some sections, each as Parquet, CSV and JSON.

    Returns:
        The six files.
    """
    written = []
    for name, columns, rows in (
        ("claims", CLAIMS, [row for one in sections for row in one.claims]),
        ("numbers", NUMBERS, [row for one in sections for row in one.numbers]),
    ):
        table = pd.DataFrame(rows, columns=list(columns)).astype(columns)
        files = [folder / f"{name}.{kind}" for kind in ("parquet", "csv", "json")]
        table.to_parquet(files[0], index=False)
        table.to_csv(files[1], index=False)
        table.to_json(files[2], orient="records", indent=1, force_ascii=False)
        written += files
    return written


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple) else value


def _one_kind(column: "pd.Series[Any]") -> "pd.Series[Any]":
    values = column.dropna()
    kinds = {type(value) for value in values}
    if len(kinds) < 2 or kinds <= {int, float}:
        return column
    return column.map(lambda value: str(value), na_action="ignore")
