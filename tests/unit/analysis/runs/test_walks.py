from pathlib import Path

import pytest
import torch

from dl_experiments.analysis.runs.collect import Run, collect
from dl_experiments.analysis.runs.walks import Weights, layout, walks
from dl_experiments.artifacts import RunDirectory
from dl_experiments.models.mlp import MLP


def runs(outputs: Path) -> list[Run]:
    return collect(outputs).runs


def test_snapshots_are_those_of_the_run_and_are_read_when_looked_up(trained: Path) -> None:
    found = runs(trained)
    parameters = layout(found[0])
    assert parameters.size == 64 * 6 + 6 + 6 * 10 + 10
    good, left_out = walks(found, parameters)
    assert left_out == []
    assert [walk.epochs for walk in good] == [[0, 2, 4, 6]] * 3
    for walk in good:
        files = RunDirectory(walk.run.path)
        for epoch, snapshot in zip(walk.epochs, walk.snapshots, strict=True):
            whole = files.read_weights(epoch)
            assert set(snapshot) == set(whole)
            assert all(torch.equal(snapshot[name], whole[name]) for name in whole)
    snapshot = good[0].snapshots[0]
    snapshot.path.unlink()
    with pytest.raises(FileNotFoundError):
        snapshot["dense1.weight"]
    with pytest.raises(KeyError):
        snapshot["dense7.weight"]


def test_who_lacks_snapshots_is_named_and_the_rest_goes_on(trained: Path) -> None:
    first, second, third = runs(trained)
    RunDirectory(first.path).snapshot(0).unlink()
    RunDirectory(second.path).snapshot(4).unlink()
    RunDirectory(second.path).snapshot(6).unlink()
    good, left_out = walks([first, second, third], layout(first))
    assert [walk.run for walk in good] == [third]
    assert left_out == [
        f"{first.path.name}: left out, snapshots missing: epoch 0.",
        f"{second.path.name}: left out, snapshots missing: epochs 4, 6.",
    ]


def test_a_snapshot_in_the_middle_is_missed_where_most_runs_have_it(trained: Path) -> None:
    found = runs(trained)
    RunDirectory(found[1].path).snapshot(2).unlink()
    good, (line,) = walks(found, layout(found[0]))
    assert len(good) == 2
    assert line.endswith("snapshots missing: epoch 2.")
    for run in (found[0], found[2]):
        RunDirectory(run.path).snapshot(2).unlink()
    assert len(walks(found, layout(found[0]))[0]) == 3


def test_weights_of_another_model_are_named(trained: Path) -> None:
    found = runs(trained)
    RunDirectory(found[0].path).write_weights(2, MLP([1, 8, 8], 10, [7]).state_dict())
    RunDirectory(found[1].path).write_weights(6, {"other": torch.zeros(3)})
    RunDirectory(found[2].path).snapshot(0).write_bytes(b"cut short")
    good, left_out = walks(found, layout(found[0]))
    assert good == []
    assert "epoch-000002.safetensors is of another model: dense1.weight has shape [7, 64], not [6, 64]" in left_out[0]  # fmt: skip  # noqa: E501
    assert "dense1.weight has none, not [6, 64]" in left_out[1]
    assert "epoch-000000.safetensors cannot be read" in left_out[2]
    assert all("\n" not in line for line in left_out)


def test_a_broken_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.safetensors cannot be read"):
        Weights(tmp_path / "gone.safetensors")
