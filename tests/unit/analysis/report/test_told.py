import json
from pathlib import Path

import numpy as np
from synthetic import image_run

from dl_experiments.analysis.claims.claim import Region, claim
from dl_experiments.analysis.experiments import Experiment
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.report.told import told
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.scales import LINEAR
from dl_experiments.artifacts import State

COSTS = {10: 60.0, 385: 5.0, 760: 4.0, 1135: 3.0, 1510: 3.0}
"""Batch size -> seconds."""


def train(path: Path, seed: int, batch: int, state: State = "completed") -> None:
    files = image_run(path, "deep", "mnist", seed, state=state, **{"data.batch_size": batch})
    if state in ("completed", "diverged"):
        taken = {"time/fit_seconds": COSTS[batch] * (1 + seed)}
        files.summary.write_text(json.dumps(json.loads(files.summary.read_text()) | taken))


def would_take(path: Path) -> str:
    runs = collect(path).runs
    level = LINEAR.level(np.array([-1.0, 1.0, 3.0]))
    made = claim("s", "e", Region(above=0.0), level, runs=runs)
    (cells,) = told(Experiment("x", "X", "?", ""), Finding(runs, claims=[made])).claims
    assert (cells["n"], cells["seeds_needed"]) == (3, 18)  # t of 17 is 2.11: 2.11 * 2 / √18 < 1
    return str(cells["would_take"])


def test_what_more_seeds_take_is_the_time_of_all_runs_of_a_seed(tmp_path: Path) -> None:
    for seed in range(3):
        for batch in COSTS:
            diverged = (seed, batch) == (2, 760)
            train(tmp_path, seed, batch, "diverged" if diverged else "completed")
    minutes = 15 * 75 * (1 + 2 + 3) / 3 / 60
    words = f"18 seeds at today's estimate and spread: 15 more, about {minutes:.0f} minutes of "
    assert would_take(tmp_path) == f"{words}training one after another, at the pace of these"
    train(tmp_path, 3, 10, "failed")  # of this seed nobody knows what it would take
    assert would_take(tmp_path).startswith(words)


def test_where_no_run_tells_no_time_is_said(tmp_path: Path) -> None:
    for seed in range(3):
        image_run(tmp_path, "deep", "mnist", seed)
    assert would_take(tmp_path) == "18 seeds at today's estimate and spread"
