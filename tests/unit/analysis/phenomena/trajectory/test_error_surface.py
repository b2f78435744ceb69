"""hw1_2_error_surface on small trained nets; its claim on lines that are made up."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from matplotlib.figure import Figure

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.findings import Finding, Passing
from dl_experiments.analysis.phenomena.trajectory import paths as _paths
from dl_experiments.analysis.phenomena.trajectory import surface
from dl_experiments.analysis.phenomena.trajectory import surface_losses as _surface
from dl_experiments.analysis.phenomena.trajectory.arm import walked
from dl_experiments.analysis.pipeline import analyze
from dl_experiments.analysis.runs.collect import AnalysisError, collect
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.runs.evaluation import Evaluation
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.artifacts import RunDirectory
from dl_experiments.data import sources
from dl_experiments.data.images import ImageData

POINTS = 7


@pytest.fixture
def draw(trained: Path) -> Callable[..., Finding]:
    def call(samples: int | None = 40, points: int = POINTS) -> Finding:
        with style.applied():
            return surface.analyse(collect(trained).runs, samples, points)

    return call


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are left empty."""
    for name in ("planes", "lines"):
        monkeypatch.setattr(surface, name, lambda *_: ("", Figure()))
    monkeypatch.setattr(_paths, "_figures", lambda *_: {"paths": ("", Figure())})


def kept(outputs: Path) -> list[Path]:
    return sorted((outputs / "report" / "hw1_2_error_surface").glob("surfaces-*.npz"))


@pytest.mark.usefixtures("unseen")
def test_origin_and_ends_are_the_losses_of_the_snapshots(
    trained: Path, draw: Callable[..., Finding]
) -> None:
    finding = draw(samples=None)
    assert [drawing.name for drawing in finding.drawings] == ["planes", "lines"]
    assert finding.notes == []
    with np.load(kept(trained)[0]) as found:
        runs = collect(trained).runs
        final = [run.rows[-1]["train/loss"] for run in runs]
        initial = [run.rows[0]["train/loss"] for run in runs]
        half = POINTS // 2
        assert found["steps"][half] == 0
        assert found["random"][half, half] == pytest.approx(final[0], rel=1e-6)
        np.testing.assert_allclose(found["lines"][:, 0], initial, rtol=1e-6)
        np.testing.assert_allclose(found["lines"][:, -1], final, rtol=1e-6)
        np.testing.assert_allclose(found["again"], found["recorded"], rtol=1e-6)
        np.testing.assert_allclose(found["recorded"], final)
        assert found["samples"] == 64


def test_a_subset_is_said_and_its_origin_is_the_loss_on_it(
    trained: Path, draw: Callable[..., Finding]
) -> None:
    finding = draw(samples=40)
    run = collect(trained).runs[0]
    evaluation = Evaluation(run, 40)
    theta = evaluation.net.layout.flatten(RunDirectory(run.path).read_weights(6))
    with np.load(kept(trained)[0]) as found:
        half = POINTS // 2
        assert found["random"][half, half] == pytest.approx(float(evaluation.loss(theta)), rel=1e-6)
        assert found["random"][half, half] != pytest.approx(found["recorded"][0], rel=1e-6)
        np.testing.assert_allclose(found["again"], found["recorded"], rtol=1e-6)  # on all 64
        far = number(float(np.abs(found["way"]).max()), 2)
    assert all("40 samples" in drawing.caption for drawing in finding.drawings)
    assert f"is never further than {far} steps from the star" in finding.drawings[0].caption


@pytest.mark.usefixtures("unseen")
def test_the_plane_goes_through_three_nets_and_is_the_loss_of_its_points(
    trained: Path, draw: Callable[..., Finding]
) -> None:
    draw()
    runs = collect(trained).runs
    (arm,) = walked(arms(runs, []))[0].values()
    evaluation, ends = Evaluation(runs[0], 40), arm.ends[1]
    along = (ends[1] - ends[0]) / (ends[1] - ends[0]).norm()
    aside = ends[2] - ends[0] - ((ends[2] - ends[0]) @ along) * along
    axes = torch.stack([along, aside / aside.norm()])
    with np.load(kept(trained)[0]) as found:
        sides = found["along"], found["aside"]
        for i, j in ((0, 0), (2, 5), (6, 1)):
            theta = (ends[0] + torch.tensor([sides[0][i], sides[1][j]]) @ axes).float()
            assert found["through"][i, j] == pytest.approx(float(evaluation.loss(theta)), rel=1e-4)
        for net, at, own in zip(ends, found["nets"], found["own"], strict=True):
            torch.testing.assert_close(ends[0] + torch.tensor(at) @ axes, net, rtol=0, atol=1e-6)
            assert own == pytest.approx(float(evaluation.loss(net.float())), rel=1e-6)
        assert found["names"].tolist() == ["seed 0", "seed 1", "seed 2"]
        for axis, side in enumerate(sides):
            assert side[0] < found["paths"][:, axis].min()
            assert found["paths"][:, axis].max() < side[-1]


