"""What cannot be trained is refused: one clear line, a code that is not 0, nothing on disk."""

import os
from pathlib import Path

import pytest
from commands import command

import train as entry
from dl_experiments import planning, run
from dl_experiments.job import Job

ROOT = Path(__file__).parents[2]

# Words of the command line -> what its one line must say.
ONE_LINE = {
    # the batch size
    "data.batch_size=0": ["data.batch_size=0", "from 1 up"],
    "data.batch_size=-1": ["data.batch_size=-1", "from 1 up"],
    "data.batch_size=2.5": ["data.batch_size=2.5", "from 1 up"],
    "data.batch_size=large": ["data.batch_size='large'", "from 1 up", "full"],
    "data.batch_size=null": ["data.batch_size=None", "from 1 up"],
    "batch_size=large data.samples=500": ["data.batch_size=1000", "500 training samples", "full"],
    # label noise
    "data=digits label_noise.fraction=1.5": ["label_noise.fraction=1.5", "from 0 to 1"],
    "data=digits label_noise.fraction=-0.1": ["label_noise.fraction=-0.1", "from 0 to 1"],
    "data=digits label_noise.fraction=half": ["label_noise.fraction='half'", "from 0 to 1"],
    "data=digits label_noise.kind=pair": ["label_noise.kind='pair'", "uniform, symmetric"],
    "label_noise=half": ["label_noise.fraction=0.5", "no labels"],
    "+label_noise.share=0.5": ["label_noise", "share"],
    # the optimizer
    "optimizer.lr=0": ["optimizer.lr=0", "above 0"],
    "optimizer.lr=-1": ["optimizer.lr=-1", "above 0"],
    "optimizer.lr=fast": ["optimizer.lr='fast'", "above 0"],
    "optimizer.lr=nan": ["optimizer.lr=nan", "above 0"],
    "optimizer=sgd optimizer.momentum=-0.5": ["optimizer.momentum=-0.5", "from 0 up"],
    "optimizer.weight_decay=-1": ["optimizer.weight_decay=-1", "from 0 up"],
    "optimizer.betas=[2,0.9]": ["optimizer", "beta"],
    "optimizer.betas=0.9": ["optimizer"],
    "+optimizer.momentun=0.5": ["optimizer.momentun", "Adam"],
    "optimizer=lbfgs optimizer.line_search_fn=wolfe": ["optimizer.line_search_fn", "wolfe"],
    "optimizer=lbfgs optimizer.max_iter=0": ["optimizer.max_iter=0"],
    # the schedule
    "schedule=step schedule.step_size=0": ["schedule.step_size=0", "from 1 up"],
    "schedule=step schedule.gamma=-1": ["schedule.gamma=-1"],
    # the model
    "model.activation=swish": ["model.activation='swish'", "relu", "gelu"],
    "model.hidden=wide": ["model.hidden='wide'", "list"],
    "model.hidden=[5,0]": ["model.hidden=[5, 0]", "from 1 up"],
    "model.dropout=1.5": ["model.dropout=1.5"],
    "model=mlp_sized model.depth=5 model.parameters=10": ["model.parameters=10", "depth"],
    "model=cnn": ["convolutional", "image"],
    "model=cnn_sized": ["convolutional", "image"],
    "data=digits model=cnn model.blocks=[[2],[2],[2],[2]]": ["model.blocks=", "8x8"],
    "+model.widht=3": ["model", "widht"],
    "model._target_=nowhere.Net": ["model._target_=nowhere.Net"],
    # the data
    "data.samples=0": ["data.samples=0", "from 2 up"],
    "data.samples=null": ["data.samples=None"],
    "data=digits data.samples=2000": ["data.samples=2000", "1437"],
    "data.low=1": ["data.low=1", "data.high=1"],
    "data.sampling=random": ["data.sampling='random'", "grid, uniform"],
    # training
    "trainer.precision=16": ["trainer.precision=16", "32-true, 64-true, bf16-mixed"],
    "trainer.max_epochs=0": ["trainer.max_epochs=0", "from 1 up"],
    "trainer.max_epochs=many": ["trainer.max_epochs='many'", "from 1 up"],
    "paths.outputs=null": ["paths.outputs=None", "folder"],
    "paths.outputs='~no-such-user/x'": ["paths.outputs=~no-such-user/x", "no such home folder"],
    "trainer.accelerator=mps": ["trainer.accelerator='mps'", "auto, cpu, gpu"],
    "trainer.accelerator=tpu": ["trainer.accelerator='tpu'", "auto, cpu"],
    "trainer.log_every=0": ["trainer.log_every=0", "thinned"],
    "trainer.threads=0": ["trainer.threads=0", "from 1 up"],
    "trainer.target_accuracy=0.9": ["trainer.target_accuracy=0.9", "trainer.target_loss"],
    "trainer.target_loss=0": ["trainer.target_loss=0", "above 0"],
    "loss=hinge": ["loss='hinge'", "mse, l1, huber"],
    "data=digits loss=l1": ["loss='l1'", "cross_entropy, mse"],
    "callbacks.snapshots.schedule=often": ["callbacks.snapshots.schedule='often'", "decades"],
    "seed=-1": ["seed=-1", "from 0 to 2**63 - 1"],
    "seed=9223372036854775808": ["seed=9223372036854775808", "from 0 to 2**63 - 1"],
    "seed=zero": ["seed='zero'", "a whole number from 0"],
    "study=../elsewhere": ["study='../elsewhere'"],
    "study=a/b": ["study='a/b'", "letters"],
    "study=report": ["study='report'", "other than report"],
    "+trainer.foo=1": ["trainer.foo", "max_epochs"],
    "experiment=hw1_1_simulate batch_size=full": ["batch_size=full", "experiment=hw1_1_simulate"],
    "paths.data=${nowhere}": ["nowhere"],
    # sweeps: the bad cell is named before the first run starts
    "-m optimizer.lr=0.1,-1": ["optimizer.lr=-1 ", ": optimizer.lr=-1 is", "above 0"],
    "-m model=deep,cnn seed=0": ["model=cnn seed=0", "convolutional"],
    "-m data.batch_size=8,zero": ["data.batch_size=zero", "from 1 up"],
    "-m experiment=hw1_1_simulate,hw1_1_mnist": ["experiment=", "one experiment a command"],
    "experiment=hw1_1_mnist scale=smoke,quick": ["scale=", "one scale a command"],
    "-m scale=smoke,quick": ["scale=", "one scale a command"],
    "-m batch_size=small data.batch_size=8,16": ["batch_size=small", "data.batch_size"],
    "-m batch_size=small,full data.batch_size=8": ["batch_size=", "data.batch_size"],
    "-m data=digits label_noise=full label_noise.fraction=0,0.5": ["label_noise=full"],
    "-m seed=1,1": ["same run", "seed=1"],
    "experiment=hw1_1_mnist scale=smoke optimizer.lr=0": ["optimizer.lr=0", "above 0"],
    # what a run could not be measured by
    "experiment=hw1_3_sensitivity scale=smoke measurements.sensitivity.samples=10001": [
        *("measurements.sensitivity.samples=10001", "10000 test samples"),
    ],
    "experiment=hw1_3_sharpness scale=smoke measurements.sharpness.samples=201": [
        *("measurements.sharpness.samples=201", "200 train samples"),
    ],
    "experiment=hw1_3_sharpness scale=smoke measurements.sharpness.radii=[-1]": [
        *("measurements.sharpness.radii=[-1]", "above 0"),
    ],
    "experiment=hw1_2_minimal_ratio scale=smoke measurements.critical_points.memory_gib=1e-9": [
        *("measurements.critical_points.memory_gib=1e-09", "GiB"),
    ],
    # Hydra's own single run
    "hydra.mode=RUN optimizer.lr=0": ["optimizer.lr=0", "above 0"],
}


