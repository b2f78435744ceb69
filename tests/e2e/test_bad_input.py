"""What cannot be trained is refused: one clear line, a code that is not 0, nothing on disk."""

import os
from pathlib import Path

import pytest
from commands import command

from dl_experiments import run
from dl_experiments.sweep import plan

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
    "experiment=hw1_3_sensitivity scale=smoke callbacks.sensitivity.samples=10001": [
        *("callbacks.sensitivity.samples=10001", "10000 test samples"),
    ],
    "experiment=hw1_3_sharpness scale=smoke callbacks.sharpness.samples=201": [
        *("callbacks.sharpness.samples=201", "200 train samples"),
    ],
    "experiment=hw1_3_sharpness scale=smoke callbacks.sharpness.radii=[-1]": [
        *("callbacks.sharpness.radii=[-1]", "above 0"),
    ],
    "experiment=hw1_2_minimal_ratio scale=smoke callbacks.critical_points.memory_gib=1e-9": [
        *("callbacks.critical_points.memory_gib=1e-09", "GiB"),
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


@pytest.mark.parametrize("words", ONE_LINE)
def test_one_line_and_nothing_on_disk(lab, outputs, words):
    outcome = lab(*words.split())
    assert outcome.code == 2
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1, outcome.err
    for part in ONE_LINE[words]:
        assert part in lines[0]
    assert outcome.out == ""
    assert not outputs.exists()


# What Hydra refuses, or would take and ignore: the words, and how their one line begins.
TYPOS = {
    # keys
    "modle=deep": "modle is not a key; did you mean model?",
    "+modle=deep": "modle is not a key; did you mean model?",
    "++modle=deep": "modle is not a key; did you mean model?",
    "optimiser=adam": "optimiser is not a key; did you mean optimizer?",
    "batchsize=full": "batchsize is not a key; did you mean batch_size?",
    "epochs=3": "epochs is not a key; ",
    "+epochs=3": "epochs is not a key; did you mean trainer.max_epochs?",
    "+lr=0.1": "lr is not a key; did you mean optimizer.lr?",
    "sead=1": "sead is not a key; did you mean seed?",
    "trainer.epochs=3": "trainer.epochs is not a key; did you mean trainer.max_epochs?",
    "trainer.max_epoch=3": "trainer.max_epoch is not a key; did you mean trainer.max_epochs?",
    "+trainer.max_epoch=3": "trainer.max_epoch is not a key; did you mean trainer.max_epochs?",
    "trainer.gradient_clip_val=1": "trainer.gradient_clip_val is not a key; allowed: max_epochs",
    "+trainer.fast_dev_run=true": "trainer.fast_dev_run is not a key; allowed: max_epochs",
    "optimizer.learning_rate=0.1": "optimizer.learning_rate is not a key; allowed: name, lr",
    "optimizer=sgd optimizer.momentm=0": "optimizer.momentm is not a key; did you mean "
    "optimizer.momentum?",
    "optimizer=sgd optimizer.betas=[0,0]": "optimizer.betas is not a key; allowed: name, lr",
    "+optimizer.momentun=0.5": "optimizer.momentun is not a key; allowed: lr, betas",
    "paths.output=x": "paths.output is not a key; did you mean paths.outputs?",
    "sweep.worker=2": "sweep.worker is not a key; did you mean sweep.workers?",
    "model.widths=[3]": "model.widths is not a key; ",
    "+model.widht=3": "model.widht is not a key; allowed: ",
    "+data.batchsize=3": "data.batchsize is not a key; did you mean data.batch_size?",
    "callbacks.snapshot.schedule=1": "callbacks.snapshot is not a key; did you mean "
    "callbacks.snapshots?",
    "+callbacks.snapshots.shedule=1": "callbacks.snapshots.shedule is not a key; did you mean",
    "+logger.x._target_=lightning.pytorch.loggers.CSVLogger": "logger.x is not a key; allowed: "
    "tensorboard",
    "~foo": "~foo: there is no such key to leave out",
    "~trainer.foo": "~trainer.foo: there is no such key to leave out",
    "~trainer.log_every": "trainer.log_every is missing",
    "+trainer.max_epochs=3": "+trainer.max_epochs=3: trainer.max_epochs is there already; leave",
    "+model=deep": "+model=deep: model is there already; leave out the +",
    "experiment.foo=1": "experiment.foo is not a key; ",
    "model/x=3": "model/x is not a key; did you mean model?",
    "model.hidden.x=3": "model.hidden.x=3: model.hidden has no keys of its own",
    # options
    "model=deeep": "model=deeep: not an option; did you mean deep?; allowed: cnn",
    "data=minst": "data=minst: not an option; did you mean mnist?; allowed: cifar10",
    "optimizer=adagrad": "optimizer=adagrad: not an option; allowed: adam, adamw",
    "optimizer=Adam": "optimizer=Adam: not an option; did you mean adam?",
    "-m data=sinc,bogus": "data=bogus: not an option; allowed: cifar10",
    "-m model=deep,bogus data=sinc": "model=bogus: not an option; allowed: cnn",
    "experiment=hw9": "experiment=hw9: not an option; allowed: basics_activations",
    "experiment=hw1_1_mnsit": "experiment=hw1_1_mnsit: not an option; did you mean hw1_1_mnist?",
    "scale=smal": "scale=smal: not an option; allowed: full, quick, smoke",
    "scale=Quick": "scale=Quick: not an option; did you mean quick?",
    "logger=wandb": "logger=wandb: not an option; allowed: none, tensorboard",
    "schedule=cosin": "schedule=cosin: not an option; did you mean cosine?",
    "hydra/launcher=foo": "hydra/launcher=foo: not an option; allowed: basic, lab",
    "model=": "model=: not an option; allowed: cnn",
    "trainer=3": "trainer=3: 3 is not an option of trainer; allowed: default",
    "batch_size=32": "batch_size=32: 32 is not an option of batch_size; to set a number, say",
    "optimizer=0.1": "optimizer=0.1: 0.1 is not an option of optimizer; to set a number, say",
    # values
    "trainer.max_epochs=1e2": "trainer.max_epochs=100.0 is not a whole number from 1 up; write 100",
    "trainer.max_epochs=": "trainer.max_epochs='' is not a whole number from 1 up",
    "logger.tensorboard=maybe": "logger.tensorboard='maybe' is not true or false",
    "rerun=yes": "rerun='yes' is not true or false",
    "study=${nowhere}": "study: Interpolation key 'nowhere' not found",
    # what cannot be read
    "=3": "'=3' is not key=value",
    "seed": "'seed' is not key=value",
    "trainer.max_epochs": "'trainer.max_epochs' is not key=value",
    "a==3": "'a==3' cannot be read as key=value; put what holds any of ",
    "model.hidden=[1,": "'model.hidden=[1,' cannot be read as key=value; ",
    "seed=range(0,": "'seed=range(0,' cannot be read as key=value; ",
    "-m seed=1,,2": "'seed=1,,2' cannot be read as key=value; ",
    "model=deep,": "'model=deep,' cannot be read as key=value; ",
    # what would be ignored
    "hydra.sweep.dir=mine": "hydra.sweep.dir=mine: where a run lies follows from its config; ",
    "hydra.run.dir=mine": "hydra.run.dir=mine: where a run lies follows from its config; ",
    "hydra.sweep.subdir=a": "hydra.sweep.subdir=a: where a run lies follows from its config; ",
    "hydra.job.chdir=true": "hydra.job.chdir=True: a command stays where it is; paths.outputs and",
}


@pytest.mark.parametrize("words", TYPOS)
def test_a_typo_is_one_line_with_what_is_near(lab, outputs, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    outcome = lab(*words.split())
    assert outcome.code == 2
    (line,) = outcome.err.strip().splitlines()
    assert line.startswith(TYPOS[words])
    assert outcome.out == ""
    assert os.listdir(tmp_path) == []


def test_under_another_launcher_a_refusal_is_one_line_too(lab):
    for words in (["optimizer.lr=0"], ["-m", "seed=0,1", "optimizer.lr=0"]):
        outcome = lab(*words, "hydra/launcher=basic")
        assert outcome.code == 2
        assert outcome.err == "optimizer.lr=0 is not a number above 0\n"


EXPERIMENT = """\
# @package _global_
defaults:
  - override /data: digits
  - override /model: mlp
experiment: mine
study: mine
trainer:
  max_epochs: 2
hydra:
  sweeper:
    params:
      seed: 0,1
"""
# In a user's own file: what stands there, what in its place, how the line begins
FILES = {
    "no package": ("# @package _global_\n", "", "experiment=mine: the first line of its file must"),
    "an option": ("/data: digits", "/data: digit", "data=digit: not an option; "
                  "did you mean digits?"),
    "a group": ("/data: digits", "/dat: digits", "In 'experiment/mine': Could not override 'dat'"),
    "a top-level key": ("study: mine", "stduy: mine", "stduy is not a key; did you mean study?"),
    "a node": ("trainer:", "trainor:", "trainor is not a key; did you mean trainer?"),
    "a key": ("max_epochs: 2", "max_epoch: 2", "trainer.max_epoch is not a key; did you mean"),
    "a value": ("max_epochs: 2", "max_epochs: two", "trainer.max_epochs='two' is not a whole"),
    "a whole number": ("max_epochs: 2", "max_epochs: 2.0", "trainer.max_epochs=2.0 is not a whole"),
    "an interpolation": ("max_epochs: 2", "max_epochs: ${at.epochs}", "trainer.max_epochs: Inter"),
    "a swept key": ("seed: 0,1", "sed: 0,1", "sed is not a key; did you mean seed?"),
    "a swept value": ("seed: 0,1", "seed: 0,-1", ": seed=-1 is not a whole number"),
    "a list": ("seed: 0,1", "model.hidden: [5, 6]", "hydra.sweeper.params.model.hidden=[5, 6]: a "
               "list can be the values of a sweep or one value; write model.hidden: \"[5],[6]\" "),
    "a list of nobody": ("seed: 0,1", "model.widht: [5, 6]", "hydra.sweeper.params.model."),
    "a folder": ("  sweeper:", "  sweep: {dir: here}\n  sweeper:", "hydra.sweep.dir=here: where"),
    "YAML": ("max_epochs: 2", "max_epochs: [2", "experiment/mine.yaml, line 9: expected"),
}  # fmt: skip


@pytest.mark.parametrize("what", FILES)
def test_a_typo_in_a_file_of_ones_own_is_one_line(lab, outputs, tmp_path, what):
    right, wrong, line = FILES[what]
    assert right in EXPERIMENT
    file = tmp_path / "conf/experiment/mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(EXPERIMENT.replace(right, wrong))
    outcome = lab(f"--config-dir={tmp_path / 'conf'}", "experiment=mine")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1, outcome.err
    assert line in outcome.err
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

    monkeypatch.setattr(plan, "_check_distinct", planned)
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
