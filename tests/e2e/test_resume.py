"""Runs that are killed, interrupted or wanted twice at once."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from commands import command
from finished import TINY, assert_scalars_are_the_metrics, runs, state
from holder import holding
from safetensors.torch import load_file
from silent import Unseen

from dl_experiments import build, run, stop
from dl_experiments.artifacts import RunDirectory, read_metrics
from dl_experiments.callbacks.recorder import Recorder
from dl_experiments.job import Job
from dl_experiments.sweep import unit

ROOT = Path(__file__).parents[2]

SLOW = [*TINY, "trainer.max_epochs=40", "trainer.log_every=1", "callbacks.snapshots.schedule=1"]
# ``train.py`` with a checkpoint every epoch, which does something at an epoch of its choice
DRIVER = """
import os, runpy, signal, sys
from dl_experiments import build
from dl_experiments.callbacks.recorder import Recorder

build.CHECKPOINT_SECONDS = 0.0
signal_name, epoch = os.environ["SEND"].split(":")
record = Recorder._record

def recorded(self, task, data):
    record(self, task, data)
    if task.epoch == int(epoch):
        os.kill(os.getpid(), getattr(signal, signal_name))

Recorder._record = recorded
sys.argv[0] = sys.path[0] = {root!r}
sys.argv[0] = {train!r}
runpy.run_path({train!r}, run_name="__main__")
"""


@pytest.fixture
def driven(tmp_path, outputs):
    """``driven("SIGKILL:20", ...)``: a process that sends itself a signal at an epoch."""
    driver = tmp_path / "driver.py"
    driver.write_text(DRIVER.format(root=str(ROOT), train=str(ROOT / "train.py")))

    def call(send, *words):
        return command(driver, *words, f"paths.outputs={outputs}", cwd=tmp_path, SEND=send)

    return call


def assert_same_run(resumed, whole):
    assert resumed.path.name == whole.path.name
    assert resumed.metrics.read_bytes() == whole.metrics.read_bytes()
    assert resumed.snapshots().keys() == whole.snapshots().keys()
    for epoch, path in whole.snapshots().items():
        one, other = load_file(path), load_file(resumed.snapshot(epoch))
        assert all(torch.equal(one[name], other[name]) for name in one)
    skipped = {"time/fit_seconds", "time/evaluation_seconds"}  # a run in pieces has no one time
    summary = whole.read_summary()
    assert resumed.read_summary() == {k: v for k, v in summary.items() if k not in skipped}


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_killed_run_resumes_and_ends_as_if_nothing_had_happened(
    driven, lab, outputs, tmp_path, optimizer
):
    more = ["schedule=cosine", f"optimizer={optimizer}", "model.dropout=0.2"]
    words = [*SLOW, *more]
    killed = driven("SIGKILL:20", *words)
    assert killed.returncode == -signal.SIGKILL
    (files,) = runs(outputs).values()
    assert state(files) == "running"
    saved = torch.load(files.checkpoint, weights_only=True)
    assert saved["epoch"] == 19  # the row of epoch 20 was written, its checkpoint was not
    assert len(read_metrics(files.metrics)) == 21
    # what was measured after the checkpoint is measured again: spoil it to see that
    text = files.metrics.read_text().splitlines()
    files.metrics.write_text("\n".join([*text[:-1], "40,20,5.0,5.0", "42,2"]))

    outcome = lab(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert "1 run: 1 resumed" in outcome.out
    assert "INFO dl_experiments.attempt: resume on cpu" in files.log.read_text()
    assert state(files) == "completed"
    assert not files.checkpoint.exists()
    assert lab(*words, "study=whole").code == 0
    (whole,) = (outputs / "whole").iterdir()
    assert_same_run(files, RunDirectory(whole))
    assert_scalars_are_the_metrics(files)


def test_an_interrupt_ends_as_interrupted_and_resumes(driven, lab, outputs):
    one_by_one = ["sweep.stack=never", "sweep.workers=1"]
    words = ["-m", *SLOW, *one_by_one, "seed=0,1", "logger=none"]
    stopped = driven("SIGINT:5", *words)
    assert stopped.returncode == 130
    assert stopped.stderr.strip() == "interrupted; the same command goes on from here"
    (files,) = runs(outputs).values()  # the second was not begun
    status = files.read_status()
    assert (status.state, status.epoch) == ("interrupted", 5)
    assert files.checkpoint.exists()
    assert lab(*words).code == 0
    assert lab(*words, "study=whole").code == 0
    ended = [RunDirectory(path.parent).read_status() for path in outputs.glob("*/*/status.json")]
    assert [status.state for status in ended] == ["completed"] * 4
    (whole,) = (outputs / "whole").glob("*-s0-*")
    (resumed,) = (outputs / "adhoc").glob("*-s0-*")
    assert_same_run(RunDirectory(resumed), RunDirectory(whole))


def test_a_checkpoint_that_cannot_be_read_starts_the_run_over(lab, outputs, compose, caplog):
    words = [*TINY, "trainer.max_epochs=3"]
    config = compose(*words)
    files = run.directory(config)
    files.path.mkdir(parents=True)
    files.write_status(run.Status("running", "x", "2026"))
    files.checkpoint.write_bytes(b"half of one")
    outcome = lab(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert state(files) == "completed"
    assert "starting over" in files.log.read_text()
    assert_scalars_are_the_metrics(files)


def test_checkpoints_are_taken_when_the_last_one_is_old(lab, outputs, monkeypatch):
    """A short run takes none; where each epoch is old enough, each is kept in turn."""
    saved = []
    replace = os.replace

    def replaced(source, target):
        if str(target).endswith("checkpoint.ckpt"):
            saved.append(torch.load(source, weights_only=True)["epoch"])
        replace(source, target)

    monkeypatch.setattr(os, "replace", replaced)
    assert lab(*TINY, "trainer.max_epochs=4", "seed=1", "logger=none").code == 0
    assert saved == []
    monkeypatch.setattr(build, "CHECKPOINT_SECONDS", 0.0)
    assert lab(*TINY, "trainer.max_epochs=4", "logger=none").code == 0
    assert saved == [1, 2, 3]  # nothing is left to resume after the last


def test_one_run_is_one_process_at_a_time(lab, outputs, compose, monkeypatch):
    words = [*TINY, "trainer.max_epochs=1", "logger=none"]
    files = run.directory(compose(*words))
    with holding(files.path) as holder:
        anew = lab(*words, "rerun=true")
        assert anew.code == 2
        said = f"{files.path}: process {holder.process.pid} on "
        assert anew.err.startswith(said)
        assert anew.err.endswith(" is training this run\n")
        assert sorted(path.name for path in files.path.iterdir()) == [".claim"]

        monkeypatch.setattr(stop, "pause", lambda seconds: holder.release())
        outcome = lab("-m", *words, "seed=0,1")
        assert (outcome.code, outcome.err) == (0, "")
        assert "waiting for 1 that another process is training" in outcome.out
    assert [state(f) for f in runs(outputs).values()] == ["completed"] * 2
    assert len(list((outputs / "adhoc").iterdir())) == 2


def test_what_a_killed_command_left_of_a_finished_run_goes(lab, outputs):
    words = [*TINY, "trainer.max_epochs=1", "logger=none"]
    assert lab(*words).code == 0
    (files,) = runs(outputs).values()
    before = sorted(files.path.rglob("*"))
    files.checkpoint.touch()
    files.taken.rename(files.measures / ".taken.json.0123abcd")
    with holding(files.path):
        assert lab(*words).code == 0
        assert files.checkpoint.exists()  # it has one who sees to it
    assert (files.path / ".claim").exists()
    assert "skipped" in lab(*words).out
    assert sorted(files.path.rglob("*")) == before


def test_all_runs_are_trained_anew_or_none(lab, outputs, compose):
    words = [*TINY, "trainer.max_epochs=1", "logger=none"]
    assert lab("-m", *words, "seed=0,1").code == 0
    before = {path: path.read_bytes() for path in outputs.rglob("*") if path.is_file()}
    with holding(run.directory(compose(*words, "seed=1")).path) as holder:
        anew = lab("-m", *words, "seed=0,1", "rerun=true")
        assert anew.code == 2
        assert f"process {holder.process.pid} on" in anew.err
        assert not (outputs / "adhoc" / ".aside").exists()
    assert {path: path.read_bytes() for path in before} == before
    assert lab("-m", *words, "seed=0,1", "rerun=true").code == 0
    assert len(list((outputs / "adhoc" / ".aside").iterdir())) == 2
    assert not list(outputs.rglob(".claim"))


@pytest.mark.parametrize("stack", ["never", "always"])
def test_a_run_that_is_finished_when_it_is_claimed_is_left_as_it_is(lab, outputs, compose, stack):
    """It was planned before another process finished it."""
    words = [*TINY, "trainer.max_epochs=1", "logger=none", f"sweep.stack={stack}"]
    assert lab(*words).code == 0
    (files,) = runs(outputs).values()
    done = {path: path.read_bytes() for path in files.path.rglob("*") if path.is_file()}
    job = Job(compose(*words))
    (error,) = unit.train(unit.Unit([job], 1, "asked" if stack == "never" else ""), Unseen())
    assert isinstance(error, run.RunTaken)
    assert {path: path.read_bytes() for path in files.path.rglob("*") if path.is_file()} == done


def test_what_is_finished_when_it_is_claimed_stays_so_where_the_others_are_stopped(
    lab, outputs, compose, monkeypatch
):
    words = [*TINY, "trainer.max_epochs=5", "trainer.log_every=1", "logger=none"]
    assert lab(*words, "seed=0").code == 0
    (files,) = runs(outputs).values()
    done = {path: path.read_bytes() for path in files.path.rglob("*") if path.is_file()}
    record = Recorder._record

    def stopping(self, task, data):
        record(self, task, data)
        if task.epoch == 2:
            raise stop.Stopped

    monkeypatch.setattr(Recorder, "_record", stopping)
    jobs = [Job(compose(*words, f"seed={seed}")) for seed in (0, 1, 2)]
    with pytest.raises(stop.Stopped):
        unit.train(unit.Unit(jobs, 1), Unseen())
    states = [RunDirectory(job.path).read_status().state for job in jobs]
    assert states == ["completed", "interrupted", "interrupted"]
    assert {path: path.read_bytes() for path in files.path.rglob("*") if path.is_file()} == done


def test_a_run_that_another_process_finishes_is_not_trained_again(
    lab, outputs, compose, monkeypatch
):
    words = [*TINY, "trainer.max_epochs=1", "logger=none"]
    assert lab(*words, "seed=1").code == 0
    files = run.directory(compose(*words, "seed=1"))
    done = {path.name: path.read_bytes() for path in files.path.iterdir() if path.is_file()}
    status = files.read_status()
    files.write_status(replace(status, state="running"))

    def finish(seconds):
        files.write_status(status)
        holder.release()

    with holding(files.path) as holder:
        monkeypatch.setattr(stop, "pause", finish)
        outcome = lab("-m", *words, "seed=0,1")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"[2/2] {files.path.name}  finished by another process" in outcome.out
    assert {p.name: p.read_bytes() for p in files.path.iterdir() if p.is_file()} == done
