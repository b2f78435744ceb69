import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from holder import holding
from synthetic import config, image_run, write

from dl_experiments.analysis.runs.arrays import is_damaged
from dl_experiments.analysis.runs.collect import AnalysisError, collect
from dl_experiments.analysis.runs.describe import interrupted
from dl_experiments.analysis.runs.kept import kept
from dl_experiments.artifacts import RunDirectory, Status


def test_reads_what_was_written(tmp_path: Path) -> None:
    made = config("adhoc", "deep", "mnist", 3, **{"optimizer.lr": 0.01})
    epochs = np.arange(3)
    directory = write(tmp_path, made, {"train/loss": np.array([3.0, 2.0, np.nan])}, epochs)
    (run,) = collect(tmp_path).runs
    assert (run.path, run.study, run.model, run.data, run.seed) == (
        directory.path, "adhoc", "deep", "mnist", 3,
    )  # fmt: skip
    assert run.get("optimizer.lr") == 0.01
    assert run.get("optimizer.nothing") is None
    assert run.completed
    assert "paths.outputs" in run.flat
    assert "paths.outputs" not in run.science
    at, values = run.curve("train/loss")
    np.testing.assert_array_equal(at, [0, 1, 2])
    np.testing.assert_array_equal(values, [3, 2, np.nan])
    assert [len(part) for part in run.curve("test/loss")] == [0, 0]
    assert run.summary == {"model/parameters": 571}
    assert run.measure("predictions") is None


def test_an_absent_value_is_not_a_nan(tmp_path: Path) -> None:
    directory = image_run(tmp_path, "deep", "mnist", 0)
    directory.metrics.write_text("step,epoch,train/loss,a\n0,0,3.0,\n1,1,nan,5\n2,2,1.0,\n3,3")
    (run,) = collect(tmp_path).runs
    np.testing.assert_array_equal(run.curve("a")[0], [1])
    assert math.isnan(run.curve("train/loss")[1][1])
    assert len(run.rows) == 3  # the line cut short is dropped


def break_config(text: str) -> Callable[[RunDirectory], object]:
    return lambda directory: directory.config.write_text(text)


SMALL = "seed: 0\nmodel: {name: deep}\ndata: {name: mnist}\n"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda d: d.config.unlink(), "no config.yaml"),
        (break_config("a: [1, 2\nb: }"), "config.yaml is not YAML"),
        (break_config("- 1\n- 2\n"), "config.yaml holds no mapping"),
        (break_config("seed: 0\nmodel: {name: deep}\n"), "config.yaml has no data.name"),
        (break_config("model: {name: deep}\ndata: {name: mnist}\n"), "config.yaml has no seed"),
        (break_config(SMALL.replace("0", "first")), "seed is 'first', not an integer"),
        (
            break_config(SMALL.replace("0", str(2**127))),
            f"seed is {2**127}, which is no number of 64",
        ),
        (break_config(SMALL + "lr: .nan\n"), "lr=nan is not a finite number"),
        (lambda d: d.config.write_bytes(b"\xff\xfe\x00a"), "config.yaml is not YAML"),
        (lambda d: d.status.unlink(), "no status.json, so the run never started"),
        (lambda d: d.status.write_text("{"), "status.json is not a status"),
        (lambda d: d.status.write_text('{"state": "fine"}'), "status.json is not a status"),
        (lambda d: d.metrics.unlink(), "no metrics.csv"),
        (lambda d: d.metrics.write_text(""), "metrics.csv has no step and epoch columns"),
        (lambda d: d.metrics.write_text("step,epoch,a\n"), "metrics.csv has no rows"),
        (lambda d: d.metrics.write_text("step,epoch,a\n0,0,hello\n"), "metrics.csv, line 2"),
        (lambda d: d.metrics.write_text("step,epoch,a\n0,,1.0\n"), "without step or epoch"),
        (lambda d: d.metrics.write_text("step,epoch,a\n0,0,1.0,9,9\n"), "metrics.csv, line 2"),
        (lambda d: d.summary.write_text("[1]"), "summary.json is broken"),
        (lambda d: d.summary.write_text("{"), "summary.json is broken"),
        (lambda d: d.summary.write_text('{"a": null}'), "summary.json is broken"),
    ],
)
def test_a_broken_run_is_named_in_one_line(
    tmp_path: Path, spoil: Callable[[RunDirectory], object], says: str
) -> None:
    image_run(tmp_path, "deep", "mnist", 0)
    broken = image_run(tmp_path, "deep", "mnist", 1)
    spoil(broken)
    found = collect(tmp_path)
    assert [run.seed for run in found.runs] == [0]
    (problem,) = found.problems
    assert problem.startswith(f"{broken.path}: ")
    assert says in problem
    assert "\n" not in problem


