from pathlib import Path
from typing import Any

import pytest
from synthetic import image_run

from dl_experiments.analysis.runs.collect import Run, collect
from dl_experiments.analysis.runs.grid import Grid, show
from dl_experiments.analysis.runs.swept import arms, confounded, label, swept_keys


def runs_of(path: Path, *cells: dict[str, Any]) -> list[Run]:
    for cell in cells:
        given = {"model": "deep", "data": "mnist", "seed": 0, "study": "adhoc", "epochs": 1} | cell
        image_run(path, **given)
    return collect(path).runs


def test_the_seed_is_the_replicate(tmp_path: Path) -> None:
    assert swept_keys(runs_of(tmp_path, {"seed": 0}, {"seed": 1})) == []


def test_what_does_not_change_the_numbers_is_not_swept(tmp_path: Path) -> None:
    cells = [
        {
            "seed": seed,
            "scale": scale,
            "trainer.accelerator": where,
            "callbacks": {"x": {"a": seed}},
        }
        for seed, (scale, where) in enumerate((("quick", "auto"), ("smoke", "cpu")))
    ]
    assert swept_keys(runs_of(tmp_path, *cells)) == []


def test_what_the_name_decides_is_not_a_key_of_its_own(tmp_path: Path) -> None:
    found = runs_of(tmp_path, {"model": "deep"}, {"model": "shallow"})
    assert swept_keys(found) == ["model.name"]  # model.hidden follows
    assert confounded(found) == []


def test_a_shape_under_one_name_is_swept(tmp_path: Path) -> None:
    found = runs_of(tmp_path, {"model.hidden": [5]}, {"model.hidden": [5, 5]})
    assert swept_keys(found) == ["model.hidden"]
    assert list(Grid(found).cells(["model.hidden"])) == [("[5]",), ("[5,5]",)]


def test_names_come_first_and_numbers_are_in_order(tmp_path: Path) -> None:
    cells = [
        {"model": model, "optimizer.lr": lr, "model.dropout": drop}
        for model in ("shallow", "deep")
        for lr in (0.1, 1e-3, 1e-2)
        for drop in (0.0, 0.5)
    ]
    found = runs_of(tmp_path, *cells)
    assert swept_keys(found) == ["model.name", "model.dropout", "optimizer.lr"]
    assert list(Grid(found).cells(["model.name"])) == [("deep",), ("shallow",)]
    assert list(Grid(found).cells(["optimizer.lr"])) == [("0.001",), ("0.01",), ("0.1",)]


def test_what_cannot_be_told_apart_is_said(tmp_path: Path) -> None:
    found = runs_of(tmp_path, {"model": "deep"}, {"model": "shallow", "optimizer.lr": 0.5})
    assert swept_keys(found) == ["model.name"]
    assert confounded(found) == ["Differing along with model.name, not told apart: optimizer.lr."]


@pytest.mark.parametrize(
    ("one", "other", "follows"),
    [
        ({"model.dropout": 0.0, "model.hidden": [10]},
         {"model.dropout": 0.5, "model.hidden": [400]}, "model.hidden"),
        ({"data.batch_size": 1, "data.samples": 100},
         {"data.batch_size": 4, "data.samples": 1000}, "data.samples"),
        ({"trainer.max_epochs": 5, "trainer.precision": "32-true"},
         {"trainer.max_epochs": 9, "trainer.precision": "64-true"}, "trainer.precision"),
    ],
)  # fmt: skip
def test_within_a_group_too(tmp_path: Path, one: Any, other: Any, follows: str) -> None:
    found = runs_of(tmp_path, one, other)
    (kept,) = swept_keys(found)
    assert confounded(found) == [f"Differing along with {kept}, not told apart: {follows}."]
    assert confounded(found, by_design=[follows]) == []


def test_what_a_schedule_derives_from_the_epochs_goes_without_saying(tmp_path: Path) -> None:
    cells = [
        {"data.samples": n, "trainer.max_epochs": e, "schedule": {"name": "cosine", "T_max": e}}
        for n, e in ((100, 40), (400, 10))
    ]
    found = runs_of(tmp_path, *cells)
    assert swept_keys(found) == ["data.samples"]
    assert len(confounded(found)) == 1
    assert confounded(found, by_design=["trainer.max_epochs"]) == []


def test_values_keep_their_kind(tmp_path: Path) -> None:
    cells = [{"model.more": more} for more in (None, "none", 0.3, 0.1 * 3, [10], [9], 2)]
    runs = Grid(runs_of(tmp_path, *cells))
    written, typed = runs.cells(["model.more"]), runs.along("model.more")
    assert [key for (key,) in written] == ["none", "0.3", "2", "'none'", "[9]", "[10]"]
    assert list(typed) == [None, 0.3, 2, "none", (9,), (10,)]
    assert [len(found) for found in typed.values()] == [1, 2, 1, 1, 1, 1]
    assert [len(found) for found in written.values()] == [1, 2, 1, 1, 1, 1]


