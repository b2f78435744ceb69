"""``python train.py``: what it leaves, skips, resumes, survives and says."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from finished import TINY, assert_scalars_are_the_metrics, events_of, runs, state

from dl_experiments.artifacts import RunDirectory, read_metrics

ROOT = Path(__file__).parents[2]


# --- the files


def test_a_run_leaves_its_files_and_nothing_else(lab, outputs):
    outcome = lab(*TINY, "trainer.max_epochs=2")
    assert (outcome.code, outcome.err) == (0, "")
    (files,) = runs(outputs).values()
    found = {str(path.relative_to(outputs)) for path in outputs.rglob("*") if path.is_file()}
    (events,) = [name for name in found if "events.out" in name]
    base = f"adhoc/{files.path.name}"
    names = [
        "config.yaml", "status.json", "metrics.csv", "summary.json", "provenance.json", "run.log",
        "measures/predictions.npz", "measures/taken.json", "weights/epoch-000000.safetensors",
        "weights/epoch-000001.safetensors", "weights/epoch-000002.safetensors",
    ]  # fmt: skip
    assert found == {f"{base}/{name}" for name in names} | {events}
    assert events.startswith(f"{base}/tensorboard/events")

    status = files.read_status()
    assert (status.state, status.epoch, status.error) == ("completed", 2, None)
    assert files.path.name.endswith(status.run_id)
    config = files.read_config()
    assert config["model"]["hidden"] == [4]
    assert "hydra" not in config

    header = files.metrics.read_text().splitlines()[0]
    assert header == "step,epoch,train/loss,test/loss"
    rows = read_metrics(files.metrics)
    assert [(row["step"], row["epoch"]) for row in rows] == [(0, 0), (2, 1), (4, 2)]
    summary = files.read_summary()
    assert summary.pop("time/fit_seconds") >= summary.pop("time/evaluation_seconds") >= 0
    assert summary == rows[-1] | {"model/parameters": 13}

    with np.load(files.measures / "predictions.npz") as stored:
        assert stored["predictions"].shape == (3, 5)
        assert stored["epochs"].tolist() == [0, 1, 2]
        error = np.mean((stored["predictions"] - stored["truth"]) ** 2, axis=1)
    assert error == pytest.approx([row["test/loss"] for row in rows], rel=1e-5)

    provenance = json.loads(files.provenance.read_text())
    assert provenance["seed"] == 0
    assert provenance["versions"]["torch"] == torch.__version__
    assert provenance["device"] == "cpu"
    assert "completed at epoch 2" in outcome.out


def test_the_provenance_command_makes_the_same_run(lab, outputs, tmp_path):
    words = ["-m", *TINY, "trainer.max_epochs=1", "study=a b", "seed=7,8", "optimizer=sgd"]
    alone = ["sweep.stack=never", "logger=none"]  # in a stack, rounding would differ
    assert lab(*words, *alone, "optimizer.lr=0.05,0.1").code == 0
    kept = sorted(path.name for path in (outputs / "a b").iterdir())
    assert len(kept) == 4
    for files in list(map(RunDirectory, (outputs / "a b").iterdir()))[:2]:
        command = shlex.split(json.loads(files.provenance.read_text())["command"])
        assert command[:2] == ["python", "train.py"]
        again = tmp_path / "again" / files.path.name
        moved = [word for word in command[2:] if not word.startswith("paths.outputs=")]
        assert lab(*moved, f"paths.outputs={again}").code == 0
        (made,) = again.glob("*/*")
        assert made.name == files.path.name
        assert (made / "metrics.csv").read_bytes() == files.metrics.read_bytes()


# --- sweeps


def test_a_sweep_trains_each_and_skips_what_is_finished(lab, outputs):
    words = ["-m", "model=deep,shallow", "data.samples=128", "trainer.max_epochs=1", "logger=none"]
    first = lab(*words)
    assert (first.code, first.err) == (0, "")
    assert "2 runs" in first.out
    for place in (1, 2):
        assert re.search(rf"^\[{place}/2\] (deep|shallow)-sinc-s0", first.out, re.MULTILINE)
    assert list(runs(outputs)) == ["deep-sinc-s0", "shallow-sinc-s0"]
    before = {path: path.stat().st_mtime_ns for path in outputs.rglob("*")}

    second = lab(*words)
    assert (second.code, second.err) == (0, "")
    assert "2 runs: 2 finished before" in second.out
    for files in runs(outputs).values():
        assert f"skipped, finished before: {files.path}" in second.out
    assert {path: path.stat().st_mtime_ns for path in outputs.rglob("*")} == before

    third = lab(*words, "seed=0,1")
    assert "4 runs: 2 finished before" in third.out
    assert re.search(r"^\[2/2\] (deep|shallow)-sinc-s1", third.out, re.MULTILINE)
    assert len(runs(outputs)) == 4


def test_an_experiment_runs_in_one_word(lab, outputs):
    outcome = lab(
        "experiment=hw1_1_simulate",
        "scale=smoke",
        "data=sinc",
        "seed=0",
        "optimizer.weight_decay=0.0",
        "trainer.max_epochs=1",
        "logger=none",
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert list(runs(outputs)) == ["deep-sinc-s0", "middle-sinc-s0", "shallow-sinc-s0"]
    assert {files.path.parent.name for files in runs(outputs).values()} == {"hw1_1_simulate"}
    parameters = {files.read_summary()["model/parameters"] for files in runs(outputs).values()}
    assert max(parameters) - min(parameters) <= 1


def test_diverging_is_a_result(lab, outputs):
    words = ["-m", *TINY, "optimizer=sgd", "optimizer.lr=1e6,0.01", "trainer.max_epochs=30"]
    outcome = lab(*words, "logger=none")
    assert (outcome.code, outcome.err) == (0, "")
    states = {}
    for path in outputs.glob("*/*"):
        files = RunDirectory(path)
        states[files.read_config()["optimizer"]["lr"]] = files
    assert [state(states[lr]) for lr in (1e6, 0.01)] == ["diverged", "completed"]
    diverged = states[1e6]
    rows = read_metrics(diverged.metrics)
    assert not np.isfinite(rows[-1]["train/loss"])
    assert np.isfinite(rows[0]["train/loss"])
    assert diverged.read_status().epoch == rows[-1]["epoch"] < 30
    assert "train/loss" not in diverged.read_summary()
    assert max(diverged.snapshots()) == rows[-1]["epoch"]
    assert "diverged at epoch" in outcome.out
    assert "2 finished before" in lab(*words, "logger=none").out


BROKEN = """
import torch
from dl_experiments.models.mlp import MLP

