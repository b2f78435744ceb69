"""Our training against a plain PyTorch loop that draws from the documented streams."""

import math
from pathlib import Path

import pytest
import torch
from silent import execute
from torch import nn
from torch.nn import functional

from dl_experiments import build, run
from dl_experiments.randomness import derive

OPTIMIZERS = ["sgd", "rmsprop", "adam", "adamw", "lbfgs"]
SCHEDULES = ["constant", "cosine", "step"]


@pytest.fixture
def train(compose):
    """``train(overrides...)``: the config and the files of a run."""
    threads = torch.get_num_threads()

    def trained(*overrides):
        config = compose("logger=none", "trainer.accelerator=cpu", "trainer.threads=1", *overrides)
        assert execute(config).state == "completed"
        return config, run.directory(config)

    yield trained
    torch.set_num_threads(threads)


def streamed(seed, purpose, epoch=0):
    return torch.Generator().manual_seed(derive(seed, purpose, epoch))


# --- the plain loop: nothing of ours but ``derive``


def plain_optimizer(config, parameters):
    keys = {k: v for k, v in config["optimizer"].items() if k not in ("name", "_target_")}
    kinds = {
        "sgd": lambda: torch.optim.SGD(parameters, fused=True, **keys),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, foreach=True, **keys),
        "adam": lambda: torch.optim.Adam(parameters, fused=True, **keys),
        "adamw": lambda: torch.optim.AdamW(parameters, fused=True, **keys),
        "lbfgs": lambda: torch.optim.LBFGS(parameters, **keys),
    }
    return kinds[config["optimizer"]["name"]]()


def learning_rate(config, epoch):
    """The schedules in closed form."""
    lr, schedule = config["optimizer"]["lr"], config["schedule"]
    if schedule["name"] == "cosine":
        return lr * (1 + math.cos(math.pi * epoch / config["trainer"]["max_epochs"])) / 2
    if schedule["name"] == "step":
        return lr * schedule["gamma"] ** (epoch // schedule["step_size"])
    return lr


def plain_training(config, make_model, inputs, targets, loss):
    """The weights after training ``make_model()``.

    Args:
        config: The run's.
        make_model: Draws the initial weights from the global generator.
        inputs: [n, ...], normalised.
        targets: [n, ...].
        loss: The mean loss.
    """
    seed, batch_size = config["seed"], config["data"]["batch_size"]
    torch.manual_seed(derive(seed, "weights"))
    model = make_model()
    if config["trainer"]["precision"] == "64-true":
        model.double()
    if inputs.ndim == 4:
        model.to(memory_format=torch.channels_last)
    optimizer = plain_optimizer(config, model.parameters())
    for epoch in range(config["trainer"]["max_epochs"]):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, epoch)
        order = torch.randperm(len(targets), generator=streamed(seed, "order", epoch))
        torch.manual_seed(derive(seed, "dropout", epoch))
        for start in range(0, len(order), batch_size):
            index = order[start : start + batch_size]
            x, y = inputs[index], targets[index]

            def closure(x=x, y=y):
                optimizer.zero_grad()
                value = loss(model(x), y)
                value.backward()
                return value

            optimizer.step(closure)
    return model.state_dict()


def assert_equal(files, epoch, expected, exact=True):
    stored = files.read_weights(epoch)
    assert len(stored) == len(expected)
    for ours, plain in zip(stored.values(), sorted_like(stored, expected), strict=True):
        assert ours.dtype == plain.dtype
        if exact:
            assert torch.equal(ours, plain)
        else:
            torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)


def sorted_like(stored, expected):
    """The plain model's tensors in the order of our names: by layer, as both count them."""
    names = list(build_names(stored))
    plain = list(expected.values())
    return [plain[names.index(name)] for name in stored]


def build_names(stored):
    """Our names in the order of the layers (safetensors sorts them by size and name)."""

    def place(name):
        layer, kind = name.rsplit(".", 1)
        group = 0 if layer.startswith("conv") else 2 if layer == "output" else 1
        return group, layer, kind != "weight"

    return sorted(stored, key=place)


# --- functions


FUNCTION = [
    "data=sinc",
    "data.samples=30",
    "data.batch_size=8",
    "model.hidden=[6,5]",
    "trainer.max_epochs=4",
]


def plain_function(config):
    dtype = torch.float64 if config["trainer"]["precision"] == "64-true" else torch.float32
    x = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None]
    y = torch.sinc(5 * x)

    def make_model():
        return nn.Sequential(
            nn.Linear(1, 6), nn.LeakyReLU(), nn.Linear(6, 5), nn.LeakyReLU(), nn.Linear(5, 1)
        )

    return plain_training(config, make_model, x.to(dtype), y.to(dtype), functional.mse_loss)


