import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import silent
import torch
from hydra import compose, initialize_config_dir

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.runs.collect import Run, collect
from dl_experiments.config import resolve

CONF = Path(__file__).parents[3] / "conf"
TINY = ["data=digits", "model=mlp", "model.hidden=[6]", "data.samples=64", "data.batch_size=8"]
TINY += ["trainer.max_epochs=6", "trainer.log_every=3", "callbacks.snapshots.schedule=2"]
TINY += ["optimizer.lr=0.02", "study=hw1_2_trajectory", "trainer.accelerator=cpu", "logger=none"]
Analyse = Callable[[list[Run]], Finding]


@pytest.fixture
def analysed(tmp_path: Path) -> Callable[[Analyse], Finding]:
    """Runs an analysis over what the test has written under ``tmp_path``; draws, saves nothing."""

    def run(analyse: Analyse) -> Finding:
        with style.applied():
            return analyse(collect(tmp_path).runs)

    return run


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outputs = tmp_path_factory.mktemp("trained")
    for seed in range(3):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed = compose("train", [*TINY, f"seed={seed}", f"paths.outputs={outputs}"])
            config = resolve(composed)
        silent.execute(config)
    return outputs


@pytest.fixture
def trained(_trained: Path, tmp_path: Path) -> Iterator[Path]:
    """An outputs folder of the test's own, with three small nets that were trained on digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # waiting for a second takes longer than any of this
    yield Path(shutil.copytree(_trained, tmp_path / "outputs"))
    torch.set_num_threads(threads)