class Broken(MLP):
    def forward(self, inputs):
        if self.training and inputs.device.type != "meta" and len(inputs) > 1:
            raise RuntimeError("out of order\\nsecond line")
        return super().forward(inputs)
"""


def test_a_run_that_raises_is_named_and_the_sweep_goes_on(
    lab, outputs, tmp_path, monkeypatch, caplog
):
    (tmp_path / "broken_net.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
    nets = "model._target_=broken_net.Broken,dl_experiments.models.mlp.MLP"
    outcome = lab("-m", "model=mlp", nets, *TINY, "trainer.max_epochs=1", "logger=none")
    assert outcome.code == 1
    found = {RunDirectory(path).read_status().state: path for path in outputs.glob("*/*")}
    assert found.keys() == {"failed", "completed"}
    failed = RunDirectory(found["failed"])
    lines = outcome.err.strip().splitlines()
    assert lines[0] == "1 of 2 runs failed:"
    assert lines[1:] == [f"  {failed.path}: RuntimeError: out of order second line"]
    assert failed.read_status().error == "RuntimeError: out of order second line"
    log = failed.log.read_text()
    assert "Traceback (most recent call last)" in log
    assert 'raise RuntimeError("out of order' in log
    assert not failed.summary.exists()

    # mended, the same command trains it
    (tmp_path / "broken_net.py").write_text(BROKEN.replace("len(inputs) > 1", "False"))
    monkeypatch.delitem(sys.modules, "broken_net")
    __import__("importlib").invalidate_caches()
    outcome = lab("-m", "model=mlp", nets, *TINY, "trainer.max_epochs=1", "logger=none")
    assert (outcome.code, outcome.err) == (0, "")
    assert failed.read_status().state == "completed"
    assert failed.read_status().error is None


# --- TensorBoard


def test_tensorboard_shows_what_the_files_say(lab, outputs):
    from tensorboard.plugins.hparams import metadata

    words = ["data=digits", "model=mlp", "model.hidden=[4]", "data.samples=100", "batch_size=full"]
    assert lab(*words, "trainer.max_epochs=3", "optimizer.lr=0.01").code == 0
    (files,) = runs(outputs).values()
    assert_scalars_are_the_metrics(files)
    assert len(list(files.tensorboard.iterdir())) == 1  # no folder for a trial

    events = events_of(files)
    declared = events.summary_metadata
    plugin = {tag: m.plugin_data for tag, m in declared.items() if "hparams" in tag}
    assert plugin.keys() == {
        metadata.EXPERIMENT_TAG,
        metadata.SESSION_START_INFO_TAG,
        metadata.SESSION_END_INFO_TAG,
    }
    experiment = metadata.parse_experiment_plugin_data(plugin[metadata.EXPERIMENT_TAG].content)
    metrics = {info.name.tag for info in experiment.metric_infos}
    assert metrics == {"train/loss", "train/accuracy", "test/loss", "test/accuracy"}
    assert metrics <= set(events.Tags()["scalars"])
    start = metadata.parse_session_start_info_plugin_data(
        plugin[metadata.SESSION_START_INFO_TAG].content
    )
    assert start.hparams["optimizer.lr"].number_value == 0.01
    assert start.hparams["data.name"].string_value == "digits"
    assert start.hparams["seed"].number_value == 0
    raw = b"".join(path.read_bytes() for path in files.tensorboard.iterdir())
    assert b"hp_metric" not in raw
    assert raw.count(metadata.SESSION_START_INFO_TAG.encode()) == 1
    assert raw.count(metadata.EXPERIMENT_TAG.encode()) == 1


# --- from outside


def test_from_the_shell(tmp_path):
    """The real thing, from another folder: relative outputs, plain lines, Hydra's help."""
    words = ["-m", "seed=0,1", *TINY, "trainer.max_epochs=1", "paths.outputs=here"]
    command = [sys.executable, str(ROOT / "train.py"), *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "2 runs: in stacks of 2"
    assert re.fullmatch(r"stack of 2: deep-sinc-s0-[0-9a-f]{10} and 1 more", lines[1])
    number = r"\d[\d.e+-]*"
    for place, line in enumerate(lines[2:]):
        assert re.fullmatch(
            rf"\[{place + 1}/2\] deep-sinc-s{place}-[0-9a-f]{{10}}  completed at epoch 1"
            rf"  {number} s  train/loss {number}  test/loss {number}",
            line,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["adhoc"]


def test_a_measurement_asked_for_later_is_taken_from_the_finished_run(lab, outputs):
    words = ["trainer.max_epochs=1", "data.samples=16", "batch_size=full", "logger=none"]
    assert lab(*words, "~measurements.predictions").code == 0
    (files,) = runs(outputs).values()
    assert not (files.measures / "predictions.npz").exists()
    trained = files.weights.stat().st_mtime_ns, files.metrics.read_text()
    later = lab(*words)
    assert later.code == 0
    assert "measured what was missing" in later.out
    assert (files.measures / "predictions.npz").exists()
    assert (files.weights.stat().st_mtime_ns, files.metrics.read_text()) == trained
    assert "skipped" in lab(*words).out


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("data", ["sinc", "digits"])
def test_a_gpu_trains_and_measures(lab, outputs, data):
    done = lab(f"data={data}", "trainer.max_epochs=2", "trainer.accelerator=gpu")
    assert done.code == 0, done.err
    (files,) = runs(outputs).values()
    assert state(files) == "completed"
    assert json.loads(files.provenance.read_text())["device"].startswith("cuda")
    assert (files.measures / "predictions.npz").exists() == (data == "sinc")


def test_a_study_may_be_called_by_a_year_or_a_commit(lab, outputs, tmp_path):
    """And a grid may be written as YAML lists."""
    file = tmp_path / "conf/experiment/mine.yaml"
    file.parent.mkdir(parents=True)
    grid = "{sweeper: {params: {seed: [0, 1], model.hidden: [[4], [5, 6]]}}}"
    lines = ["# @package _global_", "study: 2025", f"hydra: {grid}"]
    file.write_text("\n".join(lines))
    short = ["trainer.max_epochs=1", "logger=none", "data.samples=16", "data.batch_size=8"]
    assert lab(f"--config-dir={tmp_path / 'conf'}", "experiment=mine", *short).code == 0
    assert lab(*short, "study=2026").code == 0
    for name in ("12e4567", "1.5"):
        assert lab("-m", *short, f"study={name}").code == 0
    found = {path.name: len(list(path.glob("[!.]*"))) for path in outputs.iterdir()}
    assert found == {"2025": 4, "2026": 1, "12e4567": 1, "1.5": 1}
    for files in outputs.glob("*/*/config.yaml"):
        study = RunDirectory(files.parent).read_config()["study"]
        assert study == files.parents[1].name
