"""What the gradient-norm callback writes, against plain ``backward``; it changes nothing."""

import copy
import json

import numpy as np
import pytest
import torch
from finished import runs
from safetensors.torch import load_file
from silent import execute

from dl_experiments import build
from dl_experiments.artifacts import RunDirectory, read_metrics
from dl_experiments.callbacks import gradient_norm
from dl_experiments.callbacks.gradient_norm import GradientNorm
from dl_experiments.run import RunFailed, directory
from dl_experiments.sweep import kernel

NODE = "+callbacks.gradient_norm._target_=dl_experiments.callbacks.gradient_norm.GradientNorm"
QUIET = ["logger=none", "trainer.log_every=1", "callbacks.snapshots.schedule=1"]
TINY = [*QUIET, "model=mlp", "model.hidden=[6,4]", "data.test_samples=5", "trainer.max_epochs=4"]
FUNCTION = [*TINY, "data.samples=20", "data.batch_size=8"]
IMAGES = [
    *(*QUIET, "data=digits", "model=cnn", "model.blocks=[[2]]", "model.hidden=[4]"),
    *("data.samples=60", "data.batch_size=25", "trainer.max_epochs=2"),
]


@pytest.fixture
def trained(compose):
    """``trained("data=sinc", ...)``: trains on the processor, returns config and directory."""

    def train(*words):
        config = compose(*words, "trainer.accelerator=cpu")
        execute(config)
        return config, directory(config)

    return train


def recorded(files):
    with np.load(files.measures / "gradient_norms.npz") as arrays:
        return arrays["step"], arrays["norm"]


def truth(config, files, epoch):
    """Layer -> norm of the full-data gradient, by one ``backward`` over everything at once."""
    module = build.data(config)
    module.place("cpu", torch.float64)
    task = build.task(config, module, build.model(config, module).double().eval())
    task.model.load_state_dict(files.read_weights(epoch))
    inputs = module.train.prepare(module.train.inputs)
    task.loss(task.model(inputs), module.train.targets).backward()
    squares = {}
    for name, parameter in task.model.named_parameters():
        layer = name.rpartition(".")[0]
        squares[layer] = squares.get(layer, 0.0) + float(parameter.grad.square().sum())
    norms = {f"gradient/norm/{layer}": square**0.5 for layer, square in squares.items()}
    return {"gradient/norm": sum(squares.values()) ** 0.5} | norms


@pytest.mark.parametrize(
    "words",
    [
        [*TINY, "data=sinc", "data.samples=301", "data.batch_size=100", "model.dropout=0.5"],
        [*IMAGES, "data.samples=301", "model.dropout=0.5", "label_noise.fraction=0.3"],
    ],
)
def test_full_data_norms_are_those_of_one_backward_over_everything(trained, words):
    """301 samples: an evaluation's batches of 250 do not divide them."""
    config, files = trained(*words, NODE, "trainer.precision=64-true")
    rows = read_metrics(files.metrics)
    assert [row["epoch"] for row in rows] == list(range(config["trainer"]["max_epochs"] + 1))
    for row in rows:
        norms = {name: value for name, value in row.items() if name.startswith("gradient/")}
        assert norms == pytest.approx(truth(config, files, int(row["epoch"])), rel=1e-9)


def test_of_full_batches_both_norms_are_the_same(trained):
    words = [*TINY, "data=sign_sin", "data.samples=20", "batch_size=full"]
    _, files = trained(*words, NODE, "trainer.precision=64-true")
    step, norm = recorded(files)
    full = {row["step"]: row["gradient/norm"] for row in read_metrics(files.metrics)}
    assert step.tolist() == [0, 1, 2, 3]
    assert norm == pytest.approx([full[at] for at in step], rel=1e-9)


def test_mini_batch_norms_are_those_of_the_batches_in_their_order(trained):
    config, files = trained(*FUNCTION, "data=sinc", NODE, "trainer.precision=64-true")
    module = build.data(config)
    module.place("cpu", torch.float64)
    task = build.task(config, module, build.model(config, module).double())
    task.configure_optimizers()
    norms = []
    for epoch in range(config["trainer"]["max_epochs"]):
        for inputs, targets in module.training_set().epoch(epoch):
            task.optimizer.zero_grad()
            task.loss(task.model(inputs), targets).backward()
            squares = [float(p.grad.square().sum()) for p in task.model.parameters()]
            norms.append(sum(squares) ** 0.5)
            task.optimizer.step()
    step, norm = recorded(files)
    assert step.tolist() == list(range(12))  # 20 samples are batches of 8, 8 and 4
    assert norm == pytest.approx(norms, rel=1e-9)


