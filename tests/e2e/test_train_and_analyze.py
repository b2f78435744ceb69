"""From the command that trains an experiment to the figures and tables of its runs."""

import itertools
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from PIL import Image
from test_analyze import analyze

from dl_experiments import build
from dl_experiments.data import sources
from dl_experiments.identity import run_id
from hydra_plugins.dl_experiments_launcher._compose import Composer

CONF = Path(__file__).parents[2] / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
SCALES = sorted(path.stem for path in (CONF / "scale").glob("*.yaml"))
SHARED = os.environ.get("DL_EXPERIMENTS_DATA") or "~/.cache/dl_experiments"
KEYS = ["study", "run", "seed", "model.name", "data.name", "optimizer.lr", "status.state"]


def table(outputs: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(outputs / "report" / f"{name}.parquet")


def not_blank(figure: Path) -> bool:
    with Image.open(figure) as image:
        return len(image.convert("RGB").getcolors(10_000_000)) > 10


def test_the_function_study_is_trained_and_drawn(lab, outputs):
    words = ["experiment=hw1_1_simulate", "scale=smoke", "trainer.max_epochs=2"]
    words += ["optimizer.weight_decay=0.0"]
    trained = lab(*words)
    assert (trained.code, trained.err) == (0, "")
    done = analyze(outputs.parent, "figures.dpi=40")
    doing = "18 runs read\ndrawing hw1_1_simulate\nwriting tables and page\n"
    assert (done.returncode, done.stderr) == (0, doing)
    assert done.stdout.startswith("18 runs: 18 completed\n")

    folder = outputs / "report" / "hw1_1_simulate"
    drawn = {"loss", "predictions", "what-epochs-buy"}  # and no loss was low after 2 epochs
    assert {path.stem for path in folder.glob("*.png")} == drawn
    assert {path.stem for path in folder.glob("*.svg")} == drawn
    assert all(not_blank(path) for path in folder.glob("*.png"))
    assert list((folder / "tensorboard").glob("events*"))
    page = (outputs / "report" / "index.html").read_text()
    assert page.count("<img") == 3
    assert page.count("too few epochs to tell") == 9  # every claim; none is decided by 2 epochs
    assert "leaning supported</span>" not in page

    runs = table(outputs, "runs")
    assert set(runs["data.name"]) == {"sinc", "sign_sinc", "sign_sin"}
    metrics = ["train/loss", "test/loss", "model/parameters"]
    assert runs[[*KEYS, *metrics]].notna().all(axis=None)
    assert set(runs["model/parameters"]) == {571, 572}
    curves = table(outputs, "curves")
    assert set(curves["metric"]) == {"train/loss", "test/loss"}
    last = curves[(curves["epoch"] == 2) & (curves["metric"] == "test/loss")].set_index("run")
    pd.testing.assert_series_equal(
        last["value"].sort_index(), runs.set_index("run")["test/loss"].sort_index(),
        check_names=False,
    )  # fmt: skip


def test_the_image_study_is_trained_and_drawn(lab, outputs):
    sources.load("mnist", SHARED)  # fetched here, if at all, and not between the lines looked at
    words = ["experiment=hw1_1_mnist", "scale=smoke", "data.samples=64", "model=deep,shallow"]
    words += ["data.batch_size=32"]
    trained = lab(*words, "seed=0")
    assert (trained.code, trained.err) == (0, "")
    done = analyze(outputs.parent, "figures.dpi=40")
    doing = "2 runs read\ndrawing hw1_1_mnist\nwriting tables and page\n"
    assert (done.returncode, done.stderr) == (0, doing)
    assert done.stdout.startswith("2 runs: 2 completed\n")

    folder = outputs / "report" / "hw1_1_mnist"
    assert {path.stem for path in folder.glob("*.png")} == {"curves", "final-accuracy"}
    assert all(not_blank(path) for path in folder.glob("*.png"))
    page = (outputs / "report" / "index.html").read_text()
    assert page.count("all 60,000 images; this is a subset of 64 training images; only 1 ep") == 2
    assert page.count("only 1 epoch, and it takes 15") == 6  # each of three claims, for both nets

    runs = table(outputs, "runs")
    metrics = ["train/loss", "test/loss", "train/accuracy", "test/accuracy", "model/parameters"]
    assert runs[[*KEYS, *metrics]].notna().all(axis=None)
    assert runs["test/accuracy"].between(0.02, 0.9).all()
    assert set(table(outputs, "curves")["metric"]) == set(metrics[:4])


def grid(experiment: str, scale: str) -> list[dict[str, Any]]:
    """The resolved configs of the runs that the experiment's one word starts.

    Seeds differ in nothing else: the first cell comes with five of them, the others with one.
    """
    words = [f"experiment={experiment}", f"scale={scale}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        sweep = loader.load_configuration("train", words, run_mode=RunMode.MULTIRUN)
        composer, params = Composer(loader, sweep), sweep.hydra.sweeper.params
        seeds, *others = sorted(params.items(), key=lambda item: item[0] != "seed")
        options = [[f"{key}={value}" for value in values(str(text))] for key, text in others]
        first, *rest = itertools.product(*options)
        cells = [[*first, f"seed={seed}"] for seed in values(str(seeds[1]))[:5]]
        cells += [[*cell, cells[0][-1]] for cell in rest]
        return [composer.resolved([*words, *cell]) for cell in cells]


def values(text: str) -> list[str]:
    if text.startswith("range("):
        return [str(value) for value in range(*map(int, text[6:-1].split(",")))]
    return text.split(",")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_run_of_every_experiment_can_be_built(experiment, scale):
    cells = grid(experiment, scale)
    for cell in cells:
        build.check(cell)
    assert len({run_id(cell) for cell in cells}) == len(cells)
    assert {cell["experiment"] for cell in cells} == {experiment}
    assert {cell["scale"] for cell in cells} == {scale}
    least = {"smoke": 1, "quick": 3, "full": 5}[scale]
    assert len({cell["seed"] for cell in cells}) >= least
