"""What TensorBoard's own reader finds in a run's event file."""

import math
import subprocess
import sys
import threading

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.tensorboard import TensorBoard

COLUMNS = ["train/loss", "test/loss"]
HYPERPARAMETERS = {
    "optimizer.lr": 0.01,
    "seed": 3,
    "model.hidden": [4, 4],
    "model.name": "deep",
    "augment": True,
    "absent": None,
}


def opened(path, **hyperparameters):
    sink = TensorBoard(RunDirectory(path), hyperparameters or HYPERPARAMETERS)
    sink.open(COLUMNS)
    return sink


def read(sink):
    """As TensorBoard sees the file now."""
    events = EventAccumulator(str(sink.directory.tensorboard), size_guidance={"scalars": 0})
    return events.Reload()


def scalars(sink):
    events = read(sink)
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def records(sink):
    (path,) = sink.directory.tensorboard.iterdir()
    return list(LegacyEventFileLoader(str(path)).Load())


def test_tags_steps_and_values(tmp_path):
    sink = opened(tmp_path)
    sink.row(0, 0, {"train/loss": 0.1, "test/loss": 2.5})
    sink.row(7, 1, {"train/loss": 1e-9})
    sink.row(3_000_000_000, 2, {"train/loss": 0.25, "test/loss": 1 / 3})
    sink.close()
    written = {
        "train/loss": [(0, 0.1), (7, 1e-9), (3_000_000_000, 0.25)],
        "test/loss": [(0, 2.5), (3_000_000_000, 1 / 3)],
        "epoch": [(0, 0), (7, 1), (3_000_000_000, 2)],
    }
    assert scalars(sink) == {  # kept in single precision
        tag: [(step, float(np.float32(value))) for step, value in rows]
        for tag, rows in written.items()
    }


def test_values_that_are_not_finite_or_not_small(tmp_path):
    sink = opened(tmp_path)
    for value in (math.inf, -math.inf, math.nan, 1e300):
        sink.row(1, 1, {"train/loss": value})
    up, down, nan, large = (value for _, value in scalars(sink)["train/loss"])
    assert (up, down, large) == (math.inf, -math.inf, math.inf)
    assert math.isnan(nan)
    sink.close()


def test_a_row_is_one_event_in_the_only_file(tmp_path):
    sink = opened(tmp_path)
    before = records(sink)
    assert before[0].file_version == "brain.Event:2"
    for step in range(5):
        sink.row(step, step, {"train/loss": 1.0, "test/loss": 2.0})
        found = records(sink)  # no row waits for the next
        assert len(found) == len(before) + step + 1
        assert [value.tag for value in found[-1].summary.value] == [*COLUMNS, "epoch"]
    times = [event.wall_time for event in records(sink)]
    assert times == sorted(times)
    assert times[0] > 0
    sink.close()
    (path,) = sink.directory.tensorboard.iterdir()
    assert path.name.startswith("events.out.tfevents.")


def test_hyperparameters_are_declared_once(tmp_path):
    sink = opened(tmp_path)
    sink.row(0, 0, {"train/loss": 1.0, "test/loss": 2.0})
    sink.close()
    declared = [
        (value.tag, value.metadata.plugin_data)
        for event in records(sink)
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == metadata.PLUGIN_NAME
    ]
    assert [tag for tag, _ in declared] == [
        metadata.EXPERIMENT_TAG,
        metadata.SESSION_START_INFO_TAG,
        metadata.SESSION_END_INFO_TAG,
    ]
    experiment, start, end = (HParamsPluginData.FromString(d.content) for _, d in declared)
    assert [info.name.tag for info in experiment.experiment.metric_infos] == COLUMNS
    given = start.session_start_info.hparams
    assert {key: given[key].WhichOneof("kind") for key in given} == {
        "optimizer.lr": "number_value",
        "seed": "number_value",
        "model.hidden": "string_value",
        "model.name": "string_value",
        "augment": "number_value",
    }
    assert given["optimizer.lr"].number_value == 0.01
    assert given["seed"].number_value == 3
    assert given["model.hidden"].string_value == "[4, 4]"
    assert given["model.name"].string_value == "deep"
    assert {info.name for info in experiment.experiment.hparam_infos} == set(given)
    assert end.HasField("session_end_info")
    # the reader that the HPARAMS tab uses
    assert {tag for tag, _ in declared} <= read(sink).summary_metadata.keys()


def test_many_runs_are_open_at_once_without_a_thread(tmp_path):
    threads = threading.active_count()
    sinks = [opened(tmp_path / str(number), seed=number) for number in range(8)]
    for step in range(3):
        for number, sink in enumerate(sinks):
            sink.row(step, step, {"train/loss": 10.0 * number + step})
    assert threading.active_count() == threads
    for number, sink in enumerate(sinks):
        assert [value for _, value in scalars(sink)["train/loss"]] == [
            10.0 * number + step for step in range(3)
        ]
        sink.close()
        sink.directory.tensorboard.rename(sink.directory.path / "elsewhere")


def test_the_folder_is_begun_anew(tmp_path):
    first = opened(tmp_path)
    first.row(0, 0, {"train/loss": 1.0})
    first.close()
    (first.directory.tensorboard / "events.out.tfevents.0.other.1.0").write_bytes(b"half a rec")
    second = opened(tmp_path)
    second.row(5, 1, {"train/loss": 2.0})
    second.close()
    assert len(list(second.directory.tensorboard.iterdir())) == 1
    assert scalars(second)["train/loss"] == [(5, 2.0)]


def test_a_killed_process_loses_no_row(tmp_path):
    program = (
        "import os, signal, sys\n"
        "from dl_experiments.artifacts import RunDirectory\n"
        "from dl_experiments.callbacks.tensorboard import TensorBoard\n"
        "sink = TensorBoard(RunDirectory(sys.argv[1]), {'seed': 0})\n"
        "sink.open(['train/loss'])\n"
        "for step in range(50): sink.row(step, step, {'train/loss': float(step)})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)])
    assert done.returncode < 0
    sink = TensorBoard(RunDirectory(tmp_path), {})
    assert scalars(sink)["train/loss"] == [(step, float(step)) for step in range(50)]
