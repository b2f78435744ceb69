"""hw1_2_trajectory and hw1_2_error_surface: two analyses of nets that are trained once."""

import numpy as np
import torch
import yaml
from finished import runs
from test_analyze import analyze
from test_train_and_analyze import CONF

from dl_experiments.analysis import pipeline
from dl_experiments.data import sources
from dl_experiments.identity import run_path
from dl_experiments.models.mlp import MLP

SMALL = ["scale=smoke", "data=digits", "model.hidden=[8]", "data.samples=64", "data.batch_size=32"]
SMALL += ["trainer.max_epochs=3", "logger=none"]


def test_both_experiments_are_the_same_runs(compose):
    for scale in ("smoke", "quick", "full"):
        names = ("hw1_2_trajectory", "hw1_2_error_surface")
        one, other = (compose(f"experiment={name}", f"scale={scale}", "seed=1") for name in names)
        assert run_path(one) == run_path(other)


def test_the_published_sizes(compose):
    config = compose("experiment=hw1_2_trajectory", "scale=full", "seed=1")
    assert config["optimizer"] | {"lr": 0.0004, "weight_decay": 0.0001} == config["optimizer"]
    data = {key: config["data"][key] for key in ("name", "samples", "batch_size")}
    assert data == {"name": "mnist", "samples": None, "batch_size": 1000}
    assert config["trainer"]["max_epochs"] == 45
    assert config["callbacks"]["snapshots"]["schedule"] == 3
    net = MLP(sources.SHAPES["mnist"], 10, config["model"]["hidden"])
    assert sum(parameter.numel() for parameter in net.parameters()) == 418_060
    scales = yaml.safe_load((CONF / "experiment/hw1_2_trajectory.yaml").read_text())["at"]
    assert scales["full"]["seeds"] == scales["quick"]["seeds"] == "range(0,8)"


def test_the_second_experiment_trains_nothing_and_has_its_own_report(lab, outputs):
    trained = lab("experiment=hw1_2_trajectory", *SMALL)
    assert (trained.code, trained.err) == (0, "")
    before = {name: files.metrics.stat().st_mtime_ns for name, files in runs(outputs).items()}
    assert len(before) == 2
    again = lab("experiment=hw1_2_error_surface", *SMALL)
    assert (again.code, again.err) == (0, "")
    assert "2 runs: 2 finished before" in again.out
    assert {n: f.metrics.stat().st_mtime_ns for n, f in runs(outputs).items()} == before

    options = {"hw1_2_error_surface": {"points": 5}}
    written = pipeline.analyze(outputs, ["hw1_2_error_surface"], 40, options)
    assert written.figures == {outputs / "report" / "hw1_2_error_surface": 2}
    (kept,) = (outputs / "report" / "hw1_2_error_surface").glob("surfaces-*.npz")
    with np.load(kept) as found:
        assert found["lines"].shape == (2, 9)

    refused = analyze(outputs.parent, "options.hw1_2_trajectory.layer=dense9")
    assert refused.returncode == 2
    assert refused.stderr == (
        "2 runs read\ndrawing hw1_2_trajectory\n"
        "options.hw1_2_trajectory.layer=dense9 is unknown; choose one of dense1, output\n"
    )


def test_snapshots_change_nothing_in_training(lab, tmp_path):
    words = ["data=digits", "model=mlp", "model.hidden=[8]", "data.samples=64", "logger=none"]
    words += ["data.batch_size=16", "trainer.max_epochs=3", "model.dropout=0.2"]
    found = []
    for number, choice in enumerate(
        ("snapshots.schedule=1", "snapshots.schedule=ends", "snapshots=null")
    ):
        outputs = tmp_path / str(number)
        assert lab(*words, f"callbacks.{choice}", f"paths.outputs={outputs}").code == 0
        (files,) = runs(outputs).values()
        found.append(files)
    every, ends, without = found
    assert list(every.snapshots()) == [0, 1, 2, 3]
    assert list(ends.snapshots()) == [0, 3]
    assert without.snapshots() == {}
    assert every.metrics.read_bytes() == ends.metrics.read_bytes() == without.metrics.read_bytes()
    for epoch in (0, 3):
        one, other = every.read_weights(epoch), ends.read_weights(epoch)
        assert all(torch.equal(one[name], other[name]) for name in one)
