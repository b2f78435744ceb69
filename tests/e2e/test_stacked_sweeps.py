"""Sweeps that train in stacks: the command is the same, and so is what each run leaves."""

import json
import math
import re
import sys

import pytest
import torch
from finished import runs, state
from safetensors.torch import load_file
from stacked import EPOCHS, QUIET, SWEEP, assert_same_bits, by, stacks_of

from dl_experiments import run
from dl_experiments.artifacts import RunDirectory, read_metrics
from dl_experiments.job import Job
from dl_experiments.sweep import kernel, unit
from dl_experiments.sweep.plan import plan
from dl_experiments.sweep.stack import Stack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes need Linux")

LAYOUTS = ["lanes", "rows"]


@pytest.fixture
def layout(request, monkeypatch):
    """Members innermost, or batched products as without a compiler."""
    if request.param == "rows":
        monkeypatch.setattr(kernel, "load", lambda dtype: None)
    elif kernel.load(torch.float32) is None:
        pytest.skip("no C compiler")


def learning_rate(config):
    return config["optimizer"]["lr"]


def names(files):
    """All it holds; an event file's own name has the time in it."""
    found = (str(path.relative_to(files.path)) for path in files.path.rglob("*"))
    return sorted(re.sub(r"(tfevents)\..*", r"\1", name) for name in found)


# --- nobody asks for it


def test_a_sweep_over_seeds_is_stacked_without_being_asked(lab, outputs):
    words = ["model=deep,shallow", "data=sinc", "data.samples=16", "data.batch_size=8"]
    words += ["data.test_samples=5", "trainer.max_epochs=2"]
    sweep = ["-m", *words, "seed=range(0,32)"]
    first = lab(*sweep)
    assert (first.code, first.err) == (0, "")
    lines = first.out.splitlines()
    assert re.match(r"64 runs: in stacks of \d+(, \d+)*$", lines[0])
    announced = [int(number) for number in re.findall(r"\d+", lines[0])[1:]]
    assert sum(announced) == 64
    begun = [re.fullmatch(r"stack of (\d+): (\S+) and (\d+) more", line) for line in lines]
    begun = [(int(m[1]), m[2], int(m[3])) for m in begun if m]
    assert sorted(size for size, _, _ in begun) == sorted(announced)
    number = r"\d[\d.e+-]*"
    ended = [line for line in lines if line.startswith("[")]
    assert len(ended) == 64
    for place, line in enumerate(ended, start=1):
        assert re.fullmatch(
            rf"\[{place}/64\] (deep|shallow)-sinc-s\d+-[0-9a-f]{{10}}  completed at epoch 2"
            rf"  {number} s  train/loss {number}  test/loss {number}",
            line,
        )
    assert len(lines) == 1 + len(begun) + 64

    found = runs(outputs)
    assert len(found) == 64
    assert {state(files) for files in found.values()} == {"completed"}
    firsts = {name for _, name, _ in begun}
    assert firsts < {files.path.name for files in found.values()}
    alone = lab("-m", *words, "seed=0,31", "study=alone", "sweep.stack=never", "sweep.workers=1")
    assert alone.out.splitlines()[0] == "4 runs"
    for other in map(RunDirectory, (outputs / "alone").iterdir()):
        files = RunDirectory(outputs / "adhoc" / other.path.name)  # with its run id
        assert names(files) == names(other)
        mine, theirs = files.read_config(), other.read_config()
        assert mine | {"study": "alone", "sweep": theirs["sweep"]} == theirs
        assert files.read_summary().keys() == other.read_summary().keys()
        assert json.loads(files.status.read_text()).keys() == (
            json.loads(other.status.read_text()).keys()
        )
        assert (stacks_of(files) in announced, stacks_of(other)) == (True, 1)
        assert load_file(files.snapshot(0)).keys() == load_file(other.snapshot(0)).keys()

    before = {path: path.stat().st_mtime_ns for path in outputs.rglob("*")}
    again = lab(*sweep)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith("64 runs: 64 finished before\nskipped")
    other = ["sweep.stack=never", "sweep.workers=3", "sweep.memory_gib=0.1"]
    assert lab(*sweep, "seed=0,31", *other).out.startswith("4 runs: 4 finished before\nskipped")
    assert {path: path.stat().st_mtime_ns for path in outputs.rglob("*")} == before


def test_what_can_be_stacked_and_what_cannot_return_in_order(compose, capsys):
    words = [*QUIET[1:], "trainer.max_epochs=2", "sweep.workers=1"]
    chosen = ["optimizer=lbfgs", "optimizer=adam", "optimizer=adam", "optimizer=lbfgs"]
    chosen += ["optimizer=adam"]
    cells = [Job(compose(*words, w, f"seed={s}"), [w]) for s, w in enumerate(chosen)]
    returned = [call(None) for call in plan(cells)]
    expected = [run.directory(cell.config).read_summary()["test/loss"] for cell in cells]
    assert returned == expected
    assert len(set(returned)) == 5
    assert [stacks_of(run.directory(cell.config)) for cell in cells] == [1, 3, 3, 1, 3]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "5 runs: in stacks of 3",
        "2 alone: no stacked update rule for LBFGS",
    ]
    assert "trained alone: no stacked update rule" in run.directory(cells[0].config).log.read_text()


