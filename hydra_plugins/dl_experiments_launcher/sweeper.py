"""Hydra's basic sweeper, which leaves no ``multirun.yaml`` among the runs."""

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper, BasicSweeperConf
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf, open_dict


@dataclass
class LabSweeperConf(BasicSweeperConf):
    """Config of ``hydra/sweeper=lab``."""

    _target_: str = "hydra_plugins.dl_experiments_launcher.sweeper.LabSweeper"


ConfigStore.instance().store(
    group="hydra/sweeper", name="lab", node=LabSweeperConf, provider="dl_experiments"
)


class LabSweeper(BasicSweeper):
    """Writes its own file to a folder that goes away, so that a refused sweep leaves nothing.

    The launcher has its own copy of the config, in which the sweep's folder is the real one.
    """

    def sweep(self, arguments: list[str]) -> Any:
        """Split the arguments into jobs and launch them."""
        with TemporaryDirectory() as scratch:
            self.config = deepcopy(self.config)
            assert self.config is not None
            with open_dict(self.config):
                self.config.hydra.sweep.dir = scratch
                self._read_lists()
            return super().sweep([_with_a_name(word) for word in arguments])

    def _read_lists(self) -> None:
        from hydra_plugins.dl_experiments_launcher._grid import as_words
        from hydra_plugins.dl_experiments_launcher._refusals import refused

        params = OmegaConf.to_container(DictConfig(self.params or {}), resolve=True)
        assert isinstance(params, dict)
        with refused():
            self.params = as_words({str(key): value for key, value in params.items()})

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose the jobs, unless the launcher does so itself before the first one runs.

        The launcher is asked, not its class: Hydra imports a plugin's module more than once.
        """
        if not getattr(self.launcher, "composes_all_first", False):
            super().validate_batch_is_legal(batch)


def _with_a_name(word: str) -> str:
    """A study that is named by a commit, such as 12e4567, in quotes: it is no number."""
    key, equals, names = word.partition("=")
    if key != "study" or not re.search(r"(^|,)[\d.]+(e\d+)?(,|$)", names):
        return word
    return key + equals + ",".join(f"'{name}'" for name in names.split(","))
