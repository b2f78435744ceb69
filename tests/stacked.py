"""Sweeps that are trained in stacks: small ones, and what they have left."""

import json

import torch
from finished import TINY
from safetensors.torch import load_file

from dl_experiments.artifacts import RunDirectory, read_metrics
from dl_experiments.job import Job
from dl_experiments.run import directory
from dl_experiments.sweep.plan import plan

EPOCHS = 10
QUIET = ["-m", *TINY, "logger=none", f"trainer.max_epochs={EPOCHS}", "trainer.log_every=1"]
SWEEP = [*QUIET, "callbacks.snapshots.schedule=1", "sweep.workers=1"]


def by(outputs, study, key=lambda config: config["seed"]):
    """A study's run directories by something of their configs."""
    found = map(RunDirectory, (outputs / study).iterdir())
    return {key(files.read_config()): files for files in found}


def assert_same_bits(one, other, last=EPOCHS):
    """Rows and snapshots up to an epoch."""
    rows = [[row for row in read_metrics(f.metrics) if row["epoch"] <= last] for f in (one, other)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == last + 1
    for epoch in range(last + 1):
        mine, theirs = load_file(one.snapshot(epoch)), load_file(other.snapshot(epoch))
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def assert_training_does_not_notice(compose, words, measured, other, stack, measure):
    """With a measurement and without it: the same ids, rows and snapshots, bit for bit."""
    ends = {}
    for study, node in (("with", measured), ("without", other)):
        common = [*words, f"study={study}", f"sweep.stack={stack}", "sweep.workers=1"]
        cells = [Job(compose(*common, *node, f"seed={seed}"), []) for seed in (3, 4)]
        for call in plan(cells):
            call(None)
        ends[study] = [directory(cell.config) for cell in cells]
    for one, other in zip(ends["with"], ends["without"], strict=True):
        assert one.path.name == other.path.name  # the same run id
        assert one.metrics.read_text() == other.metrics.read_text()
        assert list(one.snapshots()) == list(other.snapshots())
        for epoch in one.snapshots():
            mine, theirs = load_file(one.snapshot(epoch)), load_file(other.snapshot(epoch))
            assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
        assert (one.measures / f"{measure}.npz").exists()
        assert not (other.measures / f"{measure}.npz").exists()


def stacks_of(files):
    """How many runs its stack had."""
    return json.loads(files.provenance.read_text())["stack"]
