"""Stacks in which something goes wrong: one run fails, or it is tried again; others do not mind."""

import os
import re
import signal
import sys

import pytest
import torch
from finished import runs, state
from holder import holding
from stacked import EPOCHS, SWEEP, assert_same_bits, by, stacks_of
from torch import nn

from dl_experiments import run, stop
from dl_experiments.artifacts import RunDirectory, read_metrics
from dl_experiments.callbacks.observer import Observer
from dl_experiments.leases import FOLDER, Lease
from dl_experiments.sweep import member
from dl_experiments.sweep.stack import Stack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes need Linux")

MEMORY = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."


class Raising(Observer):
    """Raises for one seed, at a moment of one's choice."""

    def __init__(self, directory, max_epochs, at):
        self.at = at

    def _look(self, task, moment):
        if (task.seed, moment) == (1, self.at):
            raise RuntimeError("cannot\nmeasure")

    def begin(self, task, data):
        self._look(task, "begin")

    def after_epoch(self, task, data):
        self._look(task, f"epoch {task.epoch}")

    def end(self, task, data):
        self._look(task, "end")


@pytest.mark.parametrize("at", ["begin", "epoch 3", "end"])
def test_what_is_raised_for_a_member_fails_that_run_only(lab, outputs, at):
    node = f"+callbacks.raising={{_target_:test_stacked_failures.Raising,at:{at}}}"
    outcome = lab(*SWEEP, "seed=0,1,2", node)
    assert outcome.code == 1
    found = by(outputs, "adhoc")
    message = f"{found[1].path}: RuntimeError: cannot measure"
    assert outcome.err.splitlines() == ["1 of 3 runs failed:", f"  {message}"]
    assert f"failed  {message}" in outcome.out
    assert [state(found[seed]) for seed in range(3)] == ["completed", "failed", "completed"]
    assert found[1].read_status().error == "RuntimeError: cannot measure"
    assert "Traceback (most recent call last)" in found[1].log.read_text()
    assert not found[1].summary.exists()
    assert "Traceback" not in found[0].log.read_text()
    assert [len(read_metrics(found[seed].metrics)) for seed in (0, 2)] == [EPOCHS + 1] * 2


class Deciding(nn.Module):
    """What it computes depends on its numbers, which only a real one has."""

    def __init__(self, input_shape, outputs, **_):
        super().__init__()
        self.first = nn.Linear(1, outputs)

    def forward(self, x):
        y = self.first(x)
        return y if y.is_meta or y.sum() > 0 else 2 * y


def test_what_turns_out_not_to_be_stackable_is_trained_alone(lab, outputs):
    net = "model._target_=test_stacked_failures.Deciding"
    outcome = lab(*SWEEP, "model=mlp", net, "seed=0,1", "sweep.stack=always")
    assert (outcome.code, outcome.err) == (0, "")
    words = "2 alone: the network (Deciding): torch.func.vmap cannot map the network"
    assert words in outcome.out
    assert [stacks_of(files) for files in runs(outputs).values()] == [1, 1]


def test_a_stack_too_large_for_memory_is_halved(lab, outputs, monkeypatch):
    assert lab(*SWEEP, "study=whole", "seed=range(0,8)").code == 0
    epoch = Stack.epoch

    def scarce(self, heartbeat):
        if len(self.tasks) > 2 and self.tasks[0].epoch > 1:
            raise RuntimeError(f"[enforce fail at alloc_cpu.cpp:121] err == 0. {MEMORY}")
        epoch(self, heartbeat)

    monkeypatch.setattr(Stack, "epoch", scarce)
    outcome = lab(*SWEEP, "seed=range(0,8)")
    assert (outcome.code, outcome.err) == (0, "")
    halved = re.findall(r"a stack of (\d+) is tried again in halves: .*", outcome.out)
    assert halved == ["8", "4", "4"]
    assert MEMORY in outcome.out
    assert len(re.findall(r"^\[\d/8\]", outcome.out, re.MULTILINE)) == 8
    whole = by(outputs, "whole")
    for seed, files in by(outputs, "adhoc").items():
        assert (state(files), files.read_status().error) == ("completed", None)
        assert stacks_of(files) <= 2
        assert_same_bits(files, whole[seed])


def test_a_member_that_has_failed_is_not_tried_again_with_the_others(lab, outputs, monkeypatch):
    epoch, seen = Stack.epoch, []

    def scarce(self, heartbeat):
        if 1 in [task.seed for task in self.tasks] and self.tasks[0].epoch > 2:  # no trial is
            seen.append(len(self.tasks))
        if len(self.tasks) > 2 and self.tasks[0].epoch > 4:
            raise RuntimeError(MEMORY)
        epoch(self, heartbeat)

    monkeypatch.setattr(Stack, "epoch", scarce)
    node = "+callbacks.raising={_target_:test_stacked_failures.Raising,at:epoch 3}"
    outcome = lab(*SWEEP, "seed=range(0,4)", node)
    assert outcome.code == 1
    assert set(seen) == {4}
    assert outcome.out.count("cannot measure") == 1
    assert "a stack of 4 is tried again in halves" in outcome.out
    assert len(re.findall(r"^\[\d/4\]", outcome.out, re.MULTILINE)) == 4
    found = by(outputs, "adhoc")
    states = {seed: "failed" if seed == 1 else "completed" for seed in range(4)}
    assert {seed: state(files) for seed, files in found.items()} == states


