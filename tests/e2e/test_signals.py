"""A command that is asked to end: what it keeps, and how it leaves."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from finished import TINY, runs, state
from processes import PATIENCE, eventually
from safetensors.torch import load_file

from dl_experiments import build, claims, stop
from dl_experiments.artifacts import read_metrics
from dl_experiments.callbacks.predictions import Predictions
from dl_experiments.callbacks.recorder import Recorder
from dl_experiments.callbacks.snapshots import Snapshots

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes need Linux")

ROOT = Path(__file__).parents[2]
WORDS = ["-m", *TINY, "logger=none", "trainer.max_epochs=6", "trainer.log_every=1"]
WORDS += ["callbacks.snapshots.schedule=1", "sweep.workers=1", "seed=0,1"]
ALONE, STACK = "sweep.stack=never", "sweep.stack=always"


@pytest.fixture
def forked(lab, tmp_path):
    """``forked(spoil, words)``: a command in a fork, after ``spoil()``; its exit code."""

    def child(spoil, words):
        for number in stop.SIGNALS:
            signal.signal(number, signal.default_int_handler)
        spoil()
        outcome = lab(*words)
        (tmp_path / "err").write_text(outcome.err)
        os._exit(outcome.code)

    def call(spoil, words):
        process = multiprocessing.get_context("fork").Process(target=child, args=(spoil, words))
        process.start()
        process.join(PATIENCE)
        assert not process.is_alive()
        return process.exitcode

    return call


def at(epoch, act):
    """Act at a run's logged epoch, seed 1, before it is recorded."""
    record = Recorder._record

    def recorded(self, task, data):
        if (task.epoch, task.seed) == (epoch, 1):
            act()
        record(self, task, data)

    Recorder._record = recorded


def send(number=signal.SIGINT):
    os.kill(os.getpid(), number)


def second(outputs):
    """The run of seed 1, in whose course the signal comes."""
    (files,) = [files for name, files in runs(outputs).items() if name.endswith("s1")]
    return files


