"""The update loop's bookkeeping, the losses, the evaluation."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from silent import execute
from torch import nn

from dl_experiments import build, run
from dl_experiments.artifacts import read_metrics
from dl_experiments.callbacks import schedules
from dl_experiments.data.images import ImageData
from dl_experiments.data.loader import EVALUATION_BATCH, InMemory
from dl_experiments.models.mlp import MLP
from dl_experiments.tasks import losses
from dl_experiments.tasks.classification import ClassificationTask
from dl_experiments.tasks.regression import RegressionTask

SGD = partial(torch.optim.SGD, lr=0.1)


def classifier(loss="cross_entropy", dropout=0.0):
    torch.manual_seed(0)
    model = MLP((1, 8, 8), 10, [16], dropout=dropout)
    return ClassificationTask(model, loss, SGD, None, seed=0, outputs=10)


@pytest.fixture
def digits():
    data = ImageData("digits", "", None, 100, run_seed=0)
    data.place("cpu", torch.float32)
    return data


# --- losses


def test_squared_error_on_one_hot_targets_is_its_formula():
    logits, classes = torch.randn(7, 4, dtype=torch.float64), torch.randint(4, (7,))
    slow = sum(
        (float(logits[i, k]) - (1.0 if int(classes[i]) == k else 0.0)) ** 2
        for i in range(7)
        for k in range(4)
    )
    assert losses.CLASSIFICATION["mse"](logits, classes).item() == pytest.approx(slow / 7)


def test_cross_entropy_is_its_formula():
    logits, classes = torch.randn(7, 4, dtype=torch.float64), torch.randint(4, (7,))
    slow = -sum(
        float(logits[i, classes[i]]) - math.log(sum(math.exp(z) for z in logits[i].tolist()))
        for i in range(7)
    )
    assert losses.CLASSIFICATION["cross_entropy"](logits, classes).item() == pytest.approx(slow / 7)


def test_regression_losses_are_their_formulas():
    y, t = torch.randn(50, 1, dtype=torch.float64) * 2, torch.randn(50, 1, dtype=torch.float64)
    d = (y - t).numpy()
    huber = np.where(np.abs(d) < 1, d**2 / 2, np.abs(d) - 0.5)
    expected = {"mse": (d**2).mean(), "l1": np.abs(d).mean(), "huber": huber.mean()}
    assert {k: f(y, t).item() for k, f in losses.REGRESSION.items()} == pytest.approx(expected)


@pytest.mark.parametrize("task", [RegressionTask, ClassificationTask])
@pytest.mark.parametrize("loss", ["hinge", None, ["mse"]])
def test_an_unknown_loss_is_refused(task, loss):
    with pytest.raises(ValueError, match=r"^loss=.* is not one of .*mse"):
        task(nn.Identity(), loss, SGD, None, 0, 1)


# --- evaluation


@pytest.mark.parametrize("loss", losses.CLASSIFICATION)
def test_evaluation_of_a_classifier_is_the_obvious_loop(digits, loss):
    task = classifier(loss, dropout=0.5)
    measured = task.evaluate(digits.test)
    exact = digits.test.placed("cpu", torch.float64)
    model = task.model.double().eval()
    total, right = 0.0, 0
    for index in range(len(exact)):
        inputs = exact.prepare(exact.inputs[index : index + 1])
        target = exact.targets[index : index + 1]
        outputs = model(inputs)
        total += losses.CLASSIFICATION[loss](outputs, target).item()
        right += int(outputs.argmax(1) == target)
    assert measured["loss"].item() == pytest.approx(total / len(exact), rel=1e-5)
    assert measured["accuracy"].item() == pytest.approx(right / len(exact), abs=1e-6)
    assert len(exact) % EVALUATION_BATCH  # so that a smaller last chunk is weighted


@pytest.mark.parametrize("loss", losses.REGRESSION)
def test_evaluation_of_a_regression_is_the_obvious_loop(loss):
    torch.manual_seed(0)
    task = RegressionTask(MLP((1,), 1, [8]).double(), loss, SGD, None, 0, 1)
    x = torch.linspace(-1, 1, 333, dtype=torch.float64)[:, None]
    data = InMemory(x, x.sin(), dtype=torch.float64)
    with torch.no_grad():
        each = [losses.REGRESSION[loss](task.model(a), b) for a, b in zip(x, x.sin(), strict=True)]
    measured = task.evaluate(data)
    assert measured.keys() == {"loss"}
    assert measured["loss"].item() == pytest.approx(float(sum(each)) / 333, rel=1e-12)


@pytest.mark.parametrize("size", [1, 7, 360, 1000])
def test_evaluation_does_not_depend_on_its_chunks(digits, size, monkeypatch):
    task = classifier()
    whole = task.evaluate(digits.test)
    monkeypatch.setattr(InMemory.chunks, "__defaults__", (size,))
    assert len(next(digits.test.chunks())[1]) == min(size, 360)
    chunked = task.evaluate(digits.test)
    assert chunked["loss"].item() == pytest.approx(whole["loss"].item(), rel=1e-6)
    assert chunked["accuracy"] == whole["accuracy"]


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_leaves_no_trace(digits, training):
    task = classifier(dropout=0.5)
    task.model.train(training)
    weights = {k: v.clone() for k, v in task.state_dict().items()}
    state = torch.get_rng_state()
    first, second = task.evaluate(digits.test), task.evaluate(digits.test)
    assert first == second
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, weights[k]) for k, v in task.state_dict().items())
    assert all(module.training is training for module in task.model.modules())
    assert all(p.grad is None for p in task.parameters())


def test_evaluation_of_weights_that_are_not_finite_says_so(digits):
    task = classifier()
    nn.init.constant_(next(task.model.parameters()), math.nan)
    assert math.isnan(task.evaluate(digits.test)["loss"])


def test_layers_with_running_statistics_are_evaluated_with_them():
    model = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1))
    task = RegressionTask(model, "mse", SGD, None, 0, 1)
    x = torch.randn(64, 1) + 5
    task.evaluate(InMemory(x, x))
    assert torch.equal(model[0].running_mean, torch.zeros(1))


# --- updates and schedules


@pytest.fixture
def trained(compose):
    """``trained(overrides...)``: the task after a run, and its files."""
    threads = torch.get_num_threads()
    kept = []
    original = build.task

    def train(*overrides):
        config = compose("logger=none", "trainer.accelerator=cpu", *overrides)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(build, "task", lambda *a: kept.append(original(*a)) or kept[-1])
            status = execute(config)
        assert status.state == "completed"
        return kept[-1], run.directory(config)

    yield train
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("samples", "batch_size", "an_epoch"), [(10, 3, 4), (10, 5, 2), (10, 10, 1), (10, 1, 10)]
)
def test_a_step_is_one_update(trained, samples, batch_size, an_epoch):
    task, files = trained(
        "model.hidden=[3]",
        f"data.samples={samples}",
        f"data.batch_size={batch_size}",
        "trainer.max_epochs=3",
    )
    assert task.updates == 3 * an_epoch
    rows = read_metrics(files.metrics)
    assert [row["step"] for row in rows] == [epoch * an_epoch for epoch in range(4)]
    steps = [state["step"] for state in task.optimizer.state.values()]
    assert {int(step) for step in steps} == {3 * an_epoch}


def test_cosine_falls_once_an_epoch(trained):
    task, _ = trained(
        "model.hidden=[3]",
        "data.samples=20",
        "data.batch_size=5",
        "schedule=cosine",
        "optimizer=sgd",
        "optimizer.lr=0.2",
        "trainer.max_epochs=4",
    )
    assert task.schedule.last_epoch == 4
    assert task.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


def test_step_falls_after_so_many_epochs(trained):
    task, _ = trained(
        "model.hidden=[3]",
        "data.samples=20",
        "data.batch_size=5",
        "schedule=step",
        "schedule.step_size=2",
        "schedule.gamma=0.5",
        "optimizer=sgd",
        "optimizer.lr=0.2",
        "trainer.max_epochs=5",
    )
    assert task.optimizer.param_groups[0]["lr"] == pytest.approx(0.2 * 0.5**2)


def test_training_stops_at_the_target_accuracy(trained):
    _, files = trained(
        "data=digits",
        "data.samples=200",
        "trainer.max_epochs=60",
        "trainer.target_accuracy=0.5",
        "trainer.log_every=1",
    )
    accuracies = [row["train/accuracy"] for row in read_metrics(files.metrics)]
    assert len(accuracies) < 61
    assert accuracies[-1] >= 0.5 > max(accuracies[:-1])


def test_training_stops_at_the_target_loss(trained):
    _, files = trained("data.samples=128", "trainer.max_epochs=50", "trainer.target_loss=0.1228")
    rows = read_metrics(files.metrics)
    assert 0 < rows[-1]["epoch"] < 50
    assert rows[-1]["train/loss"] <= 0.1228 < rows[-2]["train/loss"]
    assert rows[-1]["epoch"] in files.snapshots()
    assert files.read_summary()["train/loss"] == rows[-1]["train/loss"]


def test_what_is_logged_is_the_stored_weights_own(trained):
    """``train/*`` and ``test/*`` are measured in eval mode with the weights of that epoch."""
    task, files = trained(
        "data=digits",
        "model=mlp",
        "model.hidden=[12]",
        "model.dropout=0.5",
        "data.samples=300",
        "trainer.max_epochs=2",
        "callbacks.snapshots.schedule=1",
    )
    data = task.trainer.datamodule
    for row in read_metrics(files.metrics):
        task.model.load_state_dict(files.read_weights(int(row["epoch"])))
        for split, part in (("train", data.train), ("test", data.test)):
            for name, value in task.evaluate(part).items():
                assert row[f"{split}/{name}"] == value.item()


def test_a_network_with_batch_norm_trains(trained, monkeypatch, tmp_path):
    (tmp_path / "normed_net.py").write_text(
        "from torch import nn\n"
        "class Normed(nn.Sequential):\n"
        "    def __init__(self, input_shape, outputs, **_):\n"
        "        super().__init__(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    _, files = trained(
        "model=mlp",
        "model._target_=normed_net.Normed",
        "data.samples=20",
        "data.batch_size=5",
        "trainer.max_epochs=1",
    )
    initial = files.read_weights(0)
    assert torch.equal(initial["1.running_mean"], torch.zeros(4))
    assert "1.running_var" in files.read_weights(1)


# --- schedules of recording


@pytest.mark.parametrize(
    ("value", "epochs", "expected"),
    [
        (3, 10, [0, 3, 6, 9, 10]),
        (1, 3, [0, 1, 2, 3]),
        ("ends", 25, [0, 25]),
        ("decades", 150, [0, 1, 10, 100, 150]),
        ("thinned", 6, [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_recording_schedules(value, epochs, expected):
    schedule = schedules.parse("k", value, epochs)
    assert [epoch for epoch in range(epochs + 1) if schedule(epoch)] == expected


@pytest.mark.parametrize("epochs", [200, 201, 1000, 20_000])
def test_a_long_run_logs_about_200_rows(epochs):
    schedule = schedules.parse("k", "thinned", epochs)
    logged = [epoch for epoch in range(epochs + 1) if schedule(epoch)]
    assert 100 <= len(logged) <= 220
    assert {0, 1, 2, 5, 10, epochs} <= set(logged)


@pytest.mark.parametrize("value", [0, -1, 2.5, True, None, "often"])
def test_an_unknown_schedule_is_refused(value):
    with pytest.raises(ValueError, match=r"^trainer\.log_every="):
        schedules.parse("trainer.log_every", value, 10)
