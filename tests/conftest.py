"""Composing configs, and the command line run inside the test's own process."""

import gc
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

import train as entry
from dl_experiments.config import resolve
from dl_experiments.job import Job
from tests.remembered import CONF, remember

ROOT = Path(__file__).parents[1]

# Chosen by whoever runs the tests, not by a test.
for name in ("HYDRA_FULL_ERROR", "PYTHONPATH"):
    os.environ.pop(name, None)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background job
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup
remember()
gc.disable()  # while tests are imported


def pytest_collection_finish() -> None:
    """What the imports made is not looked through again and again for garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()


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
        return resolve(hydra_compose("train", list(overrides)))


@pytest.fixture
def compose(outputs: Path) -> Compose:
    """``compose("model=shallow", ...)``: the resolved config of one run."""

    def composed(*overrides: str) -> dict[str, Any]:
        # What nothing in conf/ refers to is set afterwards, so that it costs no composition.
        plain = [word for word in overrides if _is_plain(word)]
        others = [word for word in overrides if word not in plain]
        nodes = [word for word in others if _is_apart(word, others)]
        config = deepcopy(_composed(tuple(word for word in others if word not in nodes)))
        for word in nodes:
            config["optimizer"] = deepcopy(_composed((word,))["optimizer"])
        if not all(_set(config, word) for word in plain):  # Hydra knows what that comes to
            config = deepcopy(_composed(overrides))
        config["paths"]["outputs"] = str(outputs)
        return config

    return composed


@pytest.fixture
def train_all(compose: Compose) -> Callable[..., None]:
    """``train_all(*words, seeds=(0, 1))``: a sweep as the launcher starts it, composed at once."""

    from dl_experiments.sweep.plan import plan  # who hands the tests out needs none of torch

    def call(*words: str, seeds: Sequence[int] = (0,)) -> None:
        jobs = [Job(compose(*words, f"seed={seed}"), [*words, f"seed={seed}"]) for seed in seeds]
        for one in plan(jobs):
            one(None)

    return call


_REFERRED = {
    key
    for file in CONF.rglob("*.yaml")
    for key in re.findall(r"\$\{([\w.]+)\}", file.read_text(encoding="utf-8"))
}


def _is_plain(word: str) -> bool:
    """Whether it gives a key a value that no other follows from."""
    key, _, value = word.partition("=")
    if not re.fullmatch(r"[a-z_]+(\.[a-z_]+)+|seed|study", key) or re.search(r"[${,(]", value):
        return False
    return key not in _REFERRED and not key.startswith(("at.", "hydra.", "paths."))


def _is_apart(word: str, words: Sequence[str]) -> bool:
    """Whether it chooses an optimizer and no other word has to do with that."""
    rest = [other for other in words if other is not word]
    return word.startswith("optimizer=") and not any(
        "optimizer" in other or other.startswith("experiment=") for other in rest
    )


def _set(config: dict[str, Any], word: str) -> bool:
    """Give a key that there is its value."""
    *path, last = word.partition("=")[0].split(".")
    node: Any = config
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    if not isinstance(node, dict) or last not in node or isinstance(node[last], dict):
        return False
    node[last] = deepcopy(_value(word))
    return True


@cache
def _value(word: str) -> Any:
    return OverridesParser.create().parse_override(word).value()


@pytest.fixture
def lab(
    outputs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Outcome]]:
    """``lab("-m", "model=deep,shallow")``: ``python train.py ...`` without a new process.

    Hydra composes a command a first time only to read ``hydra.mode``, which is known here; with it
    goes a third of what most commands take.
    """
    import torch

    threads = torch.get_num_threads()
    asked = Hydra.get_mode

    def mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        hydras = any("hydra" in word or word.startswith("--") for word in sys.argv)
        return asked(self, config_name, overrides) if hydras else RunMode.MULTIRUN

    monkeypatch.setattr(Hydra, "get_mode", mode)

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
            entry.main(str(CONF))
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
            if isinstance(error.code, str):  # Python prints it and exits with 1
                print(error.code, file=sys.stderr)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    yield call
    torch.set_num_threads(threads)
    GlobalHydra.instance().clear()
