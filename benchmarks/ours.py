"""What a user of this project gets, timed from outside: a config, trained by ``run.execute``."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from torch import nn

from benchmarks.harness import Contestant, NotMeasured, count
from dl_experiments import build
from dl_experiments.build import Config
from dl_experiments.config import register_resolvers, resolve
from dl_experiments.data.images import ImageData
from dl_experiments.data.labels import LabelNoise
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.data.sources import DataUnavailable
from dl_experiments.job import Job
from dl_experiments.sweep import grouping, unit
from dl_experiments.sweep.grouping import Planned
from dl_experiments.sweep.progress import Silent

CONF = Path(__file__).resolve().parents[1] / "conf"
TEST_IMAGES = 1000


def few_test_images(label_noise: LabelNoise, **keys: Any) -> ImageData:
    """``ImageData`` with the first images of its test set.

    A ``_target_`` for the rows that leave evaluation out: the two trainings they subtract would
    otherwise spend most of their time on the same evaluations, and its jitter would stay.
    """
    module = ImageData(label_noise=label_noise, **keys)
    module.setup()
    test = module.test
    module.test = replace(
        test, inputs=test.inputs[:TEST_IMAGES], targets=test.targets[:TEST_IMAGES]
    )
    module.test_samples = TEST_IMAGES
    return module


def config(overrides: Sequence[str]) -> Config:
    """The resolved config of ``python train.py <overrides>``, on the processor unless they say."""
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("train", ["trainer.accelerator=cpu", *overrides])
    return resolve(composed)


def parts(overrides: Sequence[str]) -> tuple[InMemoryDataModule, nn.Module, int]:
    """The data (loaded), the network and the number of threads of a config, on its device.

    Raises:
        NotMeasured: The data cannot be had.
    """
    made = config(overrides)
    module = build.data(made)
    network = build.model(made, module)
    try:
        module.place(build.device(made), torch.float32)
    except DataUnavailable as error:
        raise NotMeasured(str(error)) from error
    return module, network.to(build.device(made)), build.threads(made, network, module)


def ours(overrides: Sequence[str], short: int, long: int) -> Contestant:
    """Seconds a step of the real thing.

    Args:
        overrides: What is trained; without ``trainer.max_epochs``.
        short: Epochs of a first training, whose time is taken off.
        long: Epochs of a second one.

    Raises:
        NotMeasured: The data cannot be had.
    """
    module, _, threads = parts(overrides)

    def train(epochs: int) -> None:
        words = [*overrides, f"trainer.max_epochs={epochs}"]
        with tempfile.TemporaryDirectory() as outputs:
            job = Job(config([*words, f"paths.outputs={outputs}"]), words)
            planned = Planned(job, *build.check(job.config), "start", 0)
            (own,) = grouping.units([grouping.with_key(planned)])
            assert unit.train(own, Silent()) == [None]

    return Contestant(
        lambda: by_difference(train, short, long) / module.updates, count(threads, "thread")
    )


def by_difference(train: Callable[[int], None], short: int, long: int) -> float:
    """Seconds an epoch, see ``start_and_epoch``."""
    return start_and_epoch(train, short, long)[1]


def start_and_epoch(train: Callable[[int], None], short: int, long: int) -> tuple[float, float]:
    """Seconds of what comes once, and of an epoch: from a long training less a short one.

    Raises:
        NotMeasured: The short one took longer.
    """
    times = []
    for epochs in (short, long):
        started = time.perf_counter()
        train(epochs)
        times.append(time.perf_counter() - started)
    if times[1] <= times[0]:
        raise NotMeasured(
            f"{long} epochs took {times[1]:.2f} s and {short} took {times[0]:.2f} s: "
            "the machine is too busy, or the training too short"
        )
    epoch = (times[1] - times[0]) / (long - short)
    return times[0] - short * epoch, epoch