@pytest.mark.usefixtures("unseen")
def test_planes_are_evaluated_once_and_again_when_something_changes(
    trained: Path, draw: Callable[..., Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw()
    before = kept(trained)
    assert len(before) == 1
    evaluated = []
    original = _surface._evaluate
    monkeypatch.setattr(_surface, "_evaluate", lambda *what: evaluated.append(1) or original(*what))
    draw()
    assert (evaluated, kept(trained)) == ([], before)
    before[0].write_bytes(b"cut short")
    draw()
    assert (len(evaluated), kept(trained)) == (1, before)
    draw(samples=30)
    assert len(evaluated) == 2
    assert kept(trained) != before
    assert len(kept(trained)) == 1
    status = collect(trained).runs[1].path / "status.json"
    status.write_text(status.read_text().replace('"finished_at": "2', '"finished_at": "3'))
    draw(samples=30)  # trained anew
    assert len(evaluated) == 3


@pytest.mark.usefixtures("unseen")
def test_weights_that_do_not_have_the_recorded_loss_are_named(
    trained: Path, draw: Callable[..., Finding]
) -> None:
    run = collect(trained).runs[1]
    files = RunDirectory(run.path)
    files.write_weights(6, files.read_weights(0))
    (note,) = draw().notes
    assert note.startswith(f"{run.path.name}: its final weights have a training loss of 2.")


def test_data_that_is_not_there_is_a_note(
    trained: Path, draw: Callable[..., Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(name: str, root: str) -> None:
        raise ValueError(f"{name} is not there")

    monkeypatch.setattr("dl_experiments.data.sources.load", nowhere)
    monkeypatch.setattr("dl_experiments.data.images._read", {})  # by other tests
    finding = draw()
    assert finding.drawings == []
    assert finding.notes == ["Digits is not there"]
    assert isinstance(finding.notes[0], Passing)


@pytest.mark.usefixtures("unseen")
def test_data_are_taken_from_where_they_are_now(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, roots = sources.load, set()

    def load(name: str, root: str | Path) -> sources.ImageSet:
        roots.add(str(root))
        return real(name, root)

    for path in trained.glob("*/*/config.yaml"):
        moved = yaml.safe_load(path.read_text())
        moved["paths"]["data"] = moved["data"]["root"] = str(tmp_path / "another machine")
        path.write_text(yaml.safe_dump(moved))
    monkeypatch.setattr("dl_experiments.data.sources.load", load)
    monkeypatch.setattr("dl_experiments.data.images._read", {})
    written = analyze(trained, ["hw1_2_error_surface"], 25, data=str(tmp_path / "here"))
    assert list(written.figures.values()) == [2]
    assert roots == {str(tmp_path / "here")}
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


def test_a_users_data_that_cannot_be_read_are_a_note(
    draw: Callable[..., Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(self: ImageData) -> None:
        raise PermissionError(13, "Permission denied", "/nowhere/a.npz")

    monkeypatch.setattr(ImageData, "load", load)
    (note,) = draw().notes
    assert note == (
        "data=digits: the data cannot be read: [Errno 13] Permission denied: '/nowhere/a.npz'"
    )
    assert isinstance(note, Passing)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 8}, "points=8 is not an odd number from 5 up"),
        ({"points": 3}, "points=3 is not an odd number"),
        ({"points": "many"}, "points='many' is not an odd number"),
        ({"samples": 0}, "samples=0 is not a whole number from 1 up or null"),
    ],
)
def test_impossible_options_are_refused(trained: Path, options: dict, message: str) -> None:
    with pytest.raises(AnalysisError, match=f"options.hw1_2_error_surface.{message}"):
        analyze(trained, ["hw1_2_error_surface"], 25, {"hw1_2_error_surface": options})


@pytest.mark.usefixtures("unseen")
def test_one_study_has_two_analyses(trained: Path) -> None:
    options = {"hw1_2_error_surface": {"samples": 20, "points": 5}}
    written = analyze(trained, dpi=25, options=options)
    assert {path.name: count for path, count in written.figures.items()} == {
        "hw1_2_error_surface": 2,
        "hw1_2_trajectory": 1,
    }
    assert len(kept(trained)) == 1  # beside the figures, which were replaced


def test_rises_in_closed_form() -> None:
    lines = np.array(
        [
            [4.0, 3.0, 2.0, 0.0],  # falls
            [4.0, 1.0, 3.0, 0.0],  # rises by 2 of 4
            [4.0, 5.0, 1.0, 2.0],  # by 1 at the start and 1 at the end, of 2
            [1.0, 2.0, 3.0, 1.0],  # does not drop
        ]
    )
    np.testing.assert_array_equal(surface.rises(lines), [0, 0.5, 0.5, np.nan])
