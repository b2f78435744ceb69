"""A member of a stack is the run it would be alone: every model, optimizer and kind of data."""

import csv
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from silent import Unseen, execute

from dl_experiments import run
from dl_experiments.job import Job
from dl_experiments.sweep import kernel
from dl_experiments.sweep.unit import Unit, train

FILES = (Path(__file__).parents[2] / "conf/model").glob("*.yaml")
MODELS = sorted(path.stem for path in FILES if "defaults:" not in path.read_text())  # each net once
FOR_IMAGES = {"cnn", "cnn_sized", "one_hidden", "mlp_500_50", "mlp", "mlp_sized"}
FOR_FUNCTIONS = {"mlp_500", "mlp", "mlp_sized"}
NETS = [(m, "sinc") for m in MODELS if m not in FOR_IMAGES - FOR_FUNCTIONS] + [
    (m, "digits") for m in MODELS if m not in FOR_FUNCTIONS - FOR_IMAGES
]
FEW = ["trainer.max_epochs=8", "trainer.log_every=2"]  # 32 or 40 updates
OPTIMIZERS = {
    "adam": ["optimizer=adam"],
    "adamw": ["optimizer=adamw"],
    "rmsprop": ["optimizer=rmsprop"],
    "sgd": ["optimizer=sgd"],
}
VARIANTS = {
    "rmsprop with momentum": ["optimizer=rmsprop", "optimizer.momentum=0.5"],
    "sgd without momentum": ["optimizer=sgd", "optimizer.momentum=0.0"],
    "sgd with Nesterov": ["optimizer=sgd", "optimizer.nesterov=true"],
    "cosine": ["optimizer=adam", "schedule=cosine"],
    "huber": ["optimizer=adam", "loss=huber"],
    "tanh": ["optimizer=adam", "model.activation=tanh"],
    "gelu": ["optimizer=adam", "model.activation=gelu"],
    "orthogonal": ["optimizer=adam", "model.init=orthogonal", "model.gain=1.5"],
}
# What the members of a stack may differ in: one value of each per member
DIFFERENT = [
    ["seed=0", "optimizer.lr=0.0003", "optimizer.weight_decay=0.0"],
    ["seed=3", "optimizer.lr=0.001", "optimizer.weight_decay=0.01"],
    ["seed=3", "optimizer.lr=0.0005", "optimizer.weight_decay=0.0", "data.seed=1"],
]
SMALL = ["logger=none", "trainer.accelerator=cpu", "trainer.log_every=5"]
SIZES = {
    "sinc": ["data.samples=64", "data.batch_size=16", "trainer.max_epochs=25"],
    "digits": ["data.samples=40", "data.batch_size=8", "trainer.max_epochs=20"],
}


@pytest.fixture
def compared(compose, outputs):
    """``compared(members, words...)``: the stack's folders and those of the same runs alone."""
    threads = torch.get_num_threads()

    def both(members, *words):
        pairs, cells = [], []
        for own in members:
            one = compose(*SMALL, *words, *own)
            other = compose(*SMALL, *words, *own)
            other["study"] = "alone"
            execute(other)
            cells.append(Job(one, []))
            pairs.append((run.directory(one), run.directory(other)))
        assert train(Unit(cells, 1), Unseen()) == [None] * len(cells)
        return pairs

    yield both
    torch.set_num_threads(threads)


def assert_same(pairs, weights, metrics):
    """Snapshots and rows agree relative to the largest number of a tensor, or of a column."""
    for stacked, alone in pairs:
        assert names(stacked) == names(alone)
        assert stacked.snapshots().keys() == alone.snapshots().keys()
        for epoch, path in alone.snapshots().items():
            one, other = load_file(stacked.snapshot(epoch)), load_file(path)
            assert one.keys() == other.keys()
            for name, tensor in other.items():
                assert one[name].dtype == tensor.dtype
                error = (one[name] - tensor).abs().max() / tensor.abs().max().clamp(min=1e-3)
                assert error <= (weights if epoch else 0), (path, name)
        one, other = (rows(files) for files in (stacked, alone))
        assert [row.keys() for row in one] == [row.keys() for row in other]
        for mine, theirs in zip(one, other, strict=True):
            assert (mine["step"], mine["epoch"]) == (theirs["step"], theirs["epoch"])
            for name in mine.keys() - {"step", "epoch"}:
                assert float(mine[name]) == pytest.approx(float(theirs[name]), rel=metrics)
        assert stacked.read_summary().keys() == alone.read_summary().keys()
        one, other = (json.loads(files.status.read_text()) for files in (stacked, alone))
        assert one["run_id"] == other["run_id"]
        assert one["state"] == other["state"] == "completed"
        assert stacked.read_config() | {"study": "alone"} == alone.read_config()


