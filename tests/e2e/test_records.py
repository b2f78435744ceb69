"""A run knows what it was trained on, and nothing goes on with something else."""

import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import Said, command
from finished import runs, state

from dl_experiments import build
from dl_experiments.analysis.pipeline import analyze
from dl_experiments.artifacts import RunDirectory, read_metrics
from dl_experiments.callbacks.recorder import Recorder
from dl_experiments.stop import Stopped

ROOT = Path(__file__).parents[2]
USERS = Path(__file__).parents[1] / "users"
sys.path.append(str(USERS))

QUIET = ["model=mlp", "model.hidden=[5]", "trainer.log_every=1", "logger=none"]
QUIET += [
    "data=mine_values",
    "~measurements.predictions",
    f"hydra.searchpath=[file://{USERS}/conf]",
]


def write(file: Path, factor: float) -> None:
    x = np.linspace(-1, 1, 40)
    np.savetxt(file, np.c_[x, factor * x], delimiter=",")


@pytest.fixture
def table(tmp_path):
    """The words for a table of numbers in a file, and that file."""
    file = tmp_path / "table.csv"
    write(file, 1)
    own = ["data._target_=users_data.Table", f"+data.file={file}"]
    return file, [*QUIET, *own, "trainer.max_epochs=6", "sweep.workers=1"]


@pytest.fixture
def interrupted(lab, table, monkeypatch):
    """The words of a run that has been interrupted after three epochs, with a checkpoint."""
    _, words = table
    monkeypatch.setattr(build, "CHECKPOINT_SECONDS", 0.0)
    record = Recorder._record

    def stopping(self, task, data):
        record(self, task, data)
        if task.epoch == 3:
            raise Stopped

    with monkeypatch.context() as context:
        context.setattr(Recorder, "_record", stopping)
        assert lab(*words).code == 130
    return words


def test_a_run_does_not_go_on_with_other_data(lab, outputs, table, interrupted):
    file, _ = table
    (files,) = runs(outputs).values()
    before = {p.name: p.read_bytes() for p in files.path.iterdir() if p.is_file()}
    write(file, 2)
    outcome = lab(*interrupted)
    assert outcome.code == 2
    (line,) = outcome.err.strip().splitlines()
    assert "training targets and test targets differ from what this run was trained on" in line
    assert "put that back" in line
    assert "rerun=true" in line
    assert {p.name: p.read_bytes() for p in files.path.iterdir() if p.is_file()} == before
    write(file, 1)  # the first way on
    assert lab(*interrupted).code == 0
    assert state(files) == "completed"
    assert [row["epoch"] for row in read_metrics(files.metrics)] == list(range(7))


def test_a_run_is_trained_anew_and_the_old_one_moved_aside(lab, outputs, table, interrupted):
    file, _ = table
    (files,) = runs(outputs).values()
    rows = files.metrics.read_bytes()
    write(file, 2)
    assert lab(*interrupted, "rerun=true").code == 0  # the second way on
    assert state(files) == "completed"
    aside = files.path.parent / ".aside"
    assert (aside / f"{files.path.name}-1" / "metrics.csv").read_bytes() == rows
    assert lab(*interrupted, "rerun=true").code == 0
    assert len(list(aside.iterdir())) == 2
    assert "rerun" not in json.loads(files.provenance.read_text())["command"]


def test_rerun_is_true_or_false(lab, outputs):
    outcome = lab("rerun=again")
    assert (outcome.code, outcome.err) == (2, "rerun='again' is not true or false\n")
    assert not outputs.exists()


def test_a_member_of_a_stack_that_finds_other_data_fails_alone_and_keeps_its_checkpoint(
    lab, outputs, table, interrupted, compose, monkeypatch
):
    """As planned all is well; the file changes before the runs themselves load it."""
    file, words = table
    (files,) = runs(outputs).values()
    load = RunDirectory.read_provenance
    monkeypatch.setattr(
        RunDirectory, "read_provenance", lambda self: {}
    )  # so planning sees nothing
    write(file, 2)
    outcome = lab("-m", *words, "seed=0,1", "sweep.stack=always")
    monkeypatch.setattr(RunDirectory, "read_provenance", load)
    assert outcome.code == 1
    assert "1 of 2 runs failed" in outcome.err
    assert "differ from what this run was trained on" in outcome.err
    assert files.checkpoint.exists()
    write(file, 1)
    assert lab("-m", *words, "seed=0").code == 0
    assert [row["epoch"] for row in read_metrics(files.metrics)] == list(range(7))