def test_what_is_read_tells_runs_apart_too(tmp_path: Path) -> None:
    cells = [{"seed": seed, "model.dropout": drop} for drop in (0.5, None, 0.0) for seed in (1, 0)]
    runs = Grid(runs_of(tmp_path, *cells))
    found = runs.along(lambda run: run.get("model.dropout") or 0.0)
    assert {key: [run.seed for run in some] for key, some in found.items()} == {
        0.0: [0, 0, 1, 1],
        0.5: [0, 1],
    }
    assert list(runs.along(lambda run: run.get("model.dropout"))) == [0.0, 0.5]
    assert len(runs.only(lambda run: run.seed == 1)) == 3
    assert (len(runs[1:3]), runs[1:][0]) == (2, runs[1])


def test_what_follows_what_is_compared_makes_no_arms(tmp_path: Path) -> None:
    pairs = ((0.0, 0.1), (0.2, 0.2), (0.5, 0.3))
    cells = [{"model.dropout": drop, "optimizer.lr": lr} for drop, lr in pairs]
    found = runs_of(tmp_path, *cells)
    for compared in ("model.dropout", "optimizer.lr"):  # whichever the alphabet has first
        assert list(arms(found, [compared])) == [""]
    assert len(arms(found, ["model.name"])) == 3


def test_arms_never_mix_what_is_not_compared(tmp_path: Path) -> None:
    cells = [
        {"model": model, "optimizer.name": name, "loss": loss}
        for model in ("deep", "shallow")
        for name in ("adam", "rmsprop")
        for loss in ("mse", "cross_entropy")
    ]
    found = arms(runs_of(tmp_path, *cells), ["model.name"])
    assert list(found) == [
        "cross_entropy, adam", "cross_entropy, rmsprop", "mse, adam", "mse, rmsprop",
    ]  # fmt: skip
    assert all({run.model for run in runs} == {"deep", "shallow"} for runs in found.values())


def test_one_arm_has_no_name(tmp_path: Path) -> None:
    assert list(arms(runs_of(tmp_path, {"seed": 0}, {"seed": 1}), [])) == [""]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (None, "none"), (True, "true"), (10000, "10,000"), (0.001, "0.001"), (1e-5, "1e-5"),
        ("adam", "adam"), ([5, 10], "[5,10]"),
    ],
)  # fmt: skip
def test_values_are_short(raw: Any, text: str) -> None:
    assert show(raw) == text


def test_labels_name_keys_that_need_it() -> None:
    keys = ["model.name", "optimizer.lr", "data.samples", "data.seed"]
    assert label(keys, ["deep", "0.1", "9", "3"]) == "deep, lr 0.1, 9 samples, data.seed 3"
    noise = ["label_noise.fraction", "label_noise.kind", "label_noise.test_labels"]
    words = "label noise 0.5, symmetric label noise, random test labels"
    assert label(noise, ["0.5", "symmetric", "random"]) == words


def test_seeds_that_draw_samples_beside_those_of_one_data_seed_are_two_arms(tmp_path: Path) -> None:
    """As an experiment's finished runs from before its seeds drew their images."""
    cells = [
        {"seed": seed, "data.seed": data, "model": model}
        for seed in range(3)
        for data in {0, seed}
        for model in ("deep", "shallow")
    ]
    found = arms(runs_of(tmp_path, *cells), ["model.name"])
    seen = {name: sorted({run.seed for run in members}) for name, members in found.items()}
    assert seen == {"data.seed with the seed": [0, 1, 2], "data.seed 0": [0, 1, 2]}


@pytest.mark.parametrize("beyond", [0, 10])
def test_a_study_of_one_data_seed_keeps_its_seeds_beside_one_that_draws_samples(
    tmp_path: Path, beyond: int
) -> None:
    """As an experiment that was trained at quick, on a part of the images, and at full, on all."""
    cells = [{"seed": n, "data.seed": n + beyond, "data.batch_size": 32} for n in range(5)]
    cells += [{"seed": n, "data.seed": 0, "data.batch_size": 128} for n in range(5)]
    found = arms(runs_of(tmp_path, *cells), ["model.name"])
    assert {name: sorted(run.seed for run in members) for name, members in found.items()} == {
        "batch_size 32, data.seed with the seed": [*range(5)],
        "batch_size 128, data.seed 0": [*range(5)],
    }


def test_a_grid_of_seeds_and_data_seeds_is_an_arm_for_each_data_seed(tmp_path: Path) -> None:
    cells = [{"seed": seed, "data.seed": data} for seed in range(2) for data in range(2)]
    found = arms(runs_of(tmp_path, *cells), ["model.name"])
    assert {name: len(members) for name, members in found.items()} == {
        "data.seed 0": 2,
        "data.seed 1": 2,
    }
