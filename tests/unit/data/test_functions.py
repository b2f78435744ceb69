import math

import numpy as np
import pytest
import torch

from dl_experiments.data.functions import FUNCTIONS, FunctionData


def module(**keys):
    defaults = {"name": "sinc", "samples": 64, "batch_size": "full", "run_seed": 0}
    return FunctionData(**(defaults | keys))


def damped(x):
    return np.exp(-2 * (x + 1)) * np.sin(5 * np.pi * x)


CLOSED_FORMS = {
    "sinc": lambda x: np.sinc(5 * x),
    "sign_sinc": lambda x: np.sign(np.sinc(5 * x)),
    "sign_sin": lambda x: np.sign(np.sin(5 * np.pi * x)),
    "sine": lambda x: np.sin(5 * np.pi * x),
    "damped": damped,
    "stair": lambda x: np.floor(4 * x) / 4,
    "square": lambda x: np.where(np.mod(2 * x, 1) < 0.5, 1.0, 0.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_numpys(name):
    x = np.linspace(-2, 2, 4000)  # an even number of points: none on a jump
    ours = FUNCTIONS[name](torch.from_numpy(x))
    assert ours.dtype == torch.float64
    np.testing.assert_allclose(ours.numpy(), CLOSED_FORMS[name](x), rtol=1e-13, atol=1e-13)


POINTS = [
    ("sinc", 0.0, 1.0),
    ("sinc", 0.1, 2 / math.pi),
    ("sign_sinc", 0.0, 1.0),
    ("sign_sinc", 0.3, -1.0),
    ("sign_sin", 0.0, 0.0),
    ("sign_sin", 0.1, 1.0),
    ("sign_sin", -0.1, -1.0),
    ("damped", 0.1, math.exp(-2.2)),
    ("stair", 0.25, 0.25),
    ("stair", 0.249, 0.0),
    ("stair", -0.01, -0.25),
    ("square", 0.0, 1.0),
    ("square", 0.25, 0.0),
    ("square", -0.25, 0.0),
    ("square", -0.26, 1.0),
]


@pytest.mark.parametrize(("name", "x", "y"), POINTS)
def test_values_at_points_known_by_hand(name, x, y):
    value = FUNCTIONS[name](torch.tensor(x, dtype=torch.float64)).item()
    assert value == pytest.approx(y, rel=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_grid_has_both_ends_and_equal_distances(name):
    data = module(name=name, samples=11, low=-3, high=2, test_samples=7)
    train, test = data.load()
    np.testing.assert_allclose(train.inputs[:, 0], np.linspace(-3, 2, 11), rtol=1e-15)
    np.testing.assert_allclose(test.inputs[:, 0], np.linspace(-3, 2, 7), rtol=1e-15)
    assert train.inputs.shape == train.targets.shape == (11, 1)
    assert torch.equal(train.targets, FUNCTIONS[name](train.inputs))
    assert torch.equal(test.targets, FUNCTIONS[name](test.inputs))


def test_testing_can_extrapolate_on_either_side():
    train, test = module(test_low=-2, test_high=3, test_samples=6).load()
    assert (train.inputs.min(), train.inputs.max()) == (-1, 1)
    assert (test.inputs.min(), test.inputs.max()) == (-2, 3)
    _, right = module(test_high=3).load()
    assert (right.inputs.min(), right.inputs.max()) == (-1, 3)


def test_uniform_points_depend_on_the_datas_seed_alone():
    def points(**keys):
        return module(sampling="uniform", **keys).load()[0].inputs

    first = points(seed=5)
    assert torch.equal(first, points(seed=5, run_seed=9, batch_size=8, name="stair"))
    assert not torch.equal(first, points(seed=6))
    assert torch.equal(first * 2 + 3, points(seed=5, low=1, high=5))
    many = points(seed=5, samples=20_000)
    assert -1 <= many.min() < -0.999
    assert 0.999 < many.max() < 1
    assert abs(many.mean()) < 4 * math.sqrt(1 / 3 / 20_000)


def test_a_sample_of_uniform_points_is_the_head_of_a_larger_one():
    few, many = (module(sampling="uniform", samples=n).load()[0].inputs for n in (50, 80))
    assert torch.equal(few, many[:50])


def test_the_batch_has_the_models_precision():
    data = module()
    data.place("cpu", torch.float64)
    assert data.train.inputs.dtype == data.train.targets.dtype == torch.float64
    exact = data.train.targets
    data = module()
    data.place("cpu", torch.float32)
    inputs, targets = next(data.test.chunks())
    assert inputs.dtype == targets.dtype == torch.float32
    assert torch.equal(data.train.targets, exact.float())


REFUSED = [
    ({"name": "cosine"}, r"data\.name='cosine' is not one of sinc, "),
    ({"sampling": "random"}, r"data\.sampling='random' is not one of grid, uniform"),
    ({"low": 1, "high": 1}, r"data\.low=1 must be below data\.high=1"),
    ({"test_low": 2}, r"data\.test_low=2 must be below data\.test_high=1"),
    ({"samples": 1}, r"data\.samples=1 is not a whole number from 2 up"),
    ({"samples": None}, r"data\.samples=None"),
    ({"test_samples": 1}, r"data\.test_samples=1 is not a whole number from 2 up"),
    ({"test_samples": None}, r"data\.test_samples=None"),
    ({"batch_size": 65}, r"data\.batch_size=65 is more than the 64 training samples"),
    ({"batch_size": 0}, r"data\.batch_size=0 is neither a whole number"),
    ({"batch_size": "all"}, r"data\.batch_size='all' is neither a whole number"),
]


@pytest.mark.parametrize(("keys", "message"), REFUSED)
def test_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        module(**keys)
