"""What the critical-point callback writes, against plain autograd; it changes nothing."""

import copy
import json

import numpy as np
import pytest
import torch
from silent import execute
from stacked import assert_training_does_not_notice
from torch.nn import functional

from dl_experiments import build, run
from dl_experiments.callbacks.critical_points import CriticalPoints
from dl_experiments.job import Job
from dl_experiments.run import directory
from dl_experiments.sweep.plan import plan

EXPERIMENT = [
    *("experiment=hw1_2_minimal_ratio", "scale=smoke", "logger=none", "data.samples=16"),
    *("trainer.max_epochs=10", "data.test_samples=5", "trainer.accelerator=cpu"),
    *("model.hidden=[3,2,3]", "measurements.critical_points.samples=20"),
    "measurements.critical_points.widths=[[1,1,1],[1]]",
]

SHORT = [f"measurements.critical_points.{key}=3" for key in ("newton", "descent", "narrow_descent")]


@pytest.fixture
def trained(compose):
    """``trained("seed=1", ...)``: trains alone, returns config and directory."""

    def train(*words):
        config = compose(*EXPERIMENT, *words)
        execute(config)
        return config, directory(config)

    return train


def arrays_of(files):
    with np.load(files.measures / "critical_points.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def whole_loss(config):
    """θ -> the loss on all points, by the model itself and ``functional_call``."""
    module = build.data(config)
    module.place("cpu", torch.float64)
    network = build.model(config, module).double()
    shapes = {name: p.shape for name, p in network.named_parameters()}
    inputs = module.train.prepare(module.train.inputs)

    def loss(theta):
        parts = theta.split([shape.numel() for shape in shapes.values()])
        named = {n: p.view(s) for (n, s), p in zip(shapes.items(), parts, strict=True)}
        outputs = torch.func.functional_call(network, named, (inputs,))
        return functional.mse_loss(outputs, module.train.targets)

    return loss


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_every_point_is_what_the_file_says(trained, activation):
    config, files = trained(f"model.activation={activation}")
    arrays = arrays_of(files)
    arms = ["newton", "descent", "published", *(["embedded"] if activation == "tanh" else [])]
    assert arrays["arm"].tolist() == arms  # silent ReLU units would sit on their kinks
    assert arrays["epoch"].tolist() == [0, 10, 10, 0][: len(arms)]
    assert arrays["widths"].tolist() == ["3-2-3", "3-2-3", "3-2-3", "1-1-1"][: len(arms)]
    loss = whole_loss(config)
    for k, theta in enumerate(torch.from_numpy(arrays["thetas"])):
        theta.requires_grad_()
        value = loss(theta)
        (slope,) = torch.autograd.grad(value, theta)
        assert arrays["loss"][k] == pytest.approx(float(value.detach()), rel=1e-9, abs=1e-30)
        assert arrays["gradient_norm"][k] == pytest.approx(float(slope.norm()), rel=1e-4, abs=1e-12)
        assert arrays["converged"][k] == (slope.norm() < 1e-8)
        truth = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, theta.detach()))
        largest = truth.abs().max()
        assert np.abs(arrays["eigenvalues"][k] - truth.numpy()).max() < 1e-9 * largest
        at = 1e-6 * largest
        signs = [(truth > at).sum(), (truth.abs() <= at).sum(), (truth < -at).sum()]
        (place,) = np.flatnonzero(arrays["relative_tolerances"] == 1e-6)
        assert arrays["swept"][k, place].tolist() == signs
        assert arrays["counts"][k].sum() == len(theta)
    assert json.loads(str(arrays["settings"]))["radius"] == 0.01
    assert arrays["seconds"] > 0


@pytest.mark.parametrize("stack", ["never", "always"])
def test_training_does_not_notice(compose, stack):
    assert_training_does_not_notice(
        compose,
        [*EXPERIMENT, *SHORT],
        [],
        ["measurements.critical_points=null"],
        stack,
        "critical_points",
    )


