"""What the sharpness callback writes, and when; it changes nothing in training."""

import json

import numpy as np
import pytest
import torch
from silent import execute
from stacked import assert_training_does_not_notice
from test_sensitivity_callback import CNN, TINY, arrays_of, final_model, probe_seed
from torch.nn import functional

from dl_experiments import build, run
from dl_experiments.callbacks.sharpness import Sharpness
from dl_experiments.job import Job
from dl_experiments.run import directory
from dl_experiments.sweep.plan import plan

SETTINGS = {"samples": 50, "radii": [0.05, 0.5], "draws": 4, "steps": 3, "starts": 2, "lanczos": 30}
NODE = ["+measurements.sharpness._target_=dl_experiments.callbacks.sharpness.Sharpness"]
NODE += [f"+measurements.sharpness.{key}={value}" for key, value in SETTINGS.items()]


@pytest.mark.parametrize("words", [TINY, CNN])
def test_the_numbers_are_those_of_the_final_weights(compose, words):
    config = compose(*words, *NODE)
    execute(config)
    files = directory(config)
    found = arrays_of(files, "sharpness")
    module, model = final_model(config, files)
    index = torch.randperm(64, generator=torch.Generator().manual_seed(probe_seed()))[:50]
    inputs = module.train.prepare(module.train.inputs[index])
    targets = module.train.targets[index]
    loss = functional.cross_entropy(model(inputs), targets)
    slope = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])
    weights = torch.cat([p.detach().flatten() for p in model.parameters()])
    loss = float(loss.detach())
    assert found["loss"] == pytest.approx(loss, rel=1e-5)
    assert found["gradient_norm"] == pytest.approx(float(slope.norm()), rel=1e-4)
    assert found["weight_norm"] == pytest.approx(float(weights.norm()), rel=1e-6)
    assert found["radius"].tolist() == [0.05, 0.5]
    assert (found["sampled"] > 0).all()
    assert (found["sampled"] < found["ascended"]).all()
    steepest = 0.05 * float(slope.norm()) / (1 + loss)
    assert found["ascended"][0] > 0.98 * steepest
    assert found["ascended"][1] > found["ascended"][0]
    shapes = [p.shape for p in model.parameters()]
    names = [name for name, _ in model.named_parameters()]

    def of_all(theta):
        parts = theta.split([shape.numel() for shape in shapes])
        named = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return functional.cross_entropy(torch.func.functional_call(model, named, inputs), targets)

    hessian = torch.autograd.functional.hessian(of_all, weights)
    largest = float(torch.linalg.eigvalsh(hessian)[-1])
    assert found["eigenvalue"] == pytest.approx(largest, rel=1e-2)
    assert json.loads(str(found["settings"])) == SETTINGS


@pytest.mark.parametrize("stack", ["never", "always"])
def test_training_does_not_notice(compose, stack):
    assert_training_does_not_notice(compose, TINY, NODE, [], stack, "sharpness")


def test_it_is_measured_later_with_the_same_numbers(compose):
    execute(compose(*TINY, *NODE, "study=at_once"))
    execute(compose(*TINY))
    config = compose(*TINY, *NODE)
    assert run.catch_up(Job(config))
    assert not run.catch_up(Job(config))
    at_once = arrays_of(directory(compose(*TINY, "study=at_once")), "sharpness")
    later = arrays_of(directory(config), "sharpness")
    for name in set(later) - {"seconds"}:
        assert np.array_equal(at_once[name], later[name])
    assert run.catch_up(Job(compose(*TINY, *NODE, "measurements.sharpness.radii=[1.0]")))


def test_more_samples_than_the_training_set_has_are_refused_before_training(compose):
    config = compose(*TINY, *NODE, "measurements.sharpness.samples=65")
    with pytest.raises(
        ValueError, match=r"sharpness\.samples=65 is more than the 64 train samples"
    ):
        plan([Job(config, [])])
    assert not directory(config).path.exists()
    build.check(compose(*TINY, *NODE, "measurements.sharpness.samples=64"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("samples", 0), ("radii", 0.5), ("radii", "0.5"), ("radii", []), ("radii", [0])],
        *[("radii", [-0.1]), ("radii", [1, 0.5]), ("radii", ["wide"]), ("draws", 0)],
        *[("steps", 0), ("starts", 0), ("lanczos", 0.5)],
    ],
)
def test_impossible_settings_are_named(tmp_path, key, value):
    with pytest.raises(ValueError, match=rf"measurements\.sharpness\.{key}="):
        Sharpness(directory=tmp_path, **SETTINGS | {key: value})
