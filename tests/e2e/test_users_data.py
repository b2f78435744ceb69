"""Data modules of users' own: right numbers, or one line before anything trains."""

import json
import sys
from pathlib import Path

import pytest
from finished import runs, state

from dl_experiments.artifacts import read_metrics

USERS = Path(__file__).parents[1] / "users"
sys.path.append(str(USERS))

WORDS = ["model=mlp", "model.hidden=[5]", "trainer.max_epochs=3", "trainer.log_every=1"]
WORDS += ["logger=none", f"hydra.searchpath=[file://{USERS}/conf]"]


def words(name: str, *more: str) -> list[str]:
    import users_data

    kind = "values" if issubclass(getattr(users_data, name), users_data.Values) else "classes"
    study = [] if any(word.startswith("study=") for word in more) else [f"study={name}"]
    target = [f"data=mine_{kind}", f"data._target_=users_data.{name}"]
    return [
        *WORDS,
        *target,
        "~measurements.predictions" if kind == "values" else "arm=null",
        *study,
        *more,
    ]


@pytest.fixture
def rows(train_all, outputs):
    """``rows("Int32")``: what a run with such data has recorded."""

    def trained(name, *more):
        train_all(*words(name, *more))
        (path,) = (outputs / name).glob("*/metrics.csv")
        return read_metrics(path)

    return trained


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("Int32", "Classes"),
        ("Bytes", "Classes"),
        ("OneHot", "Classes"),
        ("OneHotIntegers", "Classes"),
        ("Booleans", "Two"),
        ("MeanAlone", "Normalised"),
        ("Settings", "Classes"),
        ("FlatValues", "Values"),
        ("OwnSetup", "Classes"),
        ("ListShape", "Classes"),
        ("IntegerValues", "Values"),
    ],
)
def test_what_is_plain_gives_the_numbers_of_its_plain_twin(rows, name, twin):
    found, expected = rows(name), rows(twin)
    assert [set(row) for row in found] == [set(row) for row in expected]
    for row, other in zip(found, expected, strict=True):
        assert row == pytest.approx(other, rel=1e-5)  # float32: a mean taken before or after


REFUSED = {
    "Soft": ["training set's targets are [40, 3] and not one-hot", "[40]", "0 to 2"],
    "FromOne": ["training set's targets: labels from 1 to 3", "allowed: 0 to 2"],
    "Unlabelled": ["labels from -100 to 2", "allowed: 0 to 2"],
    "Column": ["training set's targets are [40, 1] int64", "class numbers [40]"],
    "FloatLabels": ["training set's targets are [40] float64", "class numbers [40]"],
    "HoleInTest": ["test set's inputs: 1 of 12 samples (the first is number 5) are not finite"],
    "InfiniteTraining": ["training set's inputs: 2 of 40 samples", "not finite"],
    "TooLarge": ["training set's inputs: 1 of 40 samples", "too large for float32"],
    "Complex": ["training set's inputs are complex"],
    "Sparse": ["training set's inputs are no dense tensor"],
    "Gradients": ["training set's inputs require gradients"],
    "Arrays": ["training set's inputs are a numpy.ndarray, not a torch.Tensor"],
    "NoTest": ["the test set is empty"],
    "MoreInputs": ["the training set has 40 inputs and 39 targets"],
    "OtherShape": ["training set's inputs are [40, 2, 2]", "input_shape wants [40, 4]"],
    "OtherSize": ["the training set holds 40 samples", "training_samples says 1000"],
    "OneClass": ["outputs=1", "at least 2"],
    "NoSpread": ["training set's scale is not finite"],
    "MeanOfEach": ["training set's mean is [40, 1]", "[4]"],
    "Overflowing": ["training set's inputs: normalised by mean and scale they are not finite"],
    "NoFile": ["FileNotFoundError", "/nowhere/table.csv"],
    "PairsForOne": ["training set's targets are [40, 2]", "1 value a sample"],
    "HoleInTargets": ["training set's targets: 1 of 40 samples", "not finite"],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_the_contract_is_refused_in_one_line(lab, outputs, name):
    outcome = lab(*words(name))
    assert outcome.code == 2
    (line,) = outcome.err.strip().splitlines()
    assert line.startswith("data=mine: ")
    for part in REFUSED[name]:
        assert part in line
    assert not outputs.exists()


@pytest.mark.parametrize("name", ["MoreSetup", "NumpyDraws", "PythonDraws", "TorchDraws", "BySeed"])
def test_what_is_drawn_is_the_same_each_time(rows, outputs, name):
    first = rows(name)
    (path,) = (outputs / name).glob("mlp-*")
    path.rename(outputs / "before")
    assert rows(name) == first


@pytest.mark.parametrize(("name", "alike"), [("NumpyDraws", True), ("BySeed", False)])
def test_seeds_share_their_data_unless_loading_asks_for_the_seed(train_all, outputs, name, alike):
    train_all(*words(name), seeds=(0, 1))
    facts = [json.loads(f.provenance.read_text())["data"] for f in runs(outputs).values()]
    assert [fact["seed"] for fact in facts] == ([None, None] if alike else [0, 1])
    assert (facts[0]["training inputs"] == facts[1]["training inputs"]) is alike


def test_data_that_differ_at_each_look_fail_and_never_complete(lab, outputs):
    outcome = lab("-m", *words("Changing"), "seed=0,1")
    assert outcome.code == 1
    assert "training inputs and test inputs differ from what loading gave" in outcome.err
    assert [state(files) for files in runs(outputs).values()] == ["failed", "failed"]


@pytest.mark.parametrize("name", ["Strings", "OneSet", "Exits"])
def test_data_that_cannot_be_loaded_fail_their_own_runs_alone(lab, outputs, name):
    target = f"data._target_=users_data.Classes,users_data.{name}"
    outcome = lab("-m", *words("Classes"), target, "seed=0,1", "sweep.workers=1")
    assert outcome.code == 1
    assert "2 of 4 runs failed" in outcome.err
    ends = {}
    for path in (outputs / "Classes").iterdir():
        files = type(next(iter(runs(outputs).values())))(path)
        ends.setdefault(files.read_config()["data"]["_target_"], []).append(state(files))
    assert ends == {"users_data.Classes": ["completed"] * 2, f"users_data.{name}": ["failed"] * 2}


def test_a_library_with_threads_of_its_own_does_not_hang_the_workers(lab, outputs):
    assert (
        lab("-m", *words("Clusters"), "seed=0,1", "sweep.stack=never", "sweep.workers=2").code == 0
    )
    assert [state(files) for files in runs(outputs).values()] == ["completed"] * 2
