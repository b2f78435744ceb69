"""Compose a config and train it: ``python train.py -m model=deep,shallow data=mnist``."""

import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dl_experiments import build, stop
from dl_experiments.job import Job
from dl_experiments.reference import screen
from dl_experiments.sweep.plan import plan
from hydra_plugins.dl_experiments_launcher import _refusals, _words

build.register_resolvers()


def job(config: DictConfig, hydra_node: DictConfig) -> Job:
    """A job's resolved config, and the words that lead to it."""
    return Job(build.resolve(config), _words.of_job(hydra_node))


def train(config: DictConfig) -> float | None:
    """Train one config; ``train.plan``, which the lab launcher calls, checks all jobs first."""
    with _refusals.refused():
        (call,) = plan([job(config, HydraConfig.get())])
    return call(config)


train.plan = lambda configs: plan([job(c, c.hydra) for c in configs])  # type: ignore[attr-defined]


def main(folder: str = "conf") -> None:
    """The command line, with the configs in a folder beside this file."""
    words = sys.argv[1:]
    with _refusals.told(words):
        if screen.asked(words):
            with _refusals.refused():
                print(screen.text(words), end="")
        else:
            hydra.main(version_base="1.3", config_path=folder, config_name="train")(train)()


if __name__ == "__main__":
    with stop.command():
        main()