@pytest.fixture(autouse=True)
def _nothing_trains(monkeypatch):
    """What is accepted by mistake fails at once."""

    def execute(*_):
        raise AssertionError("this was not refused")

    monkeypatch.setattr(run, "execute", execute)


def is_for_the_whole_command(words):
    """Whether Hydra has a part in the refusal, or in what is refused."""
    return any(word.startswith(("-m", "hydra.", "paths.", "experiment=")) for word in words.split())


OF_ONE_JOB = [words for words in ONE_LINE if not is_for_the_whole_command(words)]


@pytest.mark.parametrize("words", OF_ONE_JOB)
def test_a_job_is_refused_in_one_line_before_anything_is_on_disk(compose, outputs, words):
    """What the command then does with the line does not depend on what is in it."""
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as refused:
        entry.train.plan([Job(compose(*words.split()), words)])
    for part in ONE_LINE[words]:
        assert part in str(refused.value)
    assert not outputs.exists()


WHOLE = [words for words in ONE_LINE if words in OF_ONE_JOB[::12] or words not in OF_ONE_JOB]


@pytest.mark.parametrize("words", WHOLE)
def test_one_line_and_nothing_on_disk(lab, outputs, words):
    outcome = lab(*words.split())
    assert outcome.code == 2
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1, outcome.err
    for part in ONE_LINE[words]:
        assert part in lines[0]
    assert outcome.out == ""
    assert not outputs.exists()