def test_finished_runs_of_other_data_are_told_and_left_out_of_the_report(lab, outputs, table):
    file, words = table
    assert lab("-m", *words, "seed=0,1").code == 0
    same = lab("-m", *words, "seed=0,1,2")
    assert "something else" not in same.out
    write(file, 100)
    outcome = lab("-m", *words, "seed=range(0,5)")
    assert "3 of those finished before were trained on something else: training targets" in (
        outcome.out
    )
    written = analyze(outputs, dpi=40)
    assert sorted(run.seed for run in written.found.runs) == [3, 4]
    (note,) = written.notes
    assert note.startswith("left out: adhoc: trained on something else than the latest runs")
    assert all(f"mlp-mine-s{seed}" in note for seed in (0, 1, 2))
    assert "Left out" in written.report.read_text()


def test_a_measurement_is_not_taken_of_other_data(lab, outputs):
    words = ["data=digits", "model=mlp", "model.hidden=[4]", "data.samples=64", "logger=none"]
    words += ["trainer.max_epochs=1", "data.batch_size=16"]
    assert lab(*words).code == 0
    (files,) = runs(outputs).values()
    facts = json.loads(files.provenance.read_text())
    facts["data"]["test inputs"] = "another"
    files.provenance.write_text(json.dumps(facts))
    outcome = lab(
        *words,
        "+measurements.sensitivity._target_=dl_experiments.callbacks.sensitivity.Sensitivity",
        "+measurements.sensitivity.samples=16",
        "+measurements.sensitivity.evaluation_batches=[8]",
    )
    assert outcome.code == 1
    assert "test inputs differ from what this run was trained on" in outcome.err
    assert state(files) == "completed"
    assert list(files.measures.iterdir()) == [files.taken]


def test_each_variant_is_prepared_once(lab, outputs, tmp_path):
    own = ["data._target_=users_data.Prepared", f"+data.folder={tmp_path}/files"]
    words = ["-m", *QUIET, *own, "+data.variant=1,2,3", "seed=0,1", "trainer.max_epochs=2"]
    assert lab(*words).code == 0
    calls = (tmp_path / "files/calls").read_text().split()
    assert sorted(calls) == [f"{tmp_path}/files/{variant}.npy" for variant in (1, 2, 3)]


NET = """
from torch import nn

FACTOR = 1.0

class Net(nn.Module):
    '''A net of one's own.'''
    def __init__(self, input_shape, outputs):
        super().__init__()
        self.layer = nn.Linear(1, outputs)

    def forward(self, x):
        return FACTOR * self.layer(x)
"""


def in_shell(line: str, **more: str) -> Said:
    """What a shell makes of ``NAME=value ... python script words``."""
    words = shlex.split(line)
    script = words.index("python")
    variables = dict(word.split("=", 1) for word in words[:script])
    return command(ROOT / words[script + 1], *words[script + 2 :], cwd=ROOT, **more, **variables)


def test_code_of_ones_own_is_recorded_and_the_command_reproduces_the_run(tmp_path, outputs):
    (tmp_path / "my/model").mkdir(parents=True)
    (tmp_path / "my/model/mine.yaml").write_text("_target_: my_net.Net\nname: mine\n")
    net = tmp_path / "my_net.py"
    net.write_text(NET)
    words = ["--config-dir", str(tmp_path / "my"), "model=mine", "data=sinc", "logger=none"]
    words += ["trainer.max_epochs=2", f"paths.outputs={outputs}", "~measurements.predictions"]
    first = in_shell(shlex.join(["python", "train.py", *words]), PYTHONPATH=str(tmp_path))
    assert first.returncode == 0, first.stderr
    (files,) = runs(outputs).values()
    facts = json.loads(files.provenance.read_text())
    assert list(facts["code"]) == ["my_net.Net"]

    outputs.rename(tmp_path / "first")
    again = in_shell(facts["command"])  # without PYTHONPATH: the command brings it
    assert again.returncode == 0, again.stderr
    (files,) = runs(outputs).values()
    same = json.loads(files.provenance.read_text())
    assert {key: same[key] for key in ("data", "code")} == {
        key: facts[key] for key in ("data", "code")
    }
    (other,) = (tmp_path / "first").glob("*/*/metrics.csv")
    assert files.metrics.read_bytes() == other.read_bytes()

    net.write_text(NET.replace("'''A net of one's own.'''", "# the same net\n"))
    assert "something else" not in in_shell(facts["command"]).stdout
    net.write_text(NET.replace("FACTOR = 1.0", "FACTOR = 2.0"))
    told = in_shell(facts["command"])  # nothing is left to train: told all the same
    assert "1 of those finished before was trained on something else: the code of my_net.Net" in (
        told.stdout
    )
    assert in_shell(f"{facts['command']} seed=1").returncode == 0
    written = analyze(outputs, dpi=40)
    assert [run.seed for run in written.found.runs] == [1]
    assert "the code of my_net.Net differ" in written.notes[0]
