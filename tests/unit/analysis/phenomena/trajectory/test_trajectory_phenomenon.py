"""hw1_2_trajectory: on small trained nets, and its numbers on paths that are made up."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from studies import paths, study
from synthetic import worded

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.trajectory import paths as trajectory
from dl_experiments.analysis.phenomena.trajectory.arm import Walks, distances_to_centre, walked
from dl_experiments.analysis.phenomena.trajectory.claims import judge
from dl_experiments.analysis.pipeline import analyze
from dl_experiments.analysis.runs.collect import AnalysisError, Run, collect
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.artifacts import RunDirectory

DRAWN = ["paths", "from-their-starts", "scree", "layers", "loss"]


def runs(outputs: Path) -> list[Run]:
    return collect(outputs).runs


def rewrite(outputs: Path, path: Callable[[int, float], float]) -> Walks:
    """Replace the snapshots: run r at time t in [0, 1] has all its weights at path(r, t)."""
    for number, run in enumerate(runs(outputs)):
        files = RunDirectory(run.path)
        for epoch in files.snapshots():
            weights = files.read_weights(epoch)
            value = path(number, epoch / 6)
            files.write_weights(epoch, {n: torch.full_like(w, value) for n, w in weights.items()})
    found, notes = walked(arms(runs(outputs), []))
    (arm,) = found.values()
    assert notes == []
    return arm


@pytest.fixture
def draw(trained: Path) -> Callable[..., Finding]:
    from dl_experiments.analysis.drawing import style

    def call(**options: object) -> Finding:
        with style.applied():
            return trajectory.analyse(runs(trained), **options)

    return call


def test_figures_and_numbers_of_three_runs(draw: Callable[..., Finding]) -> None:
    finding = draw()
    assert [drawing.name for drawing in finding.drawings] == DRAWN
    assert finding.notes == []
    paths, ways, scree, layers, loss = finding.drawings
    whole, layer = paths.figure.axes
    assert "(460)" in whole.get_title()
    assert "dense1, its bias included (390)" in layer.get_title()
    assert whole.get_xlabel().startswith("PC1 (")
    texts = [text.get_text() for text in whole.texts]
    for run in finding.runs:
        accuracy = f"{100 * run.rows[-1]['test/accuracy']:.1f} %"
        assert f"seed {run.seed}: {accuracy}" in texts
    starts = [line for line in ways.figure.axes[0].get_lines() if line.get_marker() == "o"]
    places = np.array([np.ravel(line.get_data()) for line in starts])
    np.testing.assert_allclose(places, places[:1].repeat(3, 0), atol=1e-12)
    assert len(loss.figure.axes[0].get_lines()) == 4  # each and their mean
    assert loss.figure.axes[0].get_xticks()[-1] == 6
    explained = [patch.get_height() for patch in scree.figure.axes[0].patches]
    assert explained == sorted(explained, reverse=True)
    shares = [patch.get_height() for patch in layers.figure.axes[0].patches]
    for bars in (shares[:2], shares[2:4], shares[4:]):  # places, ways, parameters
        assert sum(bars) == pytest.approx(1)
    assert worded(finding)["parameters"].tolist() == ["460"]


def test_another_layer_can_be_chosen_and_an_unknown_one_lists_the_names(
    trained: Path, draw: Callable[..., Finding]
) -> None:
    assert "layer output" in draw(layer="output").drawings[0].figure.axes[1].get_title()
    with pytest.raises(AnalysisError) as error:
        analyze(trained, ["hw1_2_trajectory"], 25, {"hw1_2_trajectory": {"layer": "dense9"}})
    assert str(error.value) == (
        "options.hw1_2_trajectory.layer=dense9 is unknown; choose one of dense1, output"
    )


def test_a_single_run_is_told_that_it_takes_two(
    trained: Path, draw: Callable[..., Finding]
) -> None:
    first, *others = runs(trained)
    for run in others:
        RunDirectory(run.path).snapshot(0).unlink()
    finding = draw()
    assert finding.drawings == []
    assert finding.claims == []
    assert len(finding.notes) == 3
    assert "snapshots missing: epoch 0" in finding.notes[0]
    assert finding.notes[2] == (
        "A joint PCA needs two runs or more of one config, completed and with their snapshots; "
        f"there is: {first.path.name}. Train more seeds."
    )


def test_who_is_left_out_is_named_and_the_rest_is_drawn(
    trained: Path, draw: Callable[..., Finding]
) -> None:
    last = runs(trained)[-1]
    RunDirectory(last.path).write_weights(4, {"dense1.weight": torch.zeros(3, 64)})
    finding = draw()
    assert [drawing.name for drawing in finding.drawings] == DRAWN
    assert [note.split(":")[0] for note in finding.notes] == [last.path.name]
    assert "of another model" in finding.notes[0]


def test_snapshots_that_do_not_differ_have_no_axes(
    trained: Path, draw: Callable[..., Finding]
) -> None:
    rewrite(trained, lambda number, time: 0.25)
    finding = draw()
    assert finding.drawings == []
    assert finding.notes == ["The 12 snapshots are all the same; there are no axes"]


def test_lengths_and_distances_in_closed_form(trained: Path) -> None:
    arm = rewrite(trained, lambda number, time: number + 8 * time)
    root = arm.layout.size**0.5
    # starts at 0, 1, 2 of the diagonal, whose centre is 1; all go 8 along it
    np.testing.assert_allclose(distances_to_centre(arm.ends[0]), [root, 0, root], atol=1e-5)
    np.testing.assert_allclose(arm.lengths, [8 * root] * 3, rtol=1e-6)
    similar, centres, span = judge(arm)
    assert centres.estimate == pytest.approx((1 / 8 + 0 + 1 / 8) / 3, rel=1e-5)
    assert (span.verdict, span.note) == ("inconclusive", "it takes 4 runs")
    ends = [run.rows[-1]["train/loss"] for run in runs(trained)]
    others = [(sum(ends) - one) / 2 for one in ends]
    expected = np.mean([abs(a - b) / b for a, b in zip(ends, others, strict=True)])
    assert similar.estimate == pytest.approx(100 * expected)


@pytest.mark.parametrize(("noise", "verdict"), [(0.1, "supported"), (0.3, "not supported")])
def test_the_run_that_turns_the_subspace_most_decides(
    tmp_path: Path, noise: float, verdict: str
) -> None:
    """Five runs around centres in 13 dimensions, the last one with more noise than the others."""
    study(tmp_path, paths)
    draw = np.random.default_rng(1)
    rows = []
    for number, run in enumerate(runs(tmp_path)):
        files, centre = RunDirectory(run.path), draw.normal(size=13)
        for epoch in files.snapshots():
            weights = files.read_weights(epoch)
            away = noise * draw.normal(size=13) * (3 if number == 4 else 1)
            flat = torch.from_numpy(centre + away).float()
            parts = flat.split([of.numel() for of in weights.values()])
            pairs = zip(weights.items(), parts, strict=True)
            files.write_weights(epoch, {name: part.view(of.shape) for (name, of), part in pairs})
            rows.append(flat.double().numpy())
    every = np.array(rows).reshape(5, 3, 13)

    def axes(left: np.ndarray, count: int) -> np.ndarray:
        flat = left.reshape(-1, 13)
        return np.linalg.svd(flat - flat.mean(0))[2][:count].T

    angles = [
        np.rad2deg(subspace_angles(axes(np.delete(every, at, 0), 3), axes(every, 4)).max())
        for at in range(5)
    ]
    (arm,) = walked(arms(runs(tmp_path), []))[0].values()
    *_, span = judge(arm)
    assert span.estimate == pytest.approx(max(angles), abs=1e-3)
    assert max(angles) > np.mean(angles) + 1
    assert (span.kind, span.low, span.p, span.n) == ("check", None, None, 5)
    assert span.verdict == verdict


def test_runs_that_did_not_complete_take_no_part(trained: Path) -> None:
    run = runs(trained)[0]
    status = run.path / "status.json"
    status.write_text(status.read_text().replace("completed", "diverged"))
    (arm,) = walked(arms(runs(trained), []))[0].values()
    assert [walk.run.seed for walk in arm.walks] == [1, 2]
