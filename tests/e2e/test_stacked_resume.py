"""Stacked sweeps that are killed, interrupted, or go on in another way than they began."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from finished import TINY, state
from safetensors.torch import load_file

from dl_experiments import build, stop
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.recorder import Recorder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes need Linux")

EPOCHS, STOP = 8, 4
PATIENCE = 60.0  # seconds; a limit for what hangs, not for what is slow
SWEEP = [
    *["-m", *TINY, "logger=none", f"trainer.max_epochs={EPOCHS}", "trainer.log_every=1"],
    *["callbacks.snapshots.schedule=1", "schedule=cosine", "sweep.stack=always"],
]
TWO = ["model.hidden=[4],[5]", "seed=0,1,2"]  # two stacks, one for each of two workers


def of(outputs, study):
    """A study's run directories by name, which has the run id."""
    return {path.name: RunDirectory(path) for path in (outputs / study).glob("[!.]*")}


def assert_same_run(resumed, whole):
    assert resumed.metrics.read_bytes() == whole.metrics.read_bytes()
    assert resumed.snapshots().keys() == whole.snapshots().keys()
    for epoch, path in whole.snapshots().items():
        one, other = load_file(path), load_file(resumed.snapshot(epoch))
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert measured(resumed) == measured(whole)
    assert not resumed.checkpoint.exists()


def measured(files):
    """The summary without times."""
    return {k: v for k, v in files.read_summary().items() if not k.startswith("time/")}


def alive(pid):
    """Whether a process runs still; nobody may have waited for one that does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(condition):
    limit = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def stopped(lab, tmp_path):
    """``stopped(SIGKILL, 2, words)``: a process that a run signals in the middle of an epoch's end.

    A checkpoint is written at every epoch, and all workers are at work by then. Gives the exit
    code, what the process said to standard error, and the processes that trained.
    """

    def trained():
        return [int(path.name.partition("-")[2]) for path in tmp_path.glob("trains-*")]

    def sweep(sent, workers, words):
        main, record = os.getpid(), Recorder._record
        signal.signal(signal.SIGINT, signal.default_int_handler)

        def recorded(self, task, data):
            record(self, task, data)
            (tmp_path / f"trains-{os.getpid()}").touch()
            if (task.epoch, task.seed) == (STOP, 1):
                assert eventually(lambda: len(trained()) == workers)
                with suppress(FileExistsError):  # the first one: a second signal would end at once
                    (tmp_path / "sent").touch(exist_ok=False)
                    os.kill(main, sent)
                while True:  # what was sent to the parent ends its workers too
                    stop.point()
                    time.sleep(0.01)

        build.CHECKPOINT_SECONDS, Recorder._record = 0.0, recorded
        outcome = lab(*words)
        (tmp_path / "err").write_text(outcome.err)
        os._exit(outcome.code)

    def call(*arguments):
        process = multiprocessing.get_context("fork").Process(target=sweep, args=arguments)
        process.start()
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
        err = tmp_path / "err"
        return process.exitcode, err.read_text() if err.exists() else "", trained()

    return call


_whole = {}  # the same for all, whatever the workers: trained once


@pytest.mark.parametrize(
    ("sent", "workers"),
    [
        *[(signal.SIGKILL, 1), (signal.SIGKILL, 2), (signal.SIGINT, 1), (signal.SIGINT, 2)],
        *[(signal.SIGTERM, 2), (signal.SIGHUP, 1)],
    ],
)
def test_a_stopped_sweep_resumes_and_ends_as_if_nothing_had_happened(
    stopped, lab, outputs, sent, workers
):
    words = [*SWEEP, *TWO, f"sweep.workers={workers}"]
    code, err, pids = stopped(sent, workers, words)
    assert len(pids) == workers
    assert eventually(lambda: not any(alive(pid) for pid in pids))
    begun = of(outputs, "adhoc").values()
    assert len(begun) == 3 * workers
    stacks = defaultdict(set)
    for files in begun:
        saved = int(files.read_checkpoint()["epoch"]) if files.checkpoint.exists() else 0
        stacks[str(files.read_config()["model"]["hidden"])].add(saved)
    # One clock a stack; who is killed may be in the middle of writing.
    most = 2 if sent == signal.SIGKILL else 1
    assert all(len(epochs) <= most for epochs in stacks.values())
    assert {STOP - 1} in stacks.values()
    resumed = [files for files in begun if files.checkpoint.exists()]
    if sent == signal.SIGKILL:
        assert code == -signal.SIGKILL
        assert {state(files) for files in begun} == {"running"}
    else:
        assert code == 128 + sent
        assert err.strip() == "interrupted; the same command goes on from here"
        assert {state(files) for files in begun} == {"interrupted"}

    again = lab(*words)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith(f"6 runs: {len(resumed)} resumed, in stacks of ")
    if not _whole:
        assert lab(*words, "study=whole").code == 0
        _whole.update(of(outputs, "whole"))
    whole = _whole
    assert len(whole) == 6
    for name, files in of(outputs, "adhoc").items():
        assert state(files) == "completed"
        assert_same_run(files, whole[name])


@pytest.mark.parametrize(("before", "after"), [("always", "never"), ("never", "always")])
def test_a_run_goes_on_in_the_way_it_began(lab, outputs, monkeypatch, before, after):
    """Alone or in a stack: its last digits depend on that, whatever the second command asks for."""
    words = [*SWEEP, "seed=0,1,2", "sweep.workers=1", "optimizer.lr=0.01"]
    monkeypatch.setattr(build, "CHECKPOINT_SECONDS", 0.0)
    record = Recorder._record

    def recorded(self, task, data):
        record(self, task, data)
        if task.epoch == STOP:
            raise RuntimeError("stop")

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "_record", recorded)
        assert lab(*words, f"sweep.stack={before}").code == 1
    found = of(outputs, "adhoc").values()
    assert {state(files) for files in found} == {"failed"}
    assert {int(files.read_checkpoint()["epoch"]) for files in found} == {STOP - 1}
    resumed = lab(*words, f"sweep.stack={after}")
    assert (resumed.code, resumed.err) == (0, "")
    assert resumed.out.startswith("3 runs: 3 resumed" + ", in stacks of 3" * (before == "always"))
    assert lab(*words, f"sweep.stack={before}", "study=whole").code == 0
    whole = of(outputs, "whole")
    for name, files in of(outputs, "adhoc").items():
        assert state(files) == "completed"
        assert_same_run(files, whole[name])
        assert f"sweep.stack={before}" in json.loads(files.provenance.read_text())["command"]
