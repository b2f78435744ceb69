"""A word or a file that is mistyped: one line with what is near, exit code 2, nothing on disk."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

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
    "trainer=[1]": "trainer=[1]",
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


# A new user's own folder: model, data, optimizer, schedule, callbacks and experiment.
FOLDER = {
    "model/gated.yaml": """\
_target_: users_folder.Gated
name: gated
width: 4
gate: tanh
""",
    "data/waves.yaml": """\
defaults:
  - /kind@_global_: function
_target_: users_folder.Waves
name: waves
batch_size: 8
samples: 16
frequency: 3.0
""",
    "optimizer/sign.yaml": """\
_target_: users_folder.Sign
name: sign
lr: 0.01
floor: 0.0
""",
    "schedule/halving.yaml": """\
_target_: users_folder.Halving
name: halving
every: 1
""",
    "experiment/ours.yaml": """\
# @package _global_
defaults:
  - override /data: waves
  - override /model: gated
  - override /optimizer: sign
  - override /schedule: halving
experiment: ours
study: ours
at:
  epochs: 2
trainer:
  max_epochs: ${at.epochs}
callbacks:
  counting:
    _target_: users_folder.Counting
    each: 2
measurements:
  total:
    _target_: users_folder.Sum
    scale: 2.0
hydra:
  sweeper:
    params:
      trainer.precision: 32-true,64-true
      seed: 0,1
""",
}
THEIRS = {
    "width: 4": ("widht: 4", "model.widht is not a key; did you mean model.width? (of Gated)"),
    "width: 4\n": ("width: wide\n", "model.width='wide' is not a whole number (of Gated)"),
    "gate: tanh": ("gate: tan", "model.gate='tan' is not one of sigmoid, tanh (of Gated)"),
    "gate: tanh\n": ("layers: [a]\n", "model.layers=['a'] is not a list of whole numbers or null"),
    "users_folder.Gated": ("users_folder.Gatd", "model._target_=users_folder.Gatd cannot be imp"),
    "samples: 16": ("sampels: 16", "data.sampels is not a key; did you mean data.samples? (of Wav"),
    "batch_size: 8": ("batchsize: 8", "data.batch_size is missing; is data.batchsize meant?"),
    "batch_size: 8\n": ("batch_size: 0\n", "data.batch_size=0 is not a whole number from 1 up or"),
    "frequency: 3.0": ("frequency: high", "data.frequency='high' is not a number (of Waves)"),
    "kind@_global_: function": ("kind@_global_: functon", "functon: not an option; did you mean"),
    "floor: 0.0": ("flor: 0.0", "optimizer.flor is not a key; did you mean optimizer.floor?"),
    "lr: 0.01": ("lr: fast", "optimizer.lr='fast' is not a number above 0"),
    "every: 1": ("evry: 1", "schedule.evry is not a key; did you mean schedule.every?"),
    "every: 1\n": ("every: 1.5\n", "schedule.every=1.5 is not a whole number (of Halving)"),
    "each: 2": ("eech: 2", "callbacks.counting.eech is not a key; did you mean callbacks."),
    "users_folder.Counting": ("users_folders.Counting", "callbacks.counting._target_=users_fold"),
    "scale: 2.0": ("scael: 2.0", "measurements.total.scael is not a key; did you mean measurem"),
    "scale: 2.0\n": ("scale: two\n", "measurements.total.scale='two' is not a number (of Sum)"),
    "users_folder.Sum": ("users_folder.Counting", "measurements.total.scale is not a key; allowed"),
    "measurements:": ("measurement:", "measurement is not a key; did you mean measurements?"),
    "trainer.precision: ": ("trainer.precison: ", "trainer.precison is not a key; did you mean"),
    "32-true,64-true": ("32-true,64", ": trainer.precision=64 is not one of 32-true, 64-true"),
    "/model: gated": ("/model: gatd", "model=gatd: not an option; did you mean gated?"),
    "  epochs: 2": ("  epoch: 2", "trainer.max_epochs: Interpolation key 'at.epochs' not found"),
    "at:\n  epochs": ("att:\n  epochs", "trainer.max_epochs: Interpolation key 'at.epochs' not"),
}  # fmt: skip


def written(folder, right="", wrong=""):
    """The user's folder, with one typo or none."""
    for name, text in FOLDER.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace(right, wrong) if right else text)
    return f"--config-dir={folder}"


@pytest.fixture
def theirs(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests/users")


@pytest.mark.parametrize("right", THEIRS)
def test_a_typo_in_a_new_users_folder_is_one_line(lab, outputs, tmp_path, theirs, right):
    wrong, line = THEIRS[right]
    assert sum(text.count(right) for text in FOLDER.values()) == 1
    outcome = lab(written(tmp_path / "conf", right, wrong), "experiment=ours")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1, outcome.err
    assert line in outcome.err
    assert outcome.out == ""
    assert not outputs.exists()


def test_a_new_users_folder_without_a_typo_trains(lab, outputs, tmp_path, theirs):
    outcome = lab(written(tmp_path / "conf"), "experiment=ours", "logger=none")
    assert outcome.code == 0, outcome.err
    assert len(list(outputs.glob("ours/*/summary.json"))) == 4
