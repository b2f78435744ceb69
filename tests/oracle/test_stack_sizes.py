"""A run has the same bits in a stack of any size: by itself, in a sweep, resumed, repeated."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from silent import Unseen
from test_stacks import NETS, OPTIMIZERS, SIZES, SMALL, VARIANTS

from dl_experiments import build
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.recorder import Recorder
from dl_experiments.job import Job
from dl_experiments.stop import Stopped
from dl_experiments.sweep import kernel
from dl_experiments.sweep.unit import Unit, train

GRADIENT = "+callbacks.gradient_norm._target_=dl_experiments.callbacks.gradient_norm.GradientNorm"


@pytest.fixture
def stacks(compose):
    """``stacks([1, 2, 5], words...)``: the first and last runs of stacks of these sizes."""
    threads = torch.get_num_threads()

    def trained(sizes, *words):
        found = {}
        for size in sizes:
            own = [f"study=of_{size}"]
            jobs = [Job(compose(*SMALL, *words, *own, f"seed={seed}")) for seed in range(size)]
            assert train(Unit(jobs, 1), Unseen()) == [None] * size
            found[size] = [RunDirectory(job.path) for job in jobs]
        return found

    yield trained
    torch.set_num_threads(threads)


def assert_same_bits(found):
    """Every run of a smaller stack is the run of the largest."""
    *smaller, largest = found.values()
    for runs in smaller:
        for one, other in zip(runs, largest, strict=False):
            assert one.metrics.read_bytes() == other.metrics.read_bytes()
            last = max(one.snapshots())
            mine, theirs = one.read_weights(last), other.read_weights(last)
            assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


CONVOLVING = ("cnn", "cnn_sized", "deep", "middle", "shallow")  # on images; trained alone
DENSE = [net for net in NETS if net not in [(model, "digits") for model in CONVOLVING]]


@pytest.mark.parametrize(("model", "data"), DENSE)
def test_every_model(stacks, model, data):
    words = [f"model={model}", f"data={data}", *SIZES[data], "trainer.max_epochs=3"]
    assert_same_bits(stacks([1, 2, 5], *words, "trainer.log_every=1"))


@pytest.mark.parametrize("layout", ["lanes", "rows"])
def test_a_hundred(stacks, monkeypatch, layout):
    if layout == "rows":
        monkeypatch.setattr(kernel, "load", lambda dtype: None)
    words = ["model=mlp", "model.hidden=[7,5]", "data=sinc", *SIZES["sinc"], "data.samples=60"]
    assert_same_bits(stacks([1, 17, 100], *words, "trainer.max_epochs=2", GRADIENT))


KINDS = (
    OPTIMIZERS
    | VARIANTS
    | {
        activation: ["optimizer=adam", f"model.activation={activation}"]
        for activation in ("selu", "leaky_relu")
    }
)


@pytest.mark.parametrize("layout", ["lanes", "rows"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["32-true", "64-true"])
def test_every_optimizer_and_activation(stacks, monkeypatch, kind, layout, precision):
    if layout == "rows":
        monkeypatch.setattr(kernel, "load", lambda dtype: None)
    words = ["model=mlp", "model.hidden=[7]", "data=sinc", *SIZES["sinc"], *KINDS[kind]]
    words += ["data.samples=61", f"trainer.precision={precision}", "trainer.max_epochs=4"]
    assert_same_bits(stacks([1, 2, 5], *words, "trainer.log_every=2"))


@pytest.mark.parametrize("more", ["model.dropout=0.3", "data.augment=1", "label_noise=half"])
def test_images(stacks, more):
    words = ["model=mlp", "model.hidden=[40]", "data=digits", *SIZES["digits"]]
    words += ["trainer.max_epochs=3", more]
    assert_same_bits(stacks([1, 2, 5], *words))


SWEEPS = {
    "lanes": ["data=sinc", "model=mlp", "model.hidden=[7]"],
    "rows": ["data=sinc", "model=mlp", "model.hidden=[7]"],
    "convolutions": ["data=digits", "model=cnn", "data.samples=40", "data.batch_size=16",
                     "sweep.stack=always"],
    "alone": ["data=digits", "model=cnn", "data.samples=40", "data.batch_size=16",
              "trainer.threads=2"],
}  # fmt: skip


@pytest.mark.parametrize("how", SWEEPS)
def test_a_sweep_its_runs_repeated_and_resumed_with_fewer_left(lab, outputs, monkeypatch, how):
    if how == "rows":
        monkeypatch.setattr(kernel, "load", lambda dtype: None)
    words = [*SWEEPS[how], "seed=range(0,4)", "trainer.max_epochs=4", "trainer.log_every=1"]
    words += ["logger=none", "sweep.workers=1"]
    assert lab("-m", *words, "study=whole").code == 0
    whole = {path.parent.name: path for path in (outputs / "whole").glob("*/metrics.csv")}

    def assert_whole(study, count):
        found = list((outputs / study).glob("*/metrics.csv"))
        assert len(found) == count
        for path in found:
            assert path.read_bytes() == whole[path.parent.name].read_bytes()

    for path in whole.values():  # each by the command that it has recorded
        command = json.loads((path.parent / "provenance.json").read_text())["command"]
        own = shlex.split(command)[2:]
        assert lab(*own, "study=again").code == 0
    assert_whole("again", 4)

    monkeypatch.setattr(build, "CHECKPOINT_SECONDS", 0.0)
    record = Recorder._record

    def stopping(self, task, data):
        record(self, task, data)
        if task.epoch == 2 and task.seed == 3:
            raise Stopped

    with monkeypatch.context() as context:
        context.setattr(Recorder, "_record", stopping)
        assert lab("-m", *words, "study=stopped").code == 130
    fewer = [word for word in words if not word.startswith("seed=")]
    assert lab("-m", *fewer, "seed=1", "study=stopped").code == 0
    assert lab("-m", *words, "study=stopped").code == 0
    assert_whole("stopped", 4)


def test_a_job_needs_no_torch():
    code = (
        "import sys, dl_experiments, dl_experiments.job, dl_experiments.identity\n"
        "print({'torch', 'lightning', 'torchvision', 'hydra'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
