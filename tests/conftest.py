"""Composing configs, and the command line run inside the test's own process."""

import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hydra
import pytest
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

import train as entry
from dl_experiments import build

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"

# Chosen by whoever runs the tests, not by a test.
os.environ.pop("HYDRA_FULL_ERROR", None)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background job

Compose = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """What a command line did."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _quiet_data() -> Iterator[None]:
    """What a command in this process lets the data modules print ends with its test."""
    yield
    logging.getLogger("dl_experiments.data").handlers.clear()


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Where the test's runs go; not there yet."""
    return tmp_path / "outputs"


@cache  # composing is most of a test's time
def _composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return build.resolve(hydra_compose("train", list(overrides)))


@pytest.fixture
def compose(outputs: Path) -> Compose:
    """``compose("model=shallow", ...)``: the resolved config of one run."""

    def composed(*overrides: str) -> dict[str, Any]:
        # What nothing in conf/ refers to is set afterwards, so that it costs no composition.
        values = [word for word in overrides if re.fullmatch(r"seed=\d+|study=[a-z_\d]+", word)]
        config = deepcopy(_composed(tuple(word for word in overrides if word not in values)))
        for key, _, value in (word.partition("=") for word in values):
            config[key] = int(value) if key == "seed" else value
        config["paths"]["outputs"] = str(outputs)
        return config

    return composed


@pytest.fixture
def lab(
    outputs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Outcome]]:
    """``lab("-m", "model=deep,shallow")``: ``python train.py ...`` without a new process."""
    threads = torch.get_num_threads()

    def call(*words: str) -> Outcome:
        given = any(word.startswith("paths.outputs=") for word in words)
        where = [] if given else [f"paths.outputs={outputs}"]
        if not any(word.startswith("trainer.accelerator=") for word in words):
            where.append("trainer.accelerator=cpu")  # what is compared bit by bit, runs there
        monkeypatch.setattr(sys, "argv", ["train.py", *words, *where])
        capsys.readouterr()
        GlobalHydra.instance().clear()
        code = 0
        try:
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")(
                entry.train
            )()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
            if isinstance(error.code, str):  # Python prints it and exits with 1
                print(error.code, file=sys.stderr)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    yield call
    torch.set_num_threads(threads)
    GlobalHydra.instance().clear()