@pytest.mark.parametrize("precision", ["32-true", "64-true"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_is_a_plain_loop(train, optimizer, precision):
    config, files = train(*FUNCTION, f"optimizer={optimizer}", f"trainer.precision={precision}")
    assert_equal(files, 4, plain_function(config))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_is_its_closed_form(train, schedule):
    more = ["schedule.step_size=3"] if schedule == "step" else []
    double = "trainer.precision=64-true"
    config, files = train(
        *FUNCTION, double, "optimizer=sgd", "optimizer.momentum=0", f"schedule={schedule}", *more
    )
    assert_equal(files, 4, plain_function(config), exact=False)


def test_every_option_has_been_compared():
    conf = Path(__file__).parents[2] / "conf"
    assert {path.stem for path in (conf / "optimizer").glob("*.yaml")} == set(OPTIMIZERS)
    assert {path.stem for path in (conf / "schedule").glob("*.yaml")} == set(SCHEDULES)


def test_the_initial_weights_are_torchs_own(train):
    _, files = train(*FUNCTION, "seed=5", "trainer.max_epochs=1")
    torch.manual_seed(derive(5, "weights"))
    plain = nn.Sequential(nn.Linear(1, 6), nn.Linear(6, 5), nn.Linear(5, 1)).state_dict()
    assert_equal(files, 0, plain)


# --- digits: dropout, convolutions, label noise


def digits(config):
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy((bunch.images * (255 / 16) + 0.5).astype("uint8"))[:1437, None]
    labels = torch.from_numpy(bunch.target)[:1437].long()
    values = images.double()
    mean, deviation = values.mean(), values.std(correction=0)
    subset = torch.randperm(1437, generator=streamed(0, "subset"))[: config["data"]["samples"]]
    inputs = (values[subset] - mean) / deviation
    return inputs, labels[subset]


def noisy(labels, config):
    draw = streamed(config["seed"], "label_noise")
    replaced = torch.rand(len(labels), generator=draw, dtype=torch.float64)
    drawn = torch.randint(10, labels.shape, generator=draw)
    return torch.where(replaced < config["label_noise"]["fraction"], drawn, labels)


def mlp():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 12),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(12, 11),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(11, 10),
    )


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 9),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(9, 10),
    )


NETS = {
    "mlp": (mlp, ["model=mlp", "model.hidden=[12,11]", "model.dropout=0.3"]),
    "cnn": (cnn, ["model=cnn", "model.blocks=[[3],[4]]", "model.hidden=[9]", "model.dropout=0.3"]),
}
DIGITS = [
    "data=digits",
    "data.samples=150",
    "data.batch_size=64",
    "trainer.max_epochs=3",
    "label_noise=half",
    "seed=3",
]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_classification_with_dropout_and_noise_is_a_plain_loop(train, net, loss):
    make_model, overrides = NETS[net]
    config, files = train(*DIGITS, *overrides, f"loss={loss}", "trainer.precision=64-true")
    inputs, labels = digits(config)
    targets = noisy(labels, config)

    def squared(logits, classes):
        return ((logits - torch.eye(10, dtype=logits.dtype)[classes]) ** 2).sum(1).mean()

    chosen = functional.cross_entropy if loss == "cross_entropy" else squared
    expected = plain_training(config, make_model, inputs, targets, chosen)
    assert_equal(files, 3, expected, exact=False)


# --- repeatability


def weights(files):
    return files.read_weights(max(files.snapshots()))


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed"])
def test_the_same_config_twice_gives_the_same_bits(train, net, precision):
    overrides = [*DIGITS, *NETS[net][1], f"trainer.precision={precision}", "data.augment=1"]
    _, first = train(*overrides)
    torch.manual_seed(1234)  # the global state is not what a run draws from
    _, second = train(*overrides, "study=again")
    assert first.path.name == second.path.name
    assert first.metrics.read_bytes() == second.metrics.read_bytes()
    for epoch in first.snapshots():
        one, other = first.read_weights(epoch), second.read_weights(epoch)
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert all(tensor.isfinite().all() for tensor in one.values())


def test_bf16_computes_in_less_precision(train):
    overrides = [*DIGITS, *NETS["mlp"][1]]
    mixed, full = (
        weights(train(*overrides, f"trainer.precision={p}")[1]) for p in ("bf16-mixed", "32-true")
    )
    assert {tensor.dtype for tensor in mixed.values()} == {torch.float32}
    differences = [float((mixed[name] - full[name]).abs().max()) for name in full]
    assert 1e-5 < max(differences) < 0.3


def test_seed_0_is_a_seed_like_any_other(train):
    zero, one, again = (
        weights(train(*FUNCTION, f"seed={seed}", f"study=s{i}")[1])
        for i, seed in enumerate((0, 1, 0))
    )
    assert all(torch.equal(zero[name], again[name]) for name in zero)
    assert not any(torch.equal(zero[name], one[name]) for name in zero)


def test_recording_and_logging_change_no_weight(train):
    _, sparse = train(*FUNCTION, "trainer.log_every=ends", "callbacks.snapshots.schedule=ends")
    _, dense = train(*FUNCTION, "trainer.log_every=1", "callbacks.snapshots.schedule=1")
    assert all(torch.equal(weights(dense)[k], v) for k, v in weights(sparse).items())


def test_a_run_draws_the_same_alone_or_after_another(train):
    _, alone = train(*FUNCTION, "study=alone")
    train(*FUNCTION, "study=between", "seed=9", "model.hidden=[3]")
    _, after = train(*FUNCTION, "study=after")
    assert alone.metrics.read_bytes() == after.metrics.read_bytes()
    assert alone.snapshot(4).read_bytes() == after.snapshot(4).read_bytes()


def test_the_model_that_trained_is_the_one_that_was_stored(train):
    config, files = train(*FUNCTION)
    module = build.data(config)
    module.place("cpu", torch.float32)
    model = build.model(config, module)
    model.load_state_dict(weights(files))
    loss = functional.mse_loss(model(module.train.inputs), module.train.targets)
    assert loss.item() == pytest.approx(files.read_summary()["train/loss"], rel=1e-5)
