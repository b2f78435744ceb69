"""The basics from the command line to their figures: small runs of all, one report."""

import os

import pandas as pd

from dl_experiments.analysis.pipeline import analyze
from dl_experiments.data import sources

SHARED = os.environ.get("DL_EXPERIMENTS_DATA") or "~/.cache/dl_experiments"
FIGURES = {
    "basics_parameter_count": 1,
    "basics_activations": 3,
    "basics_batch_size": 3,
    "basics_learning_rate": 2,
    "basics_regularization": 2,
}
TRAINED = {
    "basics_activations": ["data=sinc,digits", "arm=linear,identity,relu"],
    "basics_batch_size": ["data.batch_size=1,25", "data.samples=50"],
    "basics_learning_rate": ["model.activation=leaky_relu", "optimizer.lr=10,0.01"],
    "basics_regularization": ["model.dropout=0.0,0.5", "optimizer.weight_decay=0.0,0.01"],
    "basics_regularization_adamw": ["model.dropout=0.5"],
}


def test_the_basics_are_trained_and_drawn(lab, outputs):
    sources.load("mnist", SHARED)  # fetched here, if at all, and not between the lines looked at
    for experiment, words in TRAINED.items():
        done = lab(f"experiment={experiment}", "scale=smoke", "seed=0", "logger=none", *words)
        assert (done.code, done.err) == (0, "")

    written = analyze(outputs, [*FIGURES], dpi=40)
    assert {path.name: count for path, count in written.figures.items()} == FIGURES
    assert not written.found.problems
    for name in FIGURES:
        assert len(pd.read_csv(outputs / "report" / name / "numbers.csv"))
    states = [run.status.state for run in written.found.runs]
    assert len(states) == 6 + 2 + 4 + 4 + 1
    assert set(states) <= {"completed", "diverged"}
    page = written.report.read_text()
    assert "2 nets collapsed from their final weights" in page
    for run in written.found.studies["basics_batch_size"]:
        assert all(row["noise/batch_loss"] > 0 for row in run.rows)
