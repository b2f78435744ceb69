import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dl_experiments import artifacts
from dl_experiments.artifacts import MetricsWriter, RunDirectory, Status, read_metrics

STARTED = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def files(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "study" / "run")


def test_a_write_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "value.json"
    artifacts.write_json(path, {"a": 1})

    def half(file):
        file.write(b'{"a": ')
        raise RuntimeError("broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        artifacts.write_atomically(path, half)
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["value.json"]


def test_a_first_write_that_breaks_off_leaves_nothing(tmp_path):
    def half(file):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        artifacts.write_atomically(tmp_path / "new", half)
    assert os.listdir(tmp_path) == []


def test_a_reader_sees_the_old_file_while_the_new_one_is_written(tmp_path):
    path = tmp_path / "value"
    path.write_text("old")
    seen = []

    def write(file):
        file.write(b"new")
        file.flush()
        seen.append(path.read_text())

    artifacts.write_atomically(path, write)
    assert (seen, path.read_text()) == (["old"], "new")


def test_what_a_killed_process_has_left_is_swept(files):
    kept = [files.config, files.path / ".claim", files.snapshot(0)]
    litter = [
        files.path / ".claim.0123456789abcdef",
        files.path / ".config.yaml.0123abcd",
        files.weights / ".epoch-000000.x.89abcdef",
    ]
    for path in [*kept, *litter]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    files.sweep()
    assert [path for path in [*kept, *litter] if path.exists()] == kept


@pytest.mark.parametrize("value", [math.nan, math.inf, [1.0, -math.inf]])
def test_json_has_no_nan(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        artifacts.write_json(tmp_path / "value.json", {"a": value})
    assert os.listdir(tmp_path) == []


def test_config_round_trip(files):
    config = {"b": {"c": [1, 2.5, None, True, "täxt", "1e-3", "null"]}, "a": 1e-08}
    files.write_config(config)
    assert files.read_config() == config
    assert list(files.read_config()) == ["b", "a"]


@pytest.mark.parametrize("text", ["a: [1", "- 1", "", "\x00"])
def test_a_broken_config_is_named(files, text):
    files.path.mkdir(parents=True)
    files.config.write_text(text)
    with pytest.raises(ValueError, match=r"config\.yaml"):
        files.read_config()


def test_status_round_trip(files):
    assert files.read_status() is None
    for status in (
        Status("running", "ab", STARTED),
        Status("failed", "ab", STARTED, STARTED, 0, "ValueError: x"),
    ):
        files.write_status(status)
        assert files.read_status() == status
        assert None not in json.loads(files.status.read_text()).values()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"state": "done", "run_id": "a", "started_at": "b"}']
)
def test_a_broken_status_is_named(files, text):
    files.path.mkdir(parents=True)
    files.status.write_text(text)
    with pytest.raises(ValueError, match=r"status\.json"):
        files.read_status()


def test_weights_round_trip(files):
    weights = {
        "dense1.weight": torch.randn(3, 4).t(),  # not contiguous
        "count": torch.tensor(7),
        "half": torch.randn(2).bfloat16(),
        "double": torch.randn(2, dtype=torch.float64),
        "conv": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
    }
    files.write_weights(3, weights)
    read = files.read_weights(3)
    assert read.keys() == weights.keys()
    for name, tensor in weights.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)


def test_snapshots_are_in_order_of_the_epoch(files):
    epochs = [10, 0, 1_000_000, 999_999, 2_000_000]
    for epoch in epochs:
        files.write_weights(epoch, {"w": torch.tensor(float(epoch))})
    assert list(files.snapshots()) == sorted(epochs)
    assert files.snapshots()[10] == files.snapshot(10)


def test_measures_are_arrays_or_json(files):
    path = files.write_measure("curve", {"x": np.arange(3.0), "y": np.eye(2)})
    with np.load(path) as stored:
        assert np.array_equal(stored["y"], np.eye(2))
    assert path.name == "curve.npz"
    path = files.write_measure("value", {"largest": 2.5, "iterations": 10})
    assert path.name == "value.json"
    assert json.loads(path.read_text()) == {"largest": 2.5, "iterations": 10}


VALUES = [0.1, 1 / 3, 5e-324, 1e300, -0.0, 2.0, 1e20, math.nan, math.inf, -math.inf]


@given(st.lists(st.floats(width=64), max_size=5))
def test_metrics_keep_every_bit(tmp_path_factory, values):
    files = RunDirectory(tmp_path_factory.mktemp("run"))
    writer = MetricsWriter(files, ["train/loss"])
    for step, value in enumerate(values):
        writer.append(step, step, {"train/loss": value})
    writer.close()
    read = [row["train/loss"] for row in read_metrics(files.metrics)]
    np.testing.assert_array_equal(np.array(read, dtype=float), np.array(values, dtype=float))


def test_metrics_are_readable_after_every_row(files):
    writer = MetricsWriter(files, ["a", "b"])
    assert read_metrics(files.metrics) == []
    for number, value in enumerate(VALUES):
        writer.append(10 * number, number, {"b": value})
        row = read_metrics(files.metrics)[-1]
        assert (row["step"], row["epoch"]) == (10 * number, number)
        assert row["b"] == value or (math.isnan(row["b"]) and math.isnan(value))
        assert "a" not in row
    writer.close()


def test_an_undeclared_column_is_refused(files):
    writer = MetricsWriter(files, ["a"])
    with pytest.raises(ValueError, match="not in fieldnames"):
        writer.append(0, 0, {"b": 1.0})
    writer.close()


@pytest.mark.parametrize("torn", ["20", "20,2", "20,2,0.", "20,2,nan"])
def test_a_last_line_cut_short_is_dropped(files, torn):
    files.path.mkdir(parents=True)
    files.metrics.write_text(f"step,epoch,a\n0,0,1.5\n10,1,0.5\n{torn}")
    assert [row["step"] for row in read_metrics(files.metrics)] == [0, 10]


@pytest.mark.parametrize("text", ["", "step", "epoch,step,a\n", "step,epoch,a\n0,zero,1\n"])
def test_broken_metrics_are_named(files, text):
    files.path.mkdir(parents=True)
    files.metrics.write_text(text)
    with pytest.raises(ValueError, match=r"metrics\.csv"):
        read_metrics(files.metrics)


def test_resuming_drops_the_rows_that_are_measured_again(files):
    writer = MetricsWriter(files, ["a"])
    for epoch in range(5):
        writer.append(10 * epoch, epoch, {"a": epoch / 3})
    writer.close()
    with files.metrics.open("a") as file:
        file.write("50,5,0.1")  # the process was killed here
    before = files.metrics.read_text().splitlines()
    writer = MetricsWriter(files, ["a"], after=2)
    writer.append(30, 3, {"a": 1.0})
    writer.close()
    assert files.metrics.read_text().splitlines() == [*before[:4], "30,3,1.0"]


def test_every_name_stands_in_the_run_directory(files):
    elsewhere = (files.path, files.look, files.taken)  # the last is one of the measures
    paths = [path for path in vars(files).values() if path not in elsewhere]
    assert {path.parent for path in paths} == {files.path}
    assert len({path.name for path in paths}) == len(paths)
