"""Compose a config and train it: ``python train.py -m model=deep,shallow data=mnist``."""

import sys
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dl_experiments import build, stop
from dl_experiments.job import Job
from dl_experiments.sweep.plan import plan
from hydra_plugins.dl_experiments_launcher import _grid, _refusals, _words

build.register_resolvers()


def job(config: DictConfig, hydra_node: DictConfig) -> Job:
    """A job's resolved config, and the words that lead to it."""
    return Job(build.resolve(config), _words.of_job(hydra_node))


def train(config: DictConfig) -> float | None:
    """Train one config; what a launcher without a plan calls for each job."""
    try:
        (call,) = plan([job(config, HydraConfig.get())])
    except ValueError as error:
        _refuse(error)
    return call(config)


def plan_sweep(configs: list[DictConfig]) -> list:
    """Check all jobs of a command before the first runs; what the lab launcher asks for."""
    return plan([job(c, c.hydra) for c in configs])


train.plan = plan_sweep  # type: ignore[attr-defined]


def _refuse(error: ValueError) -> NoReturn:
    print(error, file=sys.stderr)
    raise SystemExit(2) from None


def main(folder: str = "conf") -> None:
    """The command line; what is wrong with it ends it with one line and exit code 2.

    Args:
        folder: Of the configs, relative to this file.
    """
    words = sys.argv[1:]
    try:
        _grid.check_words(words)
    except ValueError as error:
        _refuse(error)
    with _refusals.told(words):
        hydra.main(version_base="1.3", config_path=folder, config_name="train")(train)()


if __name__ == "__main__":
    with stop.command():
        main()
