"""Draw the report: everything under ``outputs/`` -> tables, figures and ``outputs/report/``."""

import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from dl_experiments import streams
from dl_experiments.analysis.collect import AnalysisError
from dl_experiments.analysis.describe import states
from dl_experiments.analysis.pipeline import analyze
from hydra_plugins.dl_experiments_launcher._words import studies

# Not through config_path: beside conf/experiment/, Hydra would take experiment= for a group.
CONFIG = Path(__file__).parent / "conf" / "analyze.yaml"
ConfigStore.instance().store("analyze", OmegaConf.load(CONFIG))


@hydra.main(version_base="1.3", config_path=None, config_name="analyze")
def main(config: DictConfig) -> None:
    """Analyse what the config names, and say where everything is."""
    outputs = Path(str(config.paths.outputs)).expanduser()
    wanted = studies(config.experiment, HydraConfig.get().overrides.task)
    try:
        written = analyze(outputs, wanted, config.figures.dpi, config.options)
    except (AnalysisError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(*(f"{note}\n" for note in written.notes), sep="", end="", file=sys.stderr)
    print(f"{written.text}{states(written.found.runs)}")
    for folder, count in written.figures.items():
        print(f"figures  {folder}/  ({count} as PNG and SVG, and in tensorboard/)")
    print("tables  ", ", ".join(map(str, written.tables)) + f"\nreport   {written.report}")


if __name__ == "__main__":
    streams.lasting()(main)()
