"""The spread of the mini-batch loss against NumPy; it changes nothing, alone and in a stack."""

import numpy as np
import pytest
import torch
from finished import runs
from silent import execute

from dl_experiments import build, randomness
from dl_experiments.artifacts import read_metrics
from dl_experiments.run import directory

NODE = "+callbacks.batch_noise._target_=dl_experiments.callbacks.batch_noise.BatchNoise"
COLUMN = "noise/batch_loss"
TINY = [
    *("logger=none", "trainer.log_every=1", "callbacks.snapshots.schedule=1", "model=mlp"),
    *("model.hidden=[6]", "trainer.max_epochs=3", "trainer.accelerator=cpu"),
]
DIGITS = [*TINY, "data=digits", "data.samples=50", "model.dropout=0.5"]
SINC = [*TINY, "data=sinc", "data.samples=20", "data.test_samples=5"]


def losses(config, files, epoch):
    """The loss of each training sample [n] with the weights of an epoch, by NumPy in float64."""
    module = build.data(config)
    module.place("cpu", torch.float64)
    net = build.model(config, module).double().eval()
    net.load_state_dict(files.read_weights(epoch))
    outputs = net(module.train.prepare(module.train.inputs)).detach().numpy()
    targets = module.train.targets.numpy()
    if config["loss"] == "mse":
        return (outputs - targets)[:, 0] ** 2
    shares = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
    return -np.log(shares[np.arange(len(targets)), targets])


@pytest.mark.parametrize("words", [[*DIGITS, "data.batch_size=7"], [*SINC, "data.batch_size=1"]])
def test_it_is_the_deviation_over_the_batches_of_the_coming_epoch(compose, words):
    config = compose(*words, NODE, "trainer.precision=64-true")
    execute(config)
    files, size = directory(config), config["data"]["batch_size"]
    rows = read_metrics(files.metrics)
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    for row in rows:
        own = losses(config, files, int(row["epoch"]))
        draw = randomness.generator(config["seed"], "order", int(row["epoch"]))
        order = torch.randperm(len(own), generator=draw).numpy()
        means = [own[order[at : at + size]].mean() for at in range(0, len(own), size)]
        assert row[COLUMN] == pytest.approx(np.std(means), rel=1e-9)
        assert row["train/loss"] == pytest.approx(own.mean(), rel=1e-9)


def test_it_falls_with_the_root_of_the_batch_size(compose):
    """σ·√((n − B)/(n − 1)/B) on average over the ways to cut n = 1,400 samples; here for one."""
    found = {}
    for size in (1, 25):
        config = compose(
            *DIGITS, NODE, f"data.batch_size={size}", "data.samples=1400", "trainer.max_epochs=1"
        )
        execute(config)
        found[size] = read_metrics(directory(config).metrics)[0][COLUMN]
    assert found[25] == pytest.approx(found[1] * np.sqrt(1375 / 1399 / 25), rel=0.35)


def test_the_whole_set_as_one_batch_has_no_spread(compose):
    config = compose(*SINC, NODE, "batch_size=full")
    execute(config)
    assert {row[COLUMN] for row in read_metrics(directory(config).metrics)} == {0.0}


def test_training_does_not_notice(compose):
    plain, noisy = (compose(*DIGITS, "data.batch_size=7", *more) for more in ([], [NODE]))
    weights = []
    for config in (plain, noisy):
        execute(config)
        weights.append(directory(config).read_weights(3))
    assert directory(plain).path != directory(noisy).path
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name])


def test_members_of_a_stack_have_the_numbers_they_have_alone(lab, outputs):
    words = ["-m", *SINC, NODE, "data.batch_size=4", "seed=0,1,2", "trainer.precision=64-true"]
    found = {}
    for how in ("always", "never"):
        where = outputs / how
        done = lab(*words, f"sweep.stack={how}", f"paths.outputs={where}", "sweep.workers=1")
        assert (done.code, done.err) == (0, "")
        found[how] = {
            name: [row[COLUMN] for row in read_metrics(files.metrics)]
            for name, files in runs(where).items()
        }
    assert len(found["always"]) == 3
    for name, values in found["always"].items():
        assert values == pytest.approx(found["never"][name], rel=1e-9)