def test_a_run_that_has_not_ended_may_lack_metrics(tmp_path: Path) -> None:
    for seed, state in enumerate(("running", "interrupted", "failed")):
        write(tmp_path, config("adhoc", "deep", "mnist", seed), {}, np.empty(0), state)
    found = collect(tmp_path)
    assert len(found.runs) == 3
    assert not found.problems


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    made = config("adhoc", "deep", "mnist", 0)
    files = write(tmp_path, made, {}, np.empty(0), "interrupted")
    files.write_status(replace(read(files), state="running"))
    with holding(files.path) as holder:
        (run,) = collect(tmp_path).runs
        assert run.status.state == "running"
        assert interrupted([run]) == []
        holder.kill()
        (run,) = collect(tmp_path).runs
    assert run.status.state == "interrupted"
    assert read(files).state == "running"  # a reader leaves everything as it is
    assert interrupted([run]) == ["1 run was interrupted; the same command goes on from there"]
    assert interrupted([run, run])[0].startswith("2 runs were")


def read(files: RunDirectory) -> Status:
    status = files.read_status()
    assert status is not None
    return status


def test_a_broken_measure_is_named_and_its_run_kept(tmp_path: Path) -> None:
    directory = image_run(tmp_path, "deep", "mnist", 0)
    directory.measures.mkdir()
    (directory.measures / "predictions.npz").write_bytes(b"nothing")
    found = collect(tmp_path)
    assert len(found.runs) == 1
    assert "predictions.npz: not an array file" in found.problems[0]
    assert found.runs[0].measure("predictions") is None


def test_a_measure_is_damaged_if_it_cannot_be_read(tmp_path: Path) -> None:
    """Of one byte changed at a time, each file is read as it was, or not read and named."""
    directory = image_run(tmp_path, "deep", "mnist", 0)
    values = np.random.default_rng(0).integers(0, 9, 300)
    directory.write_measure("predictions", {"values": values})
    file, wrong = directory.measures / "predictions.npz", 0
    whole = file.read_bytes()
    (run,) = collect(tmp_path).runs
    for at in range(0, len(whole), 7):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        found = run.measure("predictions")
        assert is_damaged(file) or found is not None
        assert not found or (found["values"] == values).all()
        evaluated = kept(file, lambda: {"values": values})
        assert not evaluated or (evaluated["values"] == values).all()
        wrong += found is None
    assert wrong > len(whole) / 7 / 2
    file.write_bytes(whole[:200] + b"?" + whole[201:])
    (problem,) = collect(tmp_path).problems
    assert problem == f"{file}: not an array file, or damaged; its run is used without it"


def test_only_study_folders_hold_runs(tmp_path: Path) -> None:
    image_run(tmp_path, "deep", "mnist", 0)
    (tmp_path / "report" / "hw1_1_mnist").mkdir(parents=True)
    (tmp_path / ".hidden" / "thing").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("mine")
    found = collect(tmp_path)
    assert list(found.studies) == ["hw1_1_mnist"]
    assert not found.problems


def test_an_outputs_folder_without_runs_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="no runs under"):
        collect(tmp_path)
    with pytest.raises(AnalysisError, match="there is no folder"):
        collect(tmp_path / "nowhere")


def test_pointing_too_deep_says_what_to_point_at(tmp_path: Path) -> None:
    directory = image_run(tmp_path, "deep", "mnist", 0)
    with pytest.raises(AnalysisError, match=f"paths.outputs={tmp_path} experiment=hw1_1_mnist"):
        collect(directory.path.parent)
    with pytest.raises(AnalysisError, match="is one run"):
        collect(directory.path)