ALLOWED = [
    "-m data=digits label_noise=none,half label_noise.kind=symmetric",
    "-m batch_size=full data.samples=10,20",
    "-m optimizer=sgd optimizer.lr=0.1,0.2",
    "-m model=deep,shallow model.activation=tanh",
]


@pytest.mark.parametrize("words", ALLOWED)
def test_what_looks_alike_and_is_right_is_not_refused(lab, words, monkeypatch):
    class PlannedError(Exception):
        pass

    def planned(cells):
        raise PlannedError(f"{len(cells)} cells")

    monkeypatch.setattr(planning, "_check_distinct", planned)
    with pytest.raises(PlannedError, match="2 cells"):
        lab(*words.split())


# --- folders


def test_an_outputs_folder_with_a_file_in_its_way(lab, tmp_path):
    (tmp_path / "file").write_text("kept")
    for where in (tmp_path / "file", tmp_path / "file" / "below"):
        for mode in ([], ["-m", "seed=0,1"], ["hydra.mode=RUN"]):
            outcome = lab(*mode, f"paths.outputs={where}")
            assert outcome.code != 0
            (line,) = outcome.err.strip().splitlines()
            assert line == f"paths.outputs={where} must be a folder that can be written"
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


def test_an_outputs_folder_that_cannot_be_written(lab, outputs, monkeypatch):
    outputs.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != outputs)
    outcome = lab()
    assert outcome.code != 0
    (line,) = outcome.err.strip().splitlines()
    assert line == f"paths.outputs={outputs} must be a folder that can be written"
    assert os.listdir(outputs) == []


def test_a_refusal_keeps_an_outputs_folder_that_was_there(lab, outputs):
    outputs.mkdir()
    assert lab("-m", "optimizer.lr=-1,-2").code != 0
    assert lab("-m", "data=sinc,bogus").code != 0
    assert os.listdir(outputs) == []


@pytest.mark.parametrize("content", ["a file", "truncated", "altered"])
def test_broken_data_is_named_before_anything_trains(lab, outputs, tmp_path, content):
    cache = tmp_path / "cache"
    folder = cache / "mnist"
    if content == "a file":
        cache.write_text("")
    else:
        folder.mkdir(parents=True)
        size = 8 + 60000 if content == "altered" else 100
        header = bytes([0, 0, 8, 1]) + (60000).to_bytes(4, "big")
        (folder / "train-labels-idx1-ubyte").write_bytes(header.ljust(size, b"\1"))
    outcome = lab("-m", "data=sinc,mnist", f"paths.data={cache}")
    assert outcome.code != 0
    (line,) = outcome.err.strip().splitlines()
    if content == "a file":
        assert f"paths.data={cache}" in line
        assert "must be a folder" in line
    else:
        for part in (str(folder / "train-labels-idx1-ubyte"), "expected a25bea736e30", "delete"):
            assert part in line
    assert outcome.out == ""
    assert not outputs.exists()


def test_a_broken_status_is_named(lab, outputs, compose):
    status = run.directory(compose()).status
    status.parent.mkdir(parents=True)
    status.write_text("{")
    outcome = lab()
    assert outcome.code != 0
    (line,) = outcome.err.strip().splitlines()
    assert str(status) in line


# --- the same from outside


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        ("-m seed=0,1 optimizer.lr=-1", 2, ["optimizer.lr=-1", "above 0"]),
        ("hydra.mode=RUN model.activation=swish", 2, ["model.activation='swish'", "relu"]),
        ("model=bogus", 2, ["model=bogus", "shallow"]),
    ],
)
def test_from_the_shell(tmp_path, words, code, parts):
    done = command(ROOT / "train.py", *words.split(), "paths.outputs=outputs", cwd=tmp_path)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr
    assert done.stdout == ""
    assert os.listdir(tmp_path) == []
