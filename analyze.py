"""Draw the report: everything under ``outputs/`` -> tables, figures and ``outputs/report/``."""

import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf

from dl_experiments import streams
from dl_experiments.analysis.collect import AnalysisError
from dl_experiments.analysis.describe import states
from dl_experiments.analysis.pipeline import analyze

# Not through config_path: beside conf/experiment/, Hydra would take experiment= for a group.
CONFIG = Path(__file__).parent / "conf" / "analyze.yaml"
ConfigStore.instance().store("analyze", OmegaConf.load(CONFIG))


@hydra.main(version_base="1.3", config_path=None, config_name="analyze")
def main(config: DictConfig) -> None:
    """Analyse what the config names, and say where everything is."""
    outputs, names = Path(str(config.paths.outputs)).expanduser(), config.experiment
    names = names if names is None or isinstance(names, ListConfig) else [names]
    if names is not None and any(isinstance(name, float) for name in names):
        # A study that is named by a commit, such as 12e4567, is no number.
        words = dict(word.partition("=")[::2] for word in HydraConfig.get().overrides.task)
        names = [name.strip(" '\"") for name in words["experiment"].strip("[]").split(",")]
    wanted = names if names is None else [str(name) for name in names]
    try:
        written = analyze(outputs, wanted, config.figures.dpi, config.options)
    except (AnalysisError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    for note in written.notes:
        print(note, file=sys.stderr)
    print(f"{written.text}{states(written.found.runs)}")
    for folder, count in written.figures.items():
        print(f"figures  {folder}/  ({count} as PNG and SVG, and in tensorboard/)")
    print(f"tables   {', '.join(str(path) for path in written.tables)}")
    print(f"report   {written.report}")


if __name__ == "__main__":
    streams.lasting()(main)()