def assert_goes_on(lab, outputs, words):
    """The same command ends what was stopped as if it never had been, bit for bit."""
    assert lab(*words).code == 0
    assert lab(*words, "study=whole").code == 0
    found = {"adhoc": {}, "whole": {}}
    for files in (outputs / "adhoc").glob("[!.]*"), (outputs / "whole").glob("[!.]*"):
        for path in files:
            found[path.parent.name][path.name] = path
    assert found["adhoc"].keys() == found["whole"].keys()
    for name, path in found["adhoc"].items():
        whole = found["whole"][name]
        assert (path / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
        for file in sorted((path / "weights").iterdir()):
            one, other = load_file(file), load_file(whole / "weights" / file.name)
            assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("stack", [ALONE, STACK])
def test_the_epoch_that_is_ending_is_kept(forked, lab, outputs, stack):
    """No checkpoint was due for a long time: the one of the moment is written."""
    words = [*WORDS, stack]
    assert forked(lambda: at(4, send), words) == 130
    files = second(outputs)
    assert files.read_status().state == "interrupted"
    assert files.read_status().epoch == 4
    assert int(files.read_checkpoint()["epoch"]) == 4
    assert_goes_on(lab, outputs, words)


@pytest.mark.parametrize("stack", [ALONE, STACK])
def test_an_epoch_that_takes_long_is_not_waited_for(forked, lab, outputs, stack):
    """It is begun again from the state that it began with, which has been held for that."""
    words = [*WORDS, stack]

    def spoil():
        stop.GRACE = 0.0
        advance = stop.point

        def counted(grace=0.0):
            counted.calls += 1
            if counted.calls == counted.at:
                send()
            advance(grace)

        counted.calls, counted.at = 0, -1
        stop.point = counted
        # After the third epoch has begun: in its second update.
        at(2, lambda: setattr(counted, "at", counted.calls + (4 if stack == ALONE else 2)))

    assert forked(spoil, words) == 130
    files = second(outputs)
    assert files.read_status().state == "interrupted"
    assert int(files.read_checkpoint()["epoch"]) == 2
    assert [row["epoch"] for row in read_metrics(files.metrics)] == [0, 1, 2]
    assert_goes_on(lab, outputs, words)


@pytest.mark.parametrize("stack", [ALONE, STACK])
def test_a_measurement_that_takes_long_is_not_waited_for(forked, lab, outputs, stack):
    """Of the last epochs, as many as were held when there was time for it go on from there."""
    words = [*WORDS, stack]
    end = Snapshots.end

    def spoil():
        def ended(self, task, data):
            end(self, task, data)
            send()
            while True:
                stop.point()

        Snapshots.end = ended

    assert forked(spoil, words) == 130
    files = next(iter(runs(outputs).values()))
    assert state(files) == "interrupted"
    assert 0 < int(files.read_checkpoint()["epoch"]) < 6
    assert_goes_on(lab, outputs, words)


@pytest.mark.parametrize("stack", [ALONE, STACK])
def test_a_run_whose_last_epoch_is_over_is_finished(forked, outputs, stack):
    assert forked(lambda: at(6, send), [*WORDS, stack]) == 0
    assert [state(files) for files in runs(outputs).values()] == ["completed"] * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_missing_measurement_is_not_waited_for(forked, lab, outputs, workers):
    """It is taken where runs are trained: nobody is left without one who listens."""
    words = [*WORDS[:-2], ALONE, f"sweep.workers={workers}"]
    before = [*words, "seed=0,1", "~measurements.predictions"]
    assert lab(*before).code == 0
    found = runs(outputs).values()

    def spoil():
        def measure(self, task, data):
            os.kill(os.getppid() if workers == 2 else os.getpid(), signal.SIGTERM)
            while True:
                stop.point()

        Predictions.measure = measure

    assert forked(spoil, [*words, "seed=0,1,2"]) == 143
    assert (outputs.parent / "err").read_text() == f"{stop.INTERRUPTED}\n"
    assert "failed" not in [state(files) for files in runs(outputs).values()]
    assert [state(files) for files in found] == ["completed"] * 2
    outcome = lab(*words, "seed=0,1,2")
    assert outcome.code == 0
    assert outcome.out.count("measured what was missing, finished before") == 2
    assert len(list(outputs.glob("adhoc/*/measures/predictions.npz"))) == 3


@pytest.mark.parametrize("stack", [ALONE, STACK])
def test_a_second_signal_ends_at_once(forked, lab, outputs, stack):
    """Nothing is written any more; whoever looks sees that nobody is at it."""

    def twice():
        send(signal.SIGTERM)
        send(signal.SIGINT)
        os._exit(99)  # never reached

    words = [*WORDS, stack]
    assert forked(lambda: at(3, twice), words) == 143
    files = second(outputs)
    assert state(files) == "running"
    assert claims.left(files.path)
    assert_goes_on(lab, outputs, words)


@pytest.mark.parametrize("stack", [ALONE, STACK])
def test_a_signal_before_anything_trains_ends_on_the_spot(forked, outputs, stack):
    def spoil():
        check = build.check

        def checked(config):
            send(signal.SIGHUP)
            return check(config)

        build.check = checked

    assert forked(spoil, [*WORDS, stack]) == 129
    assert not outputs.exists()


def test_nobody_needs_to_read_what_a_command_says(outputs):
    """As under ``| head -1``: the reader leaves after a line, the runs go on."""
    words = [*WORDS, ALONE, "seed=0,1,2", f"paths.outputs={outputs}"]
    words.remove("seed=0,1")
    command = [sys.executable, ROOT / "train.py", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"3 runs\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 0
    assert [state(files) for files in runs(outputs).values()] == ["completed"] * 3


def test_a_signal_is_not_lost_in_a_destructor():
    class Slow:
        def __del__(self):
            send()

    with stop.watching():
        stop.defer()
        Slow()
        assert eventually(stop.asked)
        with pytest.raises(stop.Stopped):
            stop.point()
        assert stop.number() == signal.SIGINT


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop.watching():
            os.kill(os.getpid(), signal.SIGHUP)
            stop.point()
            assert not stop.asked()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_pause_ends_with_a_signal():
    with stop.watching():
        stop.defer()
        pid = os.fork()
        if pid == 0:
            time.sleep(0.2)
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(0)
        with pytest.raises(stop.Stopped):
            stop.pause(PATIENCE)
        os.waitpid(pid, 0)
        assert stop.number() == signal.SIGTERM


STEP = """
import os, signal
from dl_experiments.tasks.regression import RegressionTask

class Mine(RegressionTask):
    def training_step(self, batch, _):
        super().training_step(batch, _)
        if self.epoch == 3 and self.seed == 1:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                self.optimizer.step()
            raise AssertionError("never asked")
"""


def test_a_step_of_ones_own_ends_between_its_updates(forked, outputs, tmp_path, monkeypatch):
    """It knows nothing of points; its optimizer's updates are some."""
    (tmp_path / "own_step.py").write_text(STEP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(stop, "GRACE", 0.0)
    words = [*WORDS, ALONE, "task._target_=own_step.Mine"]
    assert forked(lambda: None, words) == 130
    files = second(outputs)
    assert state(files) == "interrupted"
    assert int(files.read_checkpoint()["epoch"]) == 2