def rows(files):
    return list(csv.DictReader(files.metrics.read_text().splitlines()))


def names(files):
    return sorted(str(path.relative_to(files.path)) for path in files.path.rglob("*"))


def sizes(model, data):
    return [f"model={model}", f"data={data}", *SIZES[data]]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("model", "data"), NETS)
def test_a_member_is_its_run_alone(compared, model, data, optimizer):
    words = [*sizes(model, data), *OPTIMIZERS[optimizer], *FEW, "trainer.precision=64-true"]
    assert_same(compared(DIFFERENT[:2], *words), weights=1e-9, metrics=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_member_is_its_run_alone_in_other_ways_too(compared, variant):
    words = [*sizes("mlp", "sinc"), *VARIANTS[variant], *FEW, "trainer.precision=64-true"]
    assert_same(compared(DIFFERENT, *words), weights=1e-9, metrics=1e-9)


@pytest.mark.parametrize(
    "words",
    [
        ["model=deep", "data=sinc"],
        ["model=shallow", "data=sinc", "data.sampling=uniform"],
        ["model=one_hidden", "data=digits"],
        ["model=cnn", "data=digits"],
    ],
)
def test_in_single_precision_rounding_alone_differs(compared, words):
    """A hundred updates amplify single rounding (6e-8) to about 1e-4 of a tensor's size."""
    pairs = compared(DIFFERENT, *words, *SIZES[words[1].partition("=")[2]], "optimizer=adam")
    assert_same(pairs, weights=2e-3, metrics=1e-3)


def test_images_with_noise_dropout_and_augmentation(compared):
    """Members that draw from all streams there are."""
    noisy = [
        ["seed=0", "label_noise.fraction=0.0"],
        ["seed=1", "label_noise.fraction=0.5"],
        ["seed=1", "label_noise.fraction=1.0", "label_noise.kind=symmetric", "data.seed=2"],
    ]
    words = ["model=cnn", "model.dropout=0.3", "data.augment=1", "loss=mse", *SIZES["digits"]]
    pairs = compared(noisy, "data=digits", *words, "trainer.precision=64-true")
    assert_same(pairs, weights=1e-9, metrics=1e-9)


def test_without_a_compiler_only_speed_is_lost(compared, monkeypatch):
    monkeypatch.setattr(kernel, "load", lambda dtype: None)
    words = ["model=deep", "data=sinc", *SIZES["sinc"], "trainer.precision=64-true"]
    pairs = compared(DIFFERENT, *words)
    assert "(batched products)" in pairs[0][0].log.read_text()
    assert_same(pairs, weights=1e-9, metrics=1e-9)


def test_a_network_that_is_no_sequence_is_mapped(compared, monkeypatch, tmp_path):
    (tmp_path / "residual_net.py").write_text(
        "from torch import nn\n"
        "class Residual(nn.Module):\n"
        "    def __init__(self, input_shape, outputs, **_):\n"
        "        super().__init__()\n"
        "        self.first, self.last = nn.Linear(1, 8), nn.Linear(8, outputs)\n"
        "        self.scale = nn.Parameter(self.first.weight.new_ones(()))\n"
        "    def forward(self, x):\n"
        "        h = self.first(x).tanh()\n"
        "        return self.last(h + self.scale * h.sin())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    words = ["model=mlp", "model._target_=residual_net.Residual", "data=sinc", *SIZES["sinc"]]
    pairs = compared(DIFFERENT, *words, "trainer.precision=64-true")
    assert "(vmap)" in pairs[0][0].log.read_text()
    assert_same(pairs, weights=1e-9, metrics=1e-9)
