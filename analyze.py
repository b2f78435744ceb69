"""Draw the report: everything under ``outputs/`` -> tables, figures and ``outputs/report/``."""

import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from dl_experiments import _matplotlib, streams
from dl_experiments.analysis import command
from dl_experiments.analysis.schema import Analysis, AnalysisError, check
from dl_experiments.config import plain
from hydra_plugins.dl_experiments_launcher import _refusals, _words

# Not through config_path: beside conf/experiment/, Hydra would take experiment= for a group.
ConfigStore.instance().store("analyze", OmegaConf.load(Path(__file__).parent / "conf/analyze.yaml"))


def report(config: DictConfig) -> None:
    """Analyse what the config names, and say where everything is."""
    with _refusals.refused():
        check(asked := plain(config))
    words = HydraConfig.get().overrides.task
    asked["experiment"] = _words.studies(asked["experiment"], words)
    with _refusals.refused(AnalysisError, OSError):
        said = command.said(asked, lambda line: print(line, file=sys.stderr))
    print(said.err, end="", file=sys.stderr)
    print(said.out, end="")
    if said.code:
        sys.exit(said.code)


def main() -> None:
    """The command line."""
    with _refusals.told(sys.argv[1:], Analysis):
        hydra.main(version_base="1.3", config_path=None, config_name="analyze")(report)()


if __name__ == "__main__":
    _matplotlib.draw_into_files()
    streams.lasting()(main)()