def test_members_of_a_stack_are_measured_as_each_alone(compose):
    """Two functions: what shares a stack may differ in its data."""
    words = [*EXPERIMENT, *SHORT, "sweep.stack=always", "sweep.workers=1"]
    cells = [
        Job(compose(*words, f"data={data}", f"seed={seed}"), [])
        for data in ("sinc", "sine")
        for seed in (0, 1)
    ]
    for call in plan(cells):
        call(None)
    for cell in cells:
        files = directory(cell.config)
        together = arrays_of(files)
        (files.measures / "critical_points.npz").unlink()
        assert run.catch_up(cell)
        alone = arrays_of(files)
        assert alone.keys() == together.keys()
        for name in ("arm", "epoch", "steps", "widths", "iterations"):
            assert (alone[name] == together[name]).all()
        for name in ("thetas", "loss", "sampled_ratio"):
            assert together[name] == pytest.approx(alone[name], rel=1e-5, abs=1e-8)


def test_it_is_measured_later_and_anew_where_it_is_asked_for_otherwise(trained, compose):
    _, files = trained("measurements.critical_points=null")
    assert not [*files.measures.glob("*.npz")]
    config = compose(*EXPERIMENT, *SHORT)
    assert run.decide(Job(config)) == "skip"
    assert run.catch_up(Job(config))
    first = arrays_of(files)
    assert not run.catch_up(Job(config))
    assert run.catch_up(
        Job(compose(*EXPERIMENT, *SHORT, "measurements.critical_points.radius=0.5"))
    )
    assert json.loads(str(arrays_of(files)["settings"]))["radius"] == 0.5
    assert np.array_equal(arrays_of(files)["thetas"], first["thetas"])


def test_a_run_without_finite_weights_is_left_alone(trained):
    config, files = trained("measurements.critical_points=null")
    for epoch in files.snapshots():
        weights = {name: tensor * torch.nan for name, tensor in files.read_weights(epoch).items()}
        files.write_weights(epoch, weights)
    node = copy.deepcopy(config)
    node["callbacks"] = {"critical_points": callback_keys()}
    run.catch_up(Job(node))
    assert not (files.measures / "critical_points.npz").exists()


def callback_keys(**more):
    return {
        "_target_": "dl_experiments.callbacks.critical_points.CriticalPoints",
        **{"epochs": [0], "newton": 2, "descent": 2, "widths": [], "narrow_descent": 2},
        **{"published_steps": 2, "published_lr": 0.001, "radius": 0.01, "samples": 5},
        "memory_gib": 1.0,
    } | more


def test_a_hessian_over_the_memory_is_refused_before_training(compose):
    config = compose(*EXPERIMENT, "measurements.critical_points.memory_gib=1e-6")
    with pytest.raises(ValueError, match=r"memory_gib=1e-06 is less") as refused:
        plan([Job(config, [])])
    text = str(refused.value)
    for part in ("measurements.critical_points.memory_gib", "GiB", "27 parameters", "Lanczos"):
        assert part in text
    assert "\n" not in text
    assert not directory(config).path.exists()


def test_another_loss_is_refused(compose):
    with pytest.raises(ValueError, match=r"measurements\.critical_points needs loss=mse"):
        build.check(compose(*EXPERIMENT, "loss=l1"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("epochs", 3), ("epochs", [-1]), ("newton", 0), ("descent", 0), ("widths", [3])],
        *[("widths", [[0]]), ("narrow_descent", 0.5), ("published_steps", 0), ("samples", 0)],
        *[("published_lr", 0.0), ("radius", -1.0), ("memory_gib", 0), ("descent", "many")],
    ],
)
def test_impossible_settings_are_named(tmp_path, key, value):
    keys = callback_keys(**{key: value})
    keys.pop("_target_")
    with pytest.raises(ValueError, match=rf"measurements\.critical_points\.{key}="):
        CriticalPoints(directory=tmp_path, **keys)
