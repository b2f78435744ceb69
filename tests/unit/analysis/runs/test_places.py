"""Runs whose data lie elsewhere than in training."""

from pathlib import Path
from typing import Any

import pytest

from dl_experiments.analysis.runs.places import data_at, placed


def config(target: str, before: str | None, **data: Any) -> Any:
    paths = {"outputs": "outputs"} | ({} if before is None else {"data": before})
    return {"paths": paths, "seed": 3, "data": {"_target_": target, "name": "old", **data}}


@pytest.mark.parametrize("remembered", ["/old", "/own/place", "~/old", "old", "."])
@pytest.mark.parametrize("before", ["/old", "old", None])
def test_a_set_of_ours_is_where_data_are_now(remembered: str, before: str | None) -> None:
    whole = config("dl_experiments.data.images.ImageData", before, root=remembered, samples=5)
    with data_at("/new"):
        found = placed(whole)
    assert found["data"] == whole["data"] | {"root": "/new"}
    assert found["paths"] == {"outputs": "outputs", "data": "/new"}
    assert found["seed"] == 3


def test_a_function_of_ours_has_no_place() -> None:
    whole = config("dl_experiments.data.functions.FunctionData", "/old", samples=4)
    with data_at("/new"):
        assert placed(whole)["data"] == whole["data"]


@pytest.mark.parametrize("before", ["/old", "/old/", "~/old", "old"])
def test_of_a_users_set_only_the_data_folder_is_replaced(before: str) -> None:
    below = before.rstrip("/")
    told = {
        "root": before,
        "file": f"{below}/birds/a.npz",
        "parts": [f"{below}/one", {"two": f"{below}/two", "three": 3}],
        "beside": f"{below}er/birds",
        "own": "/elsewhere/old",
        "drawings": "drawings",
        "size": 3,
        "extra": None,
    }
    whole = config("my_images.Birds", before, **told)
    with data_at("/new"):
        found = placed(whole)["data"]
    assert found == whole["data"] | {
        "root": "/new",
        "file": "/new/birds/a.npz",
        "parts": ["/new/one", {"two": "/new/two", "three": 3}],
    }
    assert whole["data"] == {"_target_": "my_images.Birds", "name": "old", **told}


def test_a_users_set_of_a_run_that_remembers_no_folder_stays() -> None:
    whole = config("my_images.Birds", None, root="/old", empty="")
    with data_at("/new"):
        assert placed(whole)["data"] == whole["data"]


@pytest.mark.parametrize(
    ("folder", "where"), [("~/d", "home/d"), ("d", "here/d"), ("../d", "here/../d")]
)
def test_folder_may_be_relative_or_at_home(
    folder: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with data_at(folder):
        found = placed(config("dl_experiments.data.images.ImageData", "/old", root="/old"))
    assert found["data"]["root"] == str(tmp_path / where)


def test_outside_runs_have_their_data_where_they_remember() -> None:
    whole = config("dl_experiments.data.images.ImageData", "/old", root="/old")
    with data_at("/new"), data_at(None):
        assert placed(whole) is whole
    assert placed(whole) is whole
