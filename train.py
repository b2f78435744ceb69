"""Compose a config and train it: ``python train.py -m model=deep,shallow data=mnist``."""

import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dl_experiments import build
from dl_experiments.sweep.plan import Cell, plan
from hydra_plugins.dl_experiments_launcher import _words
from hydra_plugins.dl_experiments_launcher._grid import check_words

build.register_resolvers()


def cell(config: DictConfig, hydra_node: DictConfig) -> Cell:
    """A job's resolved config, and the words that lead to it."""
    return Cell(build.resolve(config), _words.of_job(hydra_node))


def train(config: DictConfig) -> float | None:
    """Train one config; what a launcher without a plan calls for each job."""
    return plan([cell(config, HydraConfig.get())])[0](config)


def plan_sweep(configs: list[DictConfig]) -> list:
    """Check all jobs of a command before the first runs; what the lab launcher asks for."""
    return plan([cell(c, c.hydra) for c in configs])


train.plan = plan_sweep  # type: ignore[attr-defined]

if __name__ == "__main__":
    try:
        check_words(sys.argv[1:])
    except ValueError as error:
        raise SystemExit(str(error)) from None
    hydra.main(version_base="1.3", config_path="conf", config_name="train")(train)()