@pytest.mark.parametrize("words", [[], ["-m", "seed=0,1"]])
def test_under_hydra_s_own_launcher_each_run_is_alone(lab, outputs, words):
    outcome = lab(*words, *QUIET[1:], "hydra/launcher=basic", "trainer.max_epochs=1")
    assert (outcome.code, outcome.err) == (0, "")
    found = list(runs(outputs).values())
    assert len(found) == (2 if words else 1)
    assert {(state(files), stacks_of(files)) for files in found} == {("completed", 1)}


def test_augmentation_is_each_members_own(lab, outputs):
    words = ["-m", "data=digits", "model=mlp", "model.hidden=[4]", "data.samples=16"]
    words += ["data.batch_size=8", "trainer.max_epochs=3", "trainer.precision=64-true"]
    words += ["data.augment=null,1,2", "logger=none", "sweep.workers=1"]
    for stack in ("always", "never"):
        assert lab(*words, f"study={stack}", f"sweep.stack={stack}").code == 0
    stacked, alone = (
        by(outputs, study, lambda config: config["data"]["augment"])
        for study in ("always", "never")
    )
    assert {stacks_of(files) for files in stacked.values()} == {3}
    for augment, files in stacked.items():
        mine, theirs = (read_metrics(f.metrics)[-1] for f in (files, alone[augment]))
        assert mine == pytest.approx(theirs, rel=1e-9)


# --- members that end before the others


@pytest.mark.parametrize("layout", LAYOUTS, indirect=True)
def test_a_member_that_diverges_is_marked_and_leaves_the_others_alone(lab, outputs, layout):
    words = [*SWEEP, "optimizer=sgd", "optimizer.momentum=0.5", "trainer.precision=64-true"]
    outcome = lab(*words, "study=all", "optimizer.lr=0.01,1e6,0.02,0.03")
    assert (outcome.code, outcome.err) == (0, "")
    assert "diverged at epoch" in outcome.out
    assert lab(*words, "study=without", "optimizer.lr=0.01,0.02,0.03").code == 0
    assert lab(*words, "study=alone", "optimizer.lr=1e6", "sweep.stack=never").code == 0
    with_it, without, alone = (by(outputs, s, learning_rate) for s in ("all", "without", "alone"))
    for rate, files in without.items():
        assert (state(files), stacks_of(files), stacks_of(with_it[rate])) == ("completed", 3, 4)
        assert_same_bits(with_it[rate], files)

    mine, theirs = with_it[1e6], alone[1e6]
    assert state(mine) == state(theirs) == "diverged"
    assert names(mine) == names(theirs)
    assert mine.read_status().epoch == theirs.read_status().epoch < EPOCHS
    assert "train/loss" not in mine.read_summary()
    rows = [read_metrics(files.metrics) for files in (mine, theirs)]
    assert len(rows[0]) == len(rows[1]) > 1
    for one, other in list(zip(*rows, strict=True))[:-1]:
        assert one == pytest.approx(other, rel=1e-6)
    assert not any(math.isfinite(own[-1]["train/loss"]) for own in rows)
    epochs = list(mine.snapshots())
    for epoch in epochs[:-1]:
        one, other = (load_file(files.snapshot(epoch)) for files in (mine, theirs))
        for name in one:
            torch.testing.assert_close(one[name], other[name], rtol=1e-6, atol=0)
    assert epochs[-1] == mine.read_status().epoch


@pytest.mark.parametrize("layout", LAYOUTS, indirect=True)
def test_a_member_stops_by_itself_and_the_others_do_not_notice(lab, outputs, monkeypatch, layout):
    words = [*SWEEP, "optimizer.lr=0.01", "seed=range(0,6)"]
    assert lab(*words, "study=whole").code == 0
    whole = by(outputs, "whole")
    losses = {s: [r["train/loss"] for r in read_metrics(f.metrics)] for s, f in whole.items()}
    target = sorted(min(own[: EPOCHS - 2]) for own in losses.values())[3]
    reached = {s: [e for e, loss in enumerate(own) if loss <= target] for s, own in losses.items()}
    ends = {seed: min([*epochs, EPOCHS]) for seed, epochs in reached.items()}
    assert sum(end < EPOCHS - 1 for end in ends.values()) == 4  # more than half of six, early
    assert len(set(ends.values())) > 2

    sizes = []
    monkeypatch.setattr(
        unit, "Stack", lambda runs, how: sizes.append(len(runs)) or Stack(runs, how)
    )
    assert lab(*words, "study=stopped", f"trainer.target_loss={target!r}").code == 0
    assert sizes[0] == 6
    assert sizes[-1] <= 3  # what is left is a stack of its own
    for seed, files in by(outputs, "stopped").items():
        assert (state(files), files.read_status().epoch) == ("completed", ends[seed])
        assert max(files.snapshots()) == ends[seed]
        assert_same_bits(files, whole[seed], ends[seed])
