"""What a finished run lacks is told from its files, and never said to be there when it is not."""

import json

import numpy as np
import pytest
from finished import TINY
from holder import holding

from dl_experiments import planning, run, source, taken
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.observer import Observer
from dl_experiments.job import Job
from dl_experiments.run import RunFailed, directory
from dl_experiments.sweep.plan import plan

SENSITIVITY = [
    "+measurements.sensitivity._target_=dl_experiments.callbacks.sensitivity.Sensitivity",
    "+measurements.sensitivity.samples=5",
    "+measurements.sensitivity.evaluation_batches=[5]",
]
WORDS = [*TINY, "logger=none", "trainer.max_epochs=2", "trainer.accelerator=cpu"]
IMAGES = ["data=digits", "model=mlp", "model.hidden=[4]", "data.samples=64", "logger=none"]
IMAGES += ["data.batch_size=20", "trainer.max_epochs=1", "trainer.accelerator=cpu"]


@pytest.fixture
def again():
    """``again(config)``: the same command once more."""

    def call(config):
        for one in plan([Job(config)]):
            one(None)

    return call


@pytest.mark.parametrize("stack", ["auto", "never"])
def test_a_run_that_ends_says_what_it_has(compose, again, stack):
    config = compose(*WORDS, f"sweep.stack={stack}")
    again(config)
    files = directory(config)
    said = json.loads(files.taken.read_text())
    assert said["callbacks"].keys() == {"snapshots", "predictions"}
    assert list(said["files"]) == ["predictions.npz"]
    assert taken.whole(config, files)
    assert planning.nothing_to_do([Job(config)])


def test_what_a_user_takes_away_is_taken_again(compose, again):
    config = compose(*WORDS)
    again(config)
    files = directory(config)
    (files.measures / "predictions.npz").unlink()
    assert not taken.whole(config, files)
    again(config)
    assert (files.measures / "predictions.npz").exists()
    assert taken.whole(config, files)


def test_a_measure_that_joins_or_has_other_settings_is_taken(compose, again):
    config = compose(*IMAGES)
    again(config)
    files = directory(config)
    for words in (SENSITIVITY, [*SENSITIVITY[:1], "+measurements.sensitivity.samples=6"]):
        words = dict.fromkeys([*words, *SENSITIVITY[2:]])
        more = compose(*IMAGES, *words)
        assert directory(more).path == files.path
        assert taken.whole(config, files)
        assert not taken.whole(more, files)
        again(more)
        assert taken.whole(more, files)
        assert (files.measures / "sensitivity.npz").exists()
        config = more
    assert taken.whole(compose(*IMAGES), files)  # less is asked for


