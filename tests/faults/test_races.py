"""Several commands want the same runs at once, or one of them is stopped and comes back."""

import os
import re
import signal
import time

import pytest

from dl_experiments.leases import LEASE

from .conftest import ROOT, differing, left_over, of

SWEEP = ["-m", "data=sinc", "model=deep", "seed=range(0,40)", "logger=none"]
HOW = {
    "stack": ["sweep.stack=always", "trainer.max_epochs=200"],
    "alone": ["sweep.stack=never", "trainer.max_epochs=20"],
}
NO_FLOCK = """
import errno, fcntl, os
def refused(*_):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
fcntl.flock = fcntl.lockf = refused
"""


@pytest.mark.parametrize("flock", [True, False], ids=["flock", "no flock"])
@pytest.mark.parametrize("how", ["stack", "alone"])
@pytest.mark.parametrize("commanders", [2, 4])
def test_commands_race_for_40_runs(commands, tmp_path, commanders, how, flock):
    """Each run is trained once, and all commands end well."""
    environment = {}
    if not flock:
        (tmp_path / "sitecustomize.py").write_text(NO_FLOCK)
        environment["PYTHONPATH"] = f"{tmp_path}:{ROOT}"
    words = [*SWEEP, f"paths.outputs={tmp_path}", "trainer.threads=1", *HOW[how]]
    racing = [commands.start(*words, "study=raced", **environment) for _ in range(commanders)]
    for process in racing:
        out, err = process.communicate()
        assert (process.returncode, err) == (0, ""), (out, err)
    logs = [files.log.read_text() for files in of(tmp_path / "raced").values()]
    assert [len(re.findall("start on|resume on", log)) for log in logs] == [1] * 40
    commands.run(*words, "study=whole")
    assert differing(tmp_path / "raced", tmp_path / "whole") == []
    assert left_over(tmp_path / "raced") == []


@pytest.mark.parametrize("how", ["stack", "alone"])
def test_who_was_stopped_for_twice_his_lease_writes_nothing_more(commands, tmp_path, how):
    """The other one takes over when the lease is over, and is in the middle when he comes back."""
    seeds = "seed=0,1,2,3" if how == "stack" else "seed=0"  # the first of four is waited for last
    words = ["-m", "data=sinc", "model=deep", "logger=none", seeds]
    words += [f"paths.outputs={tmp_path}", "sweep.workers=1", "callbacks.snapshots.schedule=ends"]
    words += (
        ["sweep.stack=always", "trainer.max_epochs=30000"]
        if how == "stack"
        else [*["sweep.stack=never", "trainer.max_epochs=25000", "trainer.threads=1"]]
    )
    first = commands.start(*words, "study=raced", CHECKPOINT_SECONDS="2")
    folder = tmp_path / "raced"
    while not list(folder.glob("*/checkpoint.ckpt")):
        assert first.poll() is None
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    (begun, *_) = [files for files in of(folder).values() if files.checkpoint.exists()]
    claim = (begun.path / ".claim").read_bytes()
    second = commands.start(*words, "study=raced", CHECKPOINT_SECONDS="2")
    time.sleep(LEASE * 0.8)
    assert (begun.path / ".claim").read_bytes() == claim  # not before the lease is over
    time.sleep(max(0.0, stopped + 2 * LEASE - time.monotonic()))
    assert (begun.path / ".claim").read_bytes() != claim
    os.killpg(first.pid, signal.SIGCONT)
    for process in (first, second):
        out, err = process.communicate()
        assert (process.returncode, err) == (0, ""), (out, err)
    commands.run(*words, "study=whole")
    assert differing(folder, tmp_path / "whole") == []
    assert left_over(folder) == []
    log = begun.log.read_text()
    assert len(re.findall("resume on", log)) == 1
    assert len(re.findall("ended at epoch", log)) == 1
