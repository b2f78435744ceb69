"""The recipes under docs/ do what they say: their own code and YAML are run."""

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import command
from PIL import Image

from dl_experiments.artifacts import RunDirectory, read_metrics
from dl_experiments.data import sources

ROOT = Path(__file__).parents[2]
Lab = Callable[..., Any]
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
IMAGES, OPTIMIZER = "adding-an-image-data-set.md", "adding-an-optimizer.md"


def written(recipe: str, folder: Path) -> str:
    """The text of a recipe, whose files are in the folder then."""
    text = (ROOT / "docs" / recipe).read_text(encoding="utf-8")
    found = re.findall(r"`([\w/]+\.(?:py|yaml))`[^`]*```(?:python|yaml)\n(.*?)```", text, re.S)
    assert found
    for name, code in found:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
    return text


def run(folder: Path, *words: str) -> None:
    """``train.py`` with words, in the folder, which Python looks into."""
    where = [f"paths.outputs={folder}/outputs", "logger=none"]
    done = command(ROOT / "train.py", *words, *where, cwd=folder, PYTHONPATH=str(folder))
    assert done.returncode == 0, done.stdout + done.stderr


def printed(text: str) -> list[str]:
    """The words of the first command that a recipe prints."""
    (line,) = re.findall(r"python (?:path/to/)?train\.py ([^`\n]+)", text)
    return shlex.split(line)


