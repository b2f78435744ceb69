"""What a user's code may do to the process, and what is left of it."""

import os
import random

import numpy as np
import pytest
import torch

from dl_experiments import randomness, settings

CHANGES = {
    "default type": (torch.get_default_dtype, lambda: torch.set_default_dtype(torch.float64)),
    "default device": (torch.get_default_device, lambda: torch.set_default_device("meta")),
    "gradients": (torch.is_grad_enabled, lambda: torch.set_grad_enabled(False)),
    "threads": (torch.get_num_threads, lambda: torch.set_num_threads(3)),
    "anomalies": (torch.is_anomaly_enabled, lambda: torch.autograd.set_detect_anomaly(True)),
    "deterministic": (
        torch.are_deterministic_algorithms_enabled,
        lambda: torch.use_deterministic_algorithms(True),
    ),
    "products": (
        torch.get_float32_matmul_precision,
        lambda: torch.set_float32_matmul_precision("medium"),
    ),
    "cuDNN": (
        lambda: torch.backends.cudnn.benchmark,
        lambda: setattr(torch.backends.cudnn, "benchmark", True),
    ),
    "NumPy's errors": (lambda: np.geterr()["divide"], lambda: np.seterr(divide="raise")),
    "folder": (os.getcwd, lambda: os.chdir("/")),
}


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("how", [settings.kept, lambda: settings.guarded(0, "observer")])
def test_a_setting_is_put_back(what, how):
    read, change = CHANGES[what]
    before = read()
    with how():
        change()
        assert read() != before
    assert read() == before


def test_a_setting_is_put_back_after_an_error():
    def fail():
        with settings.kept():
            torch.set_default_dtype(torch.float64)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.get_default_dtype() == torch.float32


def draw():
    return np.random.random(3).tolist(), random.random(), torch.rand(3).tolist()  # noqa: NPY002


def test_global_generators_are_a_stream_and_are_given_back():
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    torch.manual_seed(1)
    expected = draw()
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    torch.manual_seed(1)
    with randomness.scope(3, "load"):
        first = draw()
        with randomness.scope(3, "observer"):
            assert draw() != first
        second = draw()
    assert draw() == expected
    with randomness.scope(3, "load"):
        assert (draw(), draw()) == (first, second)
    with randomness.scope(3, "load", 1):
        assert not set(map(str, draw())) & set(map(str, first))


@pytest.mark.parametrize("drawn", [np.random.random, random.random, lambda: None])
def test_a_draw_shows_in_the_state(drawn):
    with randomness.scope(0, "outputs"):
        before = randomness.global_state()
        drawn()
        assert (randomness.global_state() == before) is (drawn() is None)