@pytest.mark.parametrize(
    "words",
    [
        [*FUNCTION, "data=sinc", "model.dropout=0.5"],
        [*FUNCTION, "data=sinc", "optimizer=lbfgs"],
        [*IMAGES, "model.dropout=0.5", "data.augment=1"],
    ],
)
def test_training_is_the_same_bits_without_it(trained, words):
    _, measured = trained(*words, NODE)
    _, plain = trained(*words)
    assert measured.path != plain.path  # what is recorded on the way is part of what a run is
    for epoch, path in plain.snapshots().items():
        one, other = load_file(path), measured.read_weights(epoch)
        assert all(torch.equal(one[name], other[name]) for name in one)
    columns = read_metrics(plain.metrics)[0].keys()
    rows = [{k: row[k] for k in columns} for row in read_metrics(measured.metrics)]
    assert rows == read_metrics(plain.metrics)


def test_its_time_is_in_the_summary(trained):
    _, files = trained(*FUNCTION, "data=sinc", NODE)
    summary = json.loads(files.summary.read_text())
    assert summary["time/gradient_norm_seconds"] > 0
    assert summary["gradient/norm"] == read_metrics(files.metrics)[-1]["gradient/norm"]


def by_seed(outputs, study):
    found = map(RunDirectory, (outputs / study).iterdir())
    return {files.read_config()["seed"]: files for files in found}


@pytest.mark.parametrize("layout", ["lanes", "rows"])
def test_in_a_stack_it_records_what_it_records_alone(lab, outputs, monkeypatch, layout):
    if layout == "rows":
        monkeypatch.setattr(kernel, "load", lambda dtype: None)
    elif kernel.load(torch.float64) is None:
        pytest.skip("no C compiler")
    words = ["-m", *FUNCTION, "data=sinc", NODE, "seed=0,1,2", "sweep.workers=1"]
    words += ["trainer.precision=64-true", "model.dropout=0.2"]
    for stack in ("always", "never"):
        assert lab(*words, f"study={stack}", f"sweep.stack={stack}").code == 0
    together, alone = by_seed(outputs, "always"), by_seed(outputs, "never")
    assert len(alone) == 3
    for seed, files in alone.items():
        assert json.loads(together[seed].provenance.read_text())["stack"] == 3
        for one, other in zip(recorded(files), recorded(together[seed]), strict=True):
            assert other == pytest.approx(one, rel=1e-9)
        rows = (read_metrics(f.metrics) for f in (files, together[seed]))
        for one, other in zip(*rows, strict=True):
            assert other == pytest.approx(one, rel=1e-9)


def test_a_stack_trains_the_same_bits_without_it(lab, outputs):
    words = ["-m", *FUNCTION, "data=sinc", "seed=0,1", "sweep.workers=1", "sweep.stack=always"]
    assert lab(*words, "study=measured", NODE).code == 0
    assert lab(*words, "study=plain").code == 0
    measured, plain = by_seed(outputs, "measured"), by_seed(outputs, "plain")
    for seed, files in plain.items():
        one, other = files.read_weights(4), measured[seed].read_weights(4)
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_resumed_run_has_the_norms_of_all_updates(compose, monkeypatch, tmp_path):
    monkeypatch.setattr(build, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(gradient_norm, "_JOINED", 3)
    config = compose(*FUNCTION, "data=sinc", NODE, "trainer.max_epochs=9")
    whole = copy.deepcopy(config)
    whole["paths"]["outputs"] = str(tmp_path / "whole")
    execute(whole)
    with monkeypatch.context() as patched:
        patched.setattr(GradientNorm, "after_epoch", failing_at(5))
        with pytest.raises(RunFailed, match="on purpose"):
            execute(config)
    execute(config)
    assert "resume" in directory(config).log.read_text()
    for one, other in zip(recorded(directory(config)), recorded(directory(whole)), strict=True):
        assert len(one) == 27
        assert np.array_equal(one, other)


def failing_at(epoch):
    after_epoch = GradientNorm.after_epoch

    def fail(self, task, data):
        after_epoch(self, task, data)
        if task.epoch == epoch:
            raise RuntimeError("on purpose")

    return fail


def test_a_run_that_diverges_keeps_its_norms(lab, outputs):
    words = [*FUNCTION, "data=sinc", NODE, "optimizer=sgd", "optimizer.lr=1e20"]
    assert lab(*words).code == 0
    (files,) = runs(outputs).values()
    assert files.read_status().state == "diverged"
    step, norm = recorded(files)
    assert len(step) == len(norm) == read_metrics(files.metrics)[-1]["step"]
    assert not np.isfinite(norm).all()