def trained(outputs: Path) -> Mapping[str, RunDirectory]:
    """Name of a finished run's folder -> it."""
    found = [path.parent for path in outputs.glob("*/*/summary.json")]
    return {path.name: RunDirectory(path) for path in found}


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_runs_as_printed(recipe: str, tmp_path: Path) -> None:
    written(recipe, tmp_path)
    overrides, runs = RECIPES[recipe]
    run(tmp_path, *overrides, f"hydra.searchpath=[file://{tmp_path}/conf]")
    (tmp_path / "outputs/adhoc").mkdir(exist_ok=True)
    for pattern in runs:
        matched = list((tmp_path / "outputs/adhoc").glob(pattern))
        assert matched, pattern
        assert all((path / "summary.json").exists() for path in matched)
    assert len(trained(tmp_path / "outputs")) == len(runs)
    if (tmp_path / "analyses").exists():
        words = ["trust.folders=[analyses]", "figures.dpi=30"]
        done = command(ROOT / "analyze.py", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        page = (tmp_path / "outputs/report/index.html").read_text(encoding="utf-8")
        assert page.count("<img") == 1
        assert "ReLU ends at a lower loss than tanh" in page


def test_a_measurement_joins_finished_runs_as_printed(tmp_path: Path) -> None:
    written("adding-a-measure.md", tmp_path)
    words = ["-m", "model=deep,shallow", "seed=0,1", "trainer.max_epochs=2"]
    words.append(f"hydra.searchpath=[file://{tmp_path}/conf]")
    states: dict[str, bytes] = {}
    norms = {}
    for more in ("", "measurements=layer_norms", "measurements.layer_norms.order=1"):
        words += [more] if more else []
        run(tmp_path, *words)
        there = trained(tmp_path / "outputs")
        now = {name: files.status.read_bytes() for name, files in there.items()}
        assert now == (states or now)
        states = now
        for name, files in there.items() if more else ():
            with np.load(files.measures / "layer_norms.npz") as arrays:
                norms[more, name] = arrays["norm"]
    assert len(states) == 4
    assert len({tuple(one) for one in norms.values()}) == 8


def test_images_of_one_s_own_are_trained_on(
    tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = printed(written(IMAGES, tmp_path))
    folder = tmp_path / "drawings"
    draw(folder)
    run(tmp_path, *words, "trainer.max_epochs=2")
    assert sorted(name.rpartition("-")[0] for name in trained(tmp_path / "outputs")) == [
        f"{model}-drawings-s{seed}" for model in ("cnn", "deep") for seed in (0, 1)
    ]
    for files in trained(tmp_path / "outputs").values():
        facts = files.read_provenance()
        assert facts["data"]["training samples"] == 1000
        assert {"training inputs", "training targets", "test inputs"} <= facts["data"].keys()
        assert facts["code"].keys() == {"my_images.Drawings"}

    # a small net's runs are a stack, with nothing to be tried
    monkeypatch.syspath_prepend(tmp_path)
    small = ["-m", f"--config-dir={tmp_path}/conf", "data=drawings", "data.samples=1200"]
    small += ["model=mlp", "model.hidden=[8]", "batch_size=large", "trainer.max_epochs=2"]
    small += ["seed=0,1", "label_noise=half", "logger=none", "sweep.workers=1"]
    stacked, alone = tmp_path / "stacked", tmp_path / "alone"
    assert "in stacks of 2" in lab(*small, f"data.root={folder}", f"paths.outputs={stacked}").out
    done = lab(*small, f"data.root={folder}", f"paths.outputs={alone}", "sweep.stack=never")
    assert done.code == 0, done.err
    assert len(trained(alone)) == 2
    for name, files in trained(alone).items():
        assert "tried" not in trained(stacked)[name].read_provenance()
        assert_same(trained(stacked)[name], files, 1e-4)

    # where it lies is no part of a run; what it holds is
    moved = folder.rename(tmp_path / "moved")
    first, second, *_ = sorted((moved / "test/7").iterdir())
    first.write_bytes(second.read_bytes())
    said = lab(*small, f"data.root={moved}", f"paths.outputs={stacked}", "seed=0,1,2").out
    assert "2 finished before" in said
    assert "trained on something else: test inputs differ" in said


def draw(folder: Path) -> None:
    """Images of ten classes."""
    digits = sources.load("digits", "")
    sets = {
        "train": (digits.train_images, digits.train_labels),
        "test": (digits.test_images, digits.test_labels),
    }
    for which, (images, labels) in sets.items():
        for number, (image, label) in enumerate(zip(images[:, 0], labels, strict=True)):
            file = folder / f"{which}/{label}/{number:04}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.numpy()).save(file)


def test_a_stacked_rule_is_used_where_it_is_right(
    tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = written(OPTIMIZER, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    words = [*printed(text), f"hydra.searchpath=[file://{tmp_path}/conf]", "logger=none"]
    words += ["trainer.max_epochs=3", "trainer.precision=64-true", "sweep.workers=1"]
    stacked, alone, wrong = (tmp_path / name for name in ("stacked", "alone", "wrong"))
    assert "8 runs: in stacks of 4, 4" in lab(*words, f"paths.outputs={stacked}").out
    assert lab(*words, f"paths.outputs={alone}", "sweep.stack=never").code == 0
    assert len(trained(alone)) == 8
    for name, files in trained(alone).items():
        assert trained(stacked)[name].read_provenance()["tried"] == ["the optimizer NormalizedSGD"]
        assert_same(trained(stacked)[name], files, 1e-9)

    # with a rule that forgets its momentum
    code, right = (tmp_path / "my_optimizers.py").read_text(), "mul_(self.momentum).add_(gradient)"
    assert code.count(right) == 1
    (tmp_path / "my_wrong_optimizers.py").write_text(code.replace(right, "copy_(gradient)"))
    words.append("optimizer._target_=my_wrong_optimizers.NormalizedSGD")
    (told,) = re.findall(r"^    (8 alone: .*)$", text, re.M)
    assert told in lab(*words, f"paths.outputs={wrong}").out
    ends = [
        sorted((config_of(files), files.metrics.read_text()) for files in trained(path).values())
        for path in (alone, wrong)
    ]
    assert ends[0] == ends[1]


def config_of(files: RunDirectory) -> tuple[str, float, int]:
    """What the runs of a test differ in."""
    config = files.read_config()
    return config["model"]["name"], config["optimizer"]["lr"], config["seed"]


def assert_same(one: RunDirectory, other: RunDirectory, tolerance: float) -> None:
    """Row by row the same numbers."""
    rows, others = read_metrics(one.metrics), read_metrics(other.metrics)
    assert len(rows) == len(others)
    for mine, theirs in zip(rows, others, strict=True):
        assert mine == pytest.approx(theirs, rel=tolerance, abs=1e-12)
