"""Sweeps that are trained in stacks: small ones, and what they have left."""

import json

import torch
from finished import TINY
from safetensors.torch import load_file

from dl_experiments.artifacts import RunDirectory, read_metrics

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


def stacks_of(files):
    """How many runs its stack had."""
    return json.loads(files.provenance.read_text())["stack"]
