"""What the sensitivity callback writes, and when; it changes nothing in training."""

import json

import numpy as np
import pytest
import torch
from finished import runs
from silent import execute
from stacked import assert_training_does_not_notice

from dl_experiments import build, run
from dl_experiments.callbacks.sensitivity import Sensitivity
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.job import Job
from dl_experiments.run import RunFailed, directory
from dl_experiments.sweep.plan import plan

NODE = [
    "+measurements.sensitivity._target_=dl_experiments.callbacks.sensitivity.Sensitivity",
    "+measurements.sensitivity.samples=60",
    "+measurements.sensitivity.evaluation_batches=[1,6,60]",
]
TINY = [
    *("data=digits", "model=mlp", "model.hidden=[6]", "data.samples=64", "data.batch_size=20"),
    *("trainer.max_epochs=3", "model.dropout=0.3", "logger=none", "trainer.accelerator=cpu"),
]
CNN = [*TINY, "model=cnn", "model.blocks=[[2]]", "model.hidden=[4]"]


@pytest.fixture
def trained(compose):
    """``trained("seed=1", ...)``: trains alone, returns config and directory."""

    def train(*words):
        config = compose(*words)
        execute(config)
        return config, directory(config)

    return train


def arrays_of(files, name="sensitivity"):
    with np.load(files.measures / f"{name}.npz", allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def final_model(config, files):
    module = build.data(config)
    module.place("cpu", torch.float64)
    model = build.model(config, module).double().eval()
    model.load_state_dict({k: v.double() for k, v in files.read_weights(3).items()})
    return module, model


@pytest.mark.parametrize("words", [TINY, CNN])
def test_every_sample_has_its_own_norms(trained, words):
    config, files = trained(*words, *NODE)
    found = arrays_of(files)
    module, model = final_model(config, files)
    index = torch.randperm(360, generator=torch.Generator().manual_seed(probe_seed()))[:60]
    inputs = module.test.prepare(module.test.inputs[index])
    for n in (0, 31, 59):
        jacobian = torch.autograd.functional.jacobian(lambda x: model(x[None])[0], inputs[n])
        assert found["jacobian"][n] == pytest.approx(float(jacobian.norm()), rel=1e-5)
        shares = torch.autograd.functional.jacobian(
            lambda x: model(x[None])[0].softmax(0), inputs[n]
        )
        assert found["softmax_jacobian"][n] == pytest.approx(float(shares.norm()), rel=1e-4)
        x = inputs[n : n + 1].clone().requires_grad_()
        torch.nn.functional.cross_entropy(
            model(x), module.test.targets[index[n : n + 1]]
        ).backward()
        assert found["loss_gradient"][n] == pytest.approx(float(x.grad.norm()), rel=1e-4)
    # the run's own batch size joins those of the control
    assert found["batch_size"].tolist() == [1, 6, 20, 60]
    mean = found["loss_gradient"].mean(dtype=float)
    assert found["batch_mean_row"] * found["batch_size"] == pytest.approx([mean] * 4, rel=1e-5)
    root = np.sqrt(np.mean(np.square(found["loss_gradient"], dtype=float)))
    assert found["batch_mean_whole"][-1] == pytest.approx(root / 60**0.5, rel=1e-5)
    assert json.loads(str(found["settings"]))["samples"] == 60
    assert found["seconds"] > 0


def probe_seed():
    from dl_experiments.randomness import derive

    return derive(0, "probe")


def test_functions_have_no_softmax(trained):
    words = ["data=sinc", "model=mlp", "model.hidden=[6]", "data.test_samples=70", "logger=none"]
    words += ["data.samples=30", "data.batch_size=30", "trainer.max_epochs=2"]
    _, files = trained(*words, "trainer.accelerator=cpu", *NODE)
    found = arrays_of(files)
    assert "softmax_jacobian" not in found
    assert found["jacobian"].shape == (60,)


@pytest.mark.parametrize("stack", ["never", "always"])
def test_training_does_not_notice(compose, stack):
    assert_training_does_not_notice(compose, TINY, NODE, [], stack, "sensitivity")


def test_it_is_measured_later_and_anew_where_it_is_asked_for_otherwise(trained, compose):
    _, measured = trained(*TINY, *NODE, "study=at_once")
    _, files = trained(*TINY)
    config = compose(*TINY, *NODE)
    assert run.decide(Job(config)) == "skip"
    assert run.catch_up(Job(config))
    assert not run.catch_up(Job(config))
    at_once, later = arrays_of(measured), arrays_of(files)
    for name in set(later) - {"seconds"}:
        assert np.array_equal(at_once[name], later[name])
    assert run.catch_up(
        Job(compose(*TINY, *NODE, "measurements.sensitivity.evaluation_batches=[2]"))
    )
    assert arrays_of(files)["batch_size"].tolist() == [2, 20]


def test_all_runs_of_a_sweep_see_the_same_samples(compose, monkeypatch):
    seen = []
    arrays = Sensitivity.arrays

    def watched(self, model, batches, task, data):
        seen.append(torch.cat([inputs for inputs, _ in batches]))
        return arrays(self, model, batches, task, data)

    monkeypatch.setattr(Sensitivity, "arrays", watched)
    for word in ("seed=1", "seed=2", "data.batch_size=5", "data.seed=1"):
        execute(compose(*TINY, *NODE, word))
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2])
    assert not torch.equal(seen[0], seen[3])


def test_a_run_that_diverges_is_left_alone(lab, outputs):
    words = [*TINY, *NODE, "optimizer=sgd", "optimizer.lr=1e30"]
    for _ in range(2):
        assert lab(*words).code == 0
    (files,) = runs(outputs).values()
    assert files.read_status().state == "diverged"
    assert not [*files.measures.glob("*.npz")]


def test_a_probe_larger_than_the_data_is_refused_before_anything_is_trained(compose):
    config = compose(*TINY, *NODE, "measurements.sensitivity.samples=361")
    with pytest.raises(
        ValueError, match=r"measurements\.sensitivity\.samples=361 is more"
    ) as refused:
        plan([Job(config, [])])
    assert "360 test samples; allowed: 1 to that many" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not directory(config).path.exists()
    build.check(compose(*TINY, *NODE, "measurements.sensitivity.samples=360"))


def test_data_that_says_its_size_late_is_refused_before_the_first_epoch(compose, monkeypatch):
    config = compose(*TINY, *NODE, "measurements.sensitivity.samples=361")
    monkeypatch.setattr(InMemoryDataModule, "test_samples", property(lambda _: None, lambda *_: 0))
    build.check(config)
    with pytest.raises(RunFailed, match="360 test samples"):
        execute(config)
    assert directory(config).read_status().epoch in (None, 0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("samples", 0), ("samples", 2.5), ("samples", "all")],
        *[("evaluation_batches", 3), ("evaluation_batches", [0]), ("evaluation_batches", [11])],
    ],
)
def test_impossible_settings_are_named(tmp_path, key, value):
    keys = {"samples": 10, "evaluation_batches": [1]} | {key: value}
    with pytest.raises(ValueError, match=rf"measurements\.sensitivity\.{key}="):
        Sensitivity(directory=tmp_path, **keys)
