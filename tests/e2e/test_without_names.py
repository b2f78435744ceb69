"""Choices of one's own whose files say no ``name``: trained, and read under their classes'."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from dl_experiments.analysis.pipeline import analyze
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.evaluation import Parts

USERS = Path(__file__).parents[1] / "users"
sys.path.append(str(USERS))

FILES = {
    "model/plain": "_target_: dl_experiments.models.mlp.MLP\nhidden: [4]\n",
    "model/other": "_target_: users_models.Dense\n",
    "data/mine": "defaults:\n  - /kind@_global_: image\n"
    "_target_: users_data.Nameless\nbatch_size: 8\nsamples: 24\n",
    "optimizer/mine": "_target_: torch.optim.SGD\nlr: 0.1\n",
}
WORDS = ["data=mine", "optimizer=mine", "logger=none", "trainer.max_epochs=2", "sweep.workers=1"]


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A command whose model, data and optimizer have no name."""
    for name, text in FILES.items():
        file = tmp_path / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return ["-m", f"hydra.searchpath=[file://{tmp_path / 'conf'}]", *WORDS]


def test_a_report_calls_them_by_their_classes(lab, outputs, words):
    trained = lab(*words, "model=plain,other", "seed=0,1")
    assert (trained.code, trained.err) == (0, "")
    written = analyze(outputs, dpi=20)
    assert written.notes == []
    assert {(run.model, run.data) for run in written.found.runs} == {
        ("MLP", "Nameless"), ("Dense", "Nameless"),
    }  # fmt: skip
    table = pd.read_csv(outputs / "report" / "runs.csv")
    assert set(table["model.name"]) == {"MLP", "Dense"}
    assert set(table["data.name"]) == {"Nameless"}
    assert set(table["optimizer.name"]) == {"SGD"}
    page = written.report.read_text()
    assert ">model.name</th>" in page
    assert "absent" not in page


def test_their_data_and_networks_can_be_had_again(lab, outputs, words):
    assert lab(*words, "model=plain", "seed=0").code == 0
    (run,) = collect(outputs).runs
    assert "name" not in run.config["data"]  # which its constructor does not know
    assert len(Parts.of(run).train) == 24


def test_a_refusal_names_them_too(lab, outputs, words):
    outcome = lab(*words, "model=plain", "label_noise.fraction=0.5")
    assert outcome.code == 2
    assert "data=Nameless has no labels" in outcome.err


def test_their_folders_stay_where_they_were(lab, outputs, words):
    """Runs of files without a name have trained before; they are found, not trained again."""
    assert lab(*words, "model=plain", "seed=0").code == 0
    (run,) = (outputs / "adhoc").glob("*-*")
    assert run.name.startswith("model-data-s0-")
    assert "1 finished before" in lab(*words, "model=plain", "seed=0").out