@pytest.mark.parametrize("name", ["sensitivity", "predictions"])
def test_a_measure_that_is_broken_is_taken_anew(compose, again, name):
    words = WORDS if name == "predictions" else [*IMAGES, *SENSITIVITY]
    config = compose(*words)
    again(config)
    files = directory(config)
    path = files.measures / f"{name}.npz"
    whole = path.read_bytes()
    for broken in (whole[:-40], whole[: len(whole) // 2], b"", whole[::-1]):
        path.write_bytes(broken)
        assert not taken.whole(config, files)
        again(config)
        with np.load(path) as arrays:
            assert arrays.files
        assert taken.whole(config, files)


BROKEN = ["", "{", "[]", "3", "null", '{"callbacks": 3, "files": []}', '{"files": []}']
BROKEN += ['{"callbacks": {}, "files": [[]]}', '{"callbacks": [], "files": []}']


@pytest.mark.parametrize("text", [None, *BROKEN])
def test_a_run_of_before_or_a_broken_file_is_looked_at_and_mended(compose, again, text):
    config = compose(*WORDS)
    again(config)
    files = directory(config)
    before = files.status.stat().st_mtime_ns
    if text is None:
        files.taken.unlink()
    else:
        files.taken.write_text(text)
    assert not planning.nothing_to_do([Job(config)])
    again(config)
    assert planning.nothing_to_do([Job(config)])
    assert files.status.stat().st_mtime_ns == before


def test_a_folder_that_cannot_be_written_is_looked_at_each_time(compose, again, monkeypatch):
    config = compose(*WORDS)
    again(config)
    directory(config).taken.unlink()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(taken, "write", full)
    again(config)
    assert not planning.nothing_to_do([Job(config)])


def test_other_code_is_asked_again(compose, again, monkeypatch):
    config = compose(*WORDS)
    again(config)
    files = directory(config)
    assert taken.whole(config, files)
    taken._checksum.cache_clear()
    monkeypatch.setattr(source, "digest", lambda target: "another")
    assert not taken.whole(config, files)
    taken._checksum.cache_clear()


class Late(Observer):
    """A user's, which measures only when a finished run is looked at again."""

    def __init__(self, directory, max_epochs):
        self.path = directory.measures / "late.json"

    def missing(self):
        return not self.path.exists()

    def measure(self, task, data):
        self.path.write_text("{}")


class Broken(Late):
    """A user's, which cannot say."""

    def missing(self):
        raise RuntimeError("out of luck")


def test_a_measurement_that_is_not_taken_at_the_end_is_taken_later(compose, again):
    config = compose(*WORDS, f"+callbacks.late._target_={__name__}.Late")
    again(config)
    files = directory(config)
    assert "late" not in json.loads(files.taken.read_text())["callbacks"]
    assert not (files.measures / "late.json").exists()
    again(config)
    assert (files.measures / "late.json").exists()
    assert taken.whole(config, files)


def test_one_that_cannot_say_does_not_fail_the_run(compose, again):
    config = compose(*WORDS, f"+callbacks.late._target_={__name__}.Broken")
    again(config)
    files = directory(config)
    assert files.read_status().state == "completed"
    assert "late" not in json.loads(files.taken.read_text())["callbacks"]


def test_a_run_that_diverged_lacks_nothing(compose, again):
    config = compose(*IMAGES, *SENSITIVITY, "optimizer=sgd", "optimizer.lr=1e30")
    again(config)
    files = directory(config)
    assert files.read_status().state == "diverged"
    assert planning.nothing_to_do([Job(config)])


class Failing(Late):
    """A user's, whose measurement fails."""

    def measure(self, task, data):
        raise RuntimeError("out of luck")


def test_a_measurement_that_was_replaced_is_not_vouched_for(compose, again):
    """Another was to be taken with it, and failed."""
    first = compose(*IMAGES, *SENSITIVITY)
    again(first)
    files = directory(first)
    words = [word.replace("samples=5", "samples=6") for word in SENSITIVITY]
    second = compose(*IMAGES, *words, f"+measurements.sharpness._target_={__name__}.Failing")
    with pytest.raises(RunFailed, match="out of luck"):
        again(second)
    assert not taken.whole(first, files)
    again(first)
    assert taken.whole(first, files)
    with np.load(files.measures / "sensitivity.npz") as arrays:
        assert json.loads(str(arrays["settings"]))["samples"] == 5


class OnceCompleted(Late):
    """A user's, which asks whether the run is completed."""

    def __init__(self, directory, max_epochs):
        super().__init__(directory, max_epochs)
        self.directory = directory

    def missing(self):
        return self.directory.read_status().state == "completed" and super().missing()


def test_it_is_asked_once_the_run_is_completed(compose, again):
    config = compose(*WORDS, f"+callbacks.late._target_={__name__}.OnceCompleted")
    again(config)
    again(config)
    assert (directory(config).measures / "late.json").exists()


def test_a_measurement_cannot_be_called_as_the_list(tmp_path):
    with pytest.raises(ValueError, match="a measurement cannot be called taken"):
        RunDirectory(tmp_path).write_measure("taken", {"a": 1.0})


def test_a_run_that_another_command_holds_is_not_written_to(compose, again):
    config = compose(*WORDS)
    again(config)
    files = directory(config)
    files.taken.unlink()
    with holding(files.path):
        assert not run.lacks(Job(config))
        assert not files.taken.exists()
    assert not run.lacks(Job(config))
    assert files.taken.exists()
