"""Compose a config and train it: ``python train.py -m model=deep,shallow data=mnist``."""

import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dl_experiments import _matplotlib, stop
from dl_experiments.config import register_resolvers, resolve
from dl_experiments.job import Job
from dl_experiments.reference import screen
from dl_experiments.sweep import command
from hydra_plugins.dl_experiments_launcher import _refusals, _words

register_resolvers()


def train(config: DictConfig) -> float | None:
    """Train one config; the lab launcher calls ``train.plan`` for all jobs instead."""
    with _refusals.refused():
        (call,) = command.plan([Job(resolve(config), _words.of_job(HydraConfig.get()))])
    return call(config)


train.plan = command.plan  # type: ignore[attr-defined]


def main(folder: str = "conf") -> None:
    """The command line, with the configs in a folder beside this file."""
    words = sys.argv[1:] = _words.as_now(sys.argv[1:])
    with _refusals.told(words):
        if screen.asked(words):
            with _refusals.refused():
                print(screen.text(words), end="")
        else:
            hydra.main(version_base="1.3", config_path=folder, config_name="train")(train)()


if __name__ == "__main__":
    _matplotlib.draw_into_files()
    with stop.command():
        main()