def test_a_member_that_fails_in_the_middle_of_a_stack_fails_alone(lab, outputs, monkeypatch):
    """The others are what they are without it, bit for bit."""
    assert lab(*SWEEP, "study=whole", "seed=range(0,5)").code == 0
    epoch = Stack.epoch

    def broken(self, heartbeat):
        if self._epoch == 3 and 3 in [task.seed for task in self.tasks]:
            raise ArithmeticError("three\nis too many")
        epoch(self, heartbeat)

    monkeypatch.setattr(Stack, "epoch", broken)
    outcome = lab(*SWEEP, "seed=range(0,5)")
    assert outcome.code == 1
    (path,) = (outputs / "adhoc").glob("*-s3-*")
    assert outcome.err.splitlines() == [
        "1 of 5 runs failed:",
        f"  {path}: ArithmeticError: three is too many",
    ]
    whole, found = by(outputs, "whole"), by(outputs, "adhoc")
    assert {seed: state(files) for seed, files in found.items()} == {
        seed: "failed" if seed == 3 else "completed" for seed in range(5)
    }
    for seed in (0, 1, 2, 4):
        assert_same_bits(found[seed], whole[seed])


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (RuntimeError(MEMORY), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory"), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError(), False),
    ],
)
def test_what_is_a_want_of_memory(error, short):
    assert member.is_out_of_memory(error) is short


def killing(monkeypatch, when):
    """Workers, not this process, kill themselves at some stack's or run's first epoch."""
    main, execute, epoch = os.getpid(), run.execute, Stack.epoch

    def fatal(runs):
        if os.getpid() != main and when(runs):
            os.kill(os.getpid(), signal.SIGKILL)

    def alone(job, *more):
        fatal([job.config["seed"]])
        return execute(job, *more)

    def together(self, heartbeat):
        fatal([task.seed for task in self.tasks])
        epoch(self, heartbeat)

    monkeypatch.setattr(run, "execute", alone)
    monkeypatch.setattr(Stack, "epoch", together)


def test_a_stack_whose_worker_is_killed_is_halved(lab, outputs, monkeypatch):
    killing(monkeypatch, lambda seeds: len(seeds) > 2)
    words = [*SWEEP, "model.hidden=[4],[5]", "seed=range(0,4)", "sweep.workers=2"]
    outcome = lab(*words)
    assert (outcome.code, outcome.err) == (0, "")
    how = "the worker process was killed by SIGKILL, perhaps for want of memory"
    assert outcome.out.count(f"a stack of 4 is tried again in halves: {how}") == 2
    found = [RunDirectory(path) for path in (outputs / "adhoc").iterdir()]
    assert [(state(files), stacks_of(files)) for files in found] == [("completed", 2)] * 8


def test_a_run_whose_worker_is_killed_is_told_in_one_line(lab, outputs, compose, monkeypatch):
    words = [*SWEEP, "sweep.stack=never", "seed=0,1,2", "sweep.workers=2"]
    with monkeypatch.context() as patch:
        killing(patch, lambda seeds: seeds == [1])
        outcome = lab(*words)
    assert outcome.code == 1
    path = run.directory(compose(*words[1:-2], "seed=1")).path
    assert outcome.err.splitlines() == [
        "1 of 3 runs failed:",
        f"  {path}: Died: the worker process was killed by SIGKILL, perhaps for want of memory",
    ]
    again = lab(*words)
    assert (again.code, again.err) == (0, "")
    assert "2 finished before" in again.out
    assert {state(files) for files in runs(outputs).values()} == {"completed"}


def test_workers_killed_when_their_runs_are_done_leave_nothing(lab, outputs, monkeypatch):
    main = os.getpid()

    def killed(lease):
        assert os.getpid() != main
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Lease, "release", killed)
    words = [*SWEEP, "model.hidden=[4],[5]", "seed=range(0,2)", "sweep.workers=2"]
    outcome = lab(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert not (outputs / "adhoc" / FOLDER).exists()


def test_a_run_that_another_process_trains_is_left_to_it(lab, outputs, compose, monkeypatch):
    """The others are trained; what the other process has left is gone on with at the end."""
    words = [word for word in SWEEP if word != "-m"]
    files = run.directory(compose(*words, "seed=1"))
    found = []

    def released(seconds):
        found.extend(stacks_of(other) for other in runs(outputs).values())
        assert [path.name for path in files.path.iterdir()] == [".claim"]
        holder.kill()

    with holding(files.path) as holder:
        monkeypatch.setattr(stop, "pause", released)
        outcome = lab(*SWEEP, "seed=0,1,2")
    assert (outcome.code, outcome.err) == (0, "")
    assert found == [2, 2]
    assert {state(files) for files in by(outputs, "adhoc").values()} == {"completed"}
    assert not list(outputs.glob("*/.leases")) + list(outputs.glob("*/*/.claim*"))


REFUSED = {
    "sweep.stack=sometimes": ["sweep.stack='sometimes'", "auto, always, never"],
    "sweep.workers=0": ["sweep.workers=0", "from 1 up"],
    "sweep.workers=many": ["sweep.workers='many'", "from 1 up"],
    "sweep.memory_gib=-1": ["sweep.memory_gib=-1", "above 0"],
    "sweep.memory_gib=0": ["sweep.memory_gib=0", "above 0"],
    "+sweep.foo=1": ["sweep.foo", "stack, workers, memory_gib"],
    "optimizer.lr=0.1,-1,0.2": ["optimizer.lr=-1 ", ": optimizer.lr=-1 is", "above 0"],
}


@pytest.mark.parametrize("word", REFUSED)
def test_what_is_impossible_is_refused_before_anything_trains(lab, outputs, word):
    outcome = lab("-m", "seed=0,1", word)
    assert outcome.code == 2
    (line,) = outcome.err.splitlines()
    for part in REFUSED[word]:
        assert part in line
    assert outcome.out == ""
    assert not outputs.exists()
