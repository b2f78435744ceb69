"""The recipes under docs/ do what they say: their own code and YAML are run."""

import re
from pathlib import Path

import pytest
from commands import command

ROOT = Path(__file__).parents[2]
RECIPES = {
    "adding-a-model.md": (
        ["model=residual,mlp", "data=digits", "trainer.max_epochs=1"],
        ["residual-digits-s0-*", "mlp-digits-s0-*"],
    ),
    "adding-a-data-set.md": (
        ["model=mlp", "data=spirals", "seed=0,1", "label_noise=half", "trainer.max_epochs=1"],
        ["mlp-spirals-s0-*", "mlp-spirals-s1-*"],
    ),
    "adding-a-measure.md": (
        ["model=deep,shallow", "callbacks=weight_norm", "seed=0,1", "trainer.max_epochs=2"],
        ["deep-sinc-s[01]-*", "deep-sinc-s[01]-*", "shallow-sinc-s[01]-*", "shallow-sinc-s[01]-*"],
    ),
    "adding-an-experiment.md": (
        ["experiment=activations", "scale=smoke", "trainer.max_epochs=1"],
        ["../activations/mlp-digits-s[01]-*"] * 6,
    ),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_runs_as_printed(recipe: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / recipe).read_text(encoding="utf-8")
    found = re.findall(r"`([\w/]+\.(?:py|yaml))`[^`]*```(?:python|yaml)\n(.*?)```", text, re.S)
    assert found
    for name, code in found:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
    overrides, runs = RECIPES[recipe]
    where = [f"paths.outputs={tmp_path}/outputs", f"hydra.searchpath=[file://{tmp_path}/conf]"]
    words = [*overrides, *where, "logger=none"]
    done = command(ROOT / "train.py", *words, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "outputs/adhoc").mkdir(exist_ok=True)
    for pattern in runs:
        matched = list((tmp_path / "outputs/adhoc").glob(pattern))
        assert matched, pattern
        assert all((run / "summary.json").exists() for run in matched)
    assert len(list((tmp_path / "outputs").glob("*/*/summary.json"))) == len(runs)
    if (tmp_path / "analyses").exists():
        words = ["trust.folders=[analyses]", "figures.dpi=30"]
        done = command(ROOT / "analyze.py", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        page = (tmp_path / "outputs/report/index.html").read_text(encoding="utf-8")
        assert page.count("<img") == 1
        assert "ReLU ends at a lower loss than tanh" in page
