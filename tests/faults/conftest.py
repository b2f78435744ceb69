"""Commands in processes of their own, which are killed, stopped and raced."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dl_experiments.artifacts import RunDirectory

ROOT = Path(__file__).parents[2]
DRIVER = """
import os, runpy, sys
from dl_experiments import build
seconds = os.environ.get("CHECKPOINT_SECONDS")
if seconds:
    build.CHECKPOINT_SECONDS = float(seconds)
sys.argv[0] = {train!r}
sys.path[0] = {root!r}
runpy.run_path({train!r}, run_name="__main__")
"""


class Commands:
    """Starts ``python train.py`` in the background."""

    def __init__(self, folder):
        self.driver = folder / "driver.py"
        self.driver.write_text(DRIVER.format(root=str(ROOT), train=str(ROOT / "train.py")))
        self.started = []

    def start(self, *words, **environment):
        """A running command, leader of a group of its own."""
        process = subprocess.Popen(
            [sys.executable, str(self.driver), *words],
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *words, **environment):
        """One that has ended well; what it said."""
        process = self.start(*words, **environment)
        out, err = process.communicate()
        assert (process.returncode, err) == (0, ""), (process.returncode, out, err)
        return out


@pytest.fixture
def commands(tmp_path):
    made = Commands(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def children(pid):
    """The processes that a process has started."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def of(folder):
    """Name, which has the run id -> run directory of a study."""
    return {path.name: RunDirectory(path) for path in sorted(folder.glob("[!.]*"))}


def differing(folder, whole):
    """Runs of a study that are not what they are where nothing has happened, bit for bit."""
    found, wanted = of(folder), of(whole)
    assert found.keys() == wanted.keys()
    return [name for name, files in found.items() if not same(files, wanted[name])]


def same(one, other):
    if one.read_status() is None or one.read_status().state != "completed":
        return False
    if one.metrics.read_bytes() != other.metrics.read_bytes() or one.checkpoint.exists():
        return False
    if one.snapshots().keys() != other.snapshots().keys():
        return False
    for epoch in one.snapshots():
        mine, theirs = (load_file(files.snapshot(epoch)) for files in (one, other))
        if not all(torch.equal(mine[key], theirs[key]) for key in theirs):
            return False
    measures = sorted(path.name for path in other.measures.glob("*.npz"))
    return measures == sorted(path.name for path in one.measures.glob("*.npz")) and all(
        equal_arrays(one.measures / name, other.measures / name) for name in measures
    )


def equal_arrays(one, other):
    import numpy as np

    with np.load(one) as mine, np.load(other) as theirs:
        return mine.files == theirs.files and all(
            np.array_equal(mine[key], theirs[key], equal_nan=mine[key].dtype.kind == "f")
            for key in mine.files
            if key != "seconds"
        )


def left_over(folder):
    """Claims and leases that nobody gave back, and temporary files."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob(".*") if ".aside" not in p.parts)
