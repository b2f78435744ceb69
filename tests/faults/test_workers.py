"""A worker of a sweep is killed at some moment; the sweep ends as if nothing had happened."""

import os
import random
import signal
import time

import pytest

from .conftest import children, differing, left_over

SWEEP = ["-m", "data=sinc", "model=deep", "seed=range(0,64)", "sweep.workers=2", "logger=none"]
SWEEP += ["trainer.max_epochs=700", "sweep.stack=always"]


@pytest.mark.parametrize("seconds", ["2", ""], ids=["every 2 s", "by default"])
def test_one_worker_of_two_stacks_of_32_is_killed(commands, tmp_path, seconds):
    """20 times, at a random moment: none of 64 runs is lost or different."""
    draw = random.Random(f"kill {seconds}")
    environment = {"CHECKPOINT_SECONDS": seconds}
    where = f"paths.outputs={tmp_path}"
    began = time.monotonic()
    commands.run(*SWEEP, where, "study=whole", **environment)
    took = time.monotonic() - began
    wrong, halved = {}, 0
    for trial in range(20):
        process = commands.start(*SWEEP, where, f"study=trial{trial}", **environment)
        while len(children(process.pid)) < 2:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.6 * took))
        workers = children(process.pid)
        if workers:
            os.kill(draw.choice(workers), signal.SIGKILL)
        out, err = process.communicate()
        assert (process.returncode, err) == (0, ""), (out, err)
        halved += "is tried again in halves" in out
        if found := differing(tmp_path / f"trial{trial}", tmp_path / "whole"):
            wrong[trial] = found
        assert left_over(tmp_path / f"trial{trial}") == []
    print(f"{halved} of 20 kills hit a stack")
    assert wrong == {}
    assert halved >= 10
