"""Each impossible value is refused in one line that names its key and its value."""

import math

import pytest

from dl_experiments import validation


@pytest.fixture
def config(compose):
    return compose("optimizer=sgd", "data.test_low=-2")


def place(config, key):
    """The group of a dotted key, and its name there."""
    *above, last = key.split(".")
    for word in above:
        config = config[word]
    return config, last


def test_the_defaults_pass(config):
    validation.check(config)


REFUSED = {
    "seed": [-1, 1.5, True, "x", None],
    "trainer.max_epochs": [0, -3, 2.5, "many", None],
    "trainer.precision": [16, "16", "fp32", None],
    "trainer.accelerator": ["tpu", None],
    "trainer.threads": [0, "all"],
    "trainer.target_loss": [0, -1, math.nan, "low"],
    "trainer.target_accuracy": [0, -1, 1.01, math.nan, True, "all"],
    "arm": [1, True, ["a"]],
    "data.batch_size": [0, -1, 1.5, "large", True, None],
    "data.samples": [0, -1, "all"],
    "data.test_samples": [0, "x"],
    "data.seed": [-1, "x", None],
    "data.low": ["x", math.inf, math.nan, None],
    "data.test_low": ["x"],
    "optimizer.lr": [0, -1, math.nan, math.inf, "fast", None, True],
    "optimizer.momentum": [-0.1, math.nan, "x"],
    "optimizer.weight_decay": [-1e-4, math.inf, "x"],
    "study": ["", "..", "../x", "/x", ".hidden", 3, None, "a/../../b"],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in REFUSED.items() for v in vs])
def test_refused(config, key, value):
    node, last = place(config, key)
    node[last] = value
    with pytest.raises(ValueError, match=rf"^{key}=") as caught:
        validation.check(config)
    message = str(caught.value)
    assert "\n" not in message
    assert str(value) in message


ACCEPTED = {
    "seed": [0, 2**40],
    "trainer.target_loss": [None, 1e-3],
    "trainer.target_accuracy": [None, 0.5, 1, 1.0],
    "arm": [None, "equal steps"],
    "trainer.threads": [None, 1],
    "data.batch_size": [1, "full"],
    "optimizer.lr": [1, 1e-8],
    "optimizer.momentum": [0, 0.9],
    "study": ["a", "a b", "a-1_2"],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in ACCEPTED.items() for v in vs])
def test_accepted(config, key, value):
    node, last = place(config, key)
    node[last] = value
    validation.check(config)


@pytest.mark.parametrize("key", ["seed", "trainer", "trainer.precision", "data", "optimizer"])
def test_a_missing_key_is_named(config, key):
    node, last = place(config, key)
    del node[last]
    with pytest.raises(ValueError, match=rf"^{key}.* is missing"):
        validation.check(config)


def test_nesterov_needs_momentum(config):
    config["optimizer"] |= {"nesterov": True, "momentum": 0}
    with pytest.raises(ValueError, match=r"optimizer\.nesterov=True needs optimizer\.momentum"):
        validation.check(config)
