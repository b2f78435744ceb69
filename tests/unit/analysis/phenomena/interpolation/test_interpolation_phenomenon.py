"""hw1_3_interpolation on small trained nets; its claims on lines that are made up."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import silent
from hydra import compose, initialize_config_dir
from synthetic import worded

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.findings import Finding, Passing
from dl_experiments.analysis.phenomena.interpolation import analysis as phenomenon
from dl_experiments.analysis.phenomena.interpolation import claims
from dl_experiments.analysis.phenomena.interpolation.lines import alphas
from dl_experiments.analysis.phenomena.interpolation.pairs import comparisons
from dl_experiments.analysis.pipeline import analyze
from dl_experiments.analysis.runs.collect import AnalysisError, Run, collect
from dl_experiments.artifacts import RunDirectory
from dl_experiments.config import resolve

CONF = Path(__file__).parents[5] / "conf"
TINY = ["data=digits", "data.samples=300", "trainer.max_epochs=4", "trainer.log_every=2"]
TINY += ["logger=none", "trainer.accelerator=cpu", "study=hw1_3_interpolation"]
TINY += ["callbacks.snapshots.schedule=ends", "model=mlp", "model.hidden=[16,8]"]
SETTINGS = {
    "small": ["data.batch_size=10", "optimizer.lr=0.004"],
    "large": ["data.batch_size=100", "optimizer.lr=0.004"],
    "fast": ["data.batch_size=10", "optimizer.lr=0.02"],
    "sgd": ["data.batch_size=10", "optimizer=sgd", "optimizer.lr=0.02"],
}
ON_ALL = "bit for bit on 6 of 6 lines; all 6 have one value: no interval"


def train(outputs: Path, *words: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        silent.execute(resolve(compose("train", [*TINY, *words, f"paths.outputs={outputs}"])))


@pytest.fixture(scope="module")
def _nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outputs = tmp_path_factory.mktemp("nets")
    for words in SETTINGS.values():
        for seed in range(2):
            train(outputs, *words, f"seed={seed}")
    return outputs


@pytest.fixture
def nets(_nets: Path, tmp_path: Path) -> Path:
    """An outputs folder of the test's own: four settings, two seeds each."""
    return Path(shutil.copytree(_nets, tmp_path / "outputs"))


@pytest.fixture
def draw(nets: Path) -> Callable[..., Finding]:
    def call(**options: object) -> Finding:
        options = {"points": 7, "samples": None} | options
        with style.applied():
            return phenomenon.analyse(collect(nets).runs, **options)

    return call


def of(outputs: Path, batch_size: int, optimizer: str, lr: float) -> list[Run]:
    found = [
        run
        for run in collect(outputs).runs
        if (run.get("data.batch_size"), run.get("optimizer.name"), run.get("optimizer.lr"))
        == (batch_size, optimizer, lr)
    ]
    return sorted(found, key=lambda run: run.seed)


def kept(outputs: Path) -> list[Path]:
    return sorted((outputs / "report" / "hw1_3_interpolation").glob("line-*.npz"))


def test_pairs_differ_in_one_thing(nets: Path) -> None:
    found = comparisons(collect(nets).runs)
    assert [(c.what, c.shared, c.ends, c.context) for c in found] == [
        ("batch size", True, ("batch 10", "batch 100"), "adam, lr 0.004"),
        ("batch size", False, ("batch 10", "batch 100"), "adam, lr 0.004"),
        ("learning rate", True, ("lr 0.004", "lr 0.02"), "adam, batch_size 10"),
        ("optimizer", True, ("adam, lr 0.004", "sgd, lr 0.02"), "batch_size 10"),
    ]
    seeds = [[(first.seed, second.seed) for first, second in c.pairs] for c in found]
    assert seeds == [[(0, 0), (1, 1)], [(0, 1), (1, 0)], [(0, 0), (1, 1)], [(0, 0), (1, 1)]]
    small, large = of(nets, 10, "adam", 0.004), of(nets, 100, "adam", 0.004)
    assert [first.path for first, _ in found[0].pairs] == [run.path for run in small]
    assert [second.path for _, second in found[1].pairs] == [run.path for run in large[::-1]]


def test_figures_numbers_and_claims(nets: Path, draw: Callable[..., Finding]) -> None:
    finding = draw()
    assert [drawing.name for drawing in finding.drawings] == ["batch-size", "lines"]
    assert finding.notes == []
    assert len(worded(finding)) == 4
    batch, others = (drawing.figure for drawing in finding.drawings)
    assert [len(figure.axes) for figure in (batch, others)] == [4, 4]
    assert batch.axes[0].get_yscale() == "log"
    ticks = [text.get_text() for text in batch.axes[0].get_xticklabels()]
    assert "0\nbatch 10" in ticks
    assert "1\nbatch 100" in ticks
    assert any("matched" in text.get_text() for text in batch.legends[0].get_texts())
    assert "300 training samples" in finding.drawings[0].caption
    agree = finding.claims[-1]
    assert (agree.estimate, agree.note) == (0.0, ON_ALL)
    statements = " | ".join(claim.statement for claim in finding.claims)
    assert "batch 10 and batch 100 (adam, lr 0.004) with different initial weights" in statements
    assert len(finding.claims) == 6
    both = [*of(nets, 10, "adam", 0.004), *of(nets, 100, "adam", 0.004)]
    for claim in finding.claims[:-1]:  # what a further seed takes
        assert {run.path for run in claim.runs} == {run.path for run in both}


def test_lines_are_evaluated_once(nets: Path, draw: Callable[..., Finding]) -> None:
    draw()
    before = {path: path.stat().st_mtime_ns for path in kept(nets)}
    assert len(before) == 10  # 8 lines, and 2 to matched nets
    draw()
    assert {path: path.stat().st_mtime_ns for path in kept(nets)} == before
    draw(points=6)
    assert len(kept(nets)) == 10
    assert not set(kept(nets)) & set(before)


def test_on_a_subset_the_ends_are_still_checked_on_the_whole_sets(
    draw: Callable[..., Finding],
) -> None:
    finding = draw(samples=50)
    assert finding.claims[-1].note == ON_ALL
    assert "50 training samples" in finding.drawings[0].caption


def test_a_line_has_its_ends_and_what_lies_between(
    nets: Path, draw: Callable[..., Finding]
) -> None:
    draw(low=0.25, high=0.5, points=2)
    for path in kept(nets):
        with np.load(path) as line:
            assert line["alphas"].tolist() == [0, 0.25, 0.5, 1]


def test_the_points_of_the_default_range_hit_both_ends() -> None:
    found = alphas(-1.0, 2.0, 31)
    near = {-0.05, -0.02, 0.02, 0.05, 0.95, 0.98, 1.02, 1.05}
    assert len(found) == 31 + len(near)
    assert {0.0, 1.0} <= set(found.tolist())
    assert {round(at, 9) for at in found.tolist()} >= near
    assert len(alphas(-0.95, 2.0, 7)) == 9 + len(near)
    assert alphas(0.0, 1.0, 2).tolist() == [0, 0.02, 0.05, 0.95, 0.98, 1]


def test_two_runs_of_the_users_own(nets: Path, draw: Callable[..., Finding]) -> None:
    first, second = of(nets, 10, "adam", 0.02)[0], of(nets, 10, "sgd", 0.02)[1]
    finding = draw(runs=[str(first.path), str(second.path)])
    assert [drawing.name for drawing in finding.drawings] == ["lines"]
    assert f"First: {first.path.name}; second: {second.path.name}." in finding.drawings[0].caption
    (claim,) = finding.claims
    assert claim.note == "bit for bit on 1 of 1 lines"
    assert [run.path for run in finding.runs] == [first.path, second.path]


def test_they_may_be_of_any_study(nets: Path) -> None:
    (nets / "hw1_3_interpolation").rename(nets / "mine")
    folders = sorted(str(path) for path in (nets / "mine").iterdir())[:2]
    options = {"hw1_3_interpolation": {"runs": folders, "points": 3}}
    written = analyze(nets, ["hw1_3_interpolation"], 25, options)
    assert written.figures == {nets / "report" / "hw1_3_interpolation": 1}


def test_two_architectures_are_refused_with_their_shapes(
    nets: Path, draw: Callable[..., Finding]
) -> None:
    train(nets, *SETTINGS["small"], "model.hidden=[16,9]", "study=other")
    other = next((nets / "other").iterdir())
    first = of(nets, 10, "adam", 0.004)[0]
    message = (
        r"^options.hw1_3_interpolation.runs: two architectures; tensors that differ in shape: "
        r"dense2.bias \[8\] and \[9\], dense2.weight \[8, 16\] and \[9, 16\], "
        r"output.weight \[10, 8\] and \[10, 9\]$"
    )
    with pytest.raises(AnalysisError, match=message):
        draw(runs=[str(first.path), str(other)])


def test_runs_that_allow_no_line_are_refused(nets: Path, draw: Callable[..., Finding]) -> None:
    first, second = of(nets, 10, "adam", 0.004)
    for folders, message in (
        ([str(first.path)] * 2, "the same run twice"),
        ([str(first.path), str(nets / "nowhere")], "there is no folder .*nowhere"),
        ([str(first.path), str(nets)], "no config.yaml"),
    ):
        with pytest.raises(AnalysisError, match=message):
            draw(runs=folders)
    RunDirectory(second.path).snapshot(4).unlink()
    with pytest.raises(AnalysisError, match=r"has no weights of its last epoch \(missing\)"):
        draw(runs=[str(first.path), str(second.path)])


def test_a_net_without_weights_is_left_out_with_a_note(
    nets: Path, draw: Callable[..., Finding]
) -> None:
    RunDirectory(of(nets, 100, "adam", 0.004)[0].path).snapshot(4).unlink()
    finding = draw()
    assert len(finding.notes) == 2
    assert all("no weights of its last epoch (missing)" in note for note in finding.notes)
    assert all(isinstance(note, Passing) for note in finding.notes)
    assert worded(finding)["pairs"].tolist() == ["1", "1", "2", "2"]


def test_fewer_than_two_runs_are_a_note(nets: Path) -> None:
    with style.applied():
        finding = phenomenon.analyse(of(nets, 10, "adam", 0.004)[:1], points=3)
    assert finding.drawings == []
    assert finding.claims == []
    assert finding.notes[0].startswith("A line needs two completed runs or more")
    assert "there are 1 run: 1 completed" in finding.notes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 1, "high": 1}, "low=1, high=1: the range of alpha is empty"),
        ({"low": 2.0, "high": -1}, "low=2.0, high=-1: the range of alpha is empty"),
        ({"low": "left"}, "low='left' is not a number"),
        ({"low": -2e6}, "low=-2000000.0 is not a number between -1,000,000 and 1,000,000"),
        ({"high": float("nan")}, "high=nan is not a number"),
        ({"points": 1}, "points=1 is not a whole number from 2 up"),
        ({"points": 2.5}, "points=2.5 is not a whole number from 2 up"),
        ({"samples": 0}, "samples=0 is not a whole number from 1 up or null"),
        ({"runs": "here"}, "runs='here' is not a list of the folders of two runs or null"),
        ({"runs": ["here"]}, r"runs=\['here'\] is not a list of the folders of two runs or null"),
    ],
)
def test_impossible_options_are_refused(nets: Path, options: dict, message: str) -> None:
    with pytest.raises(AnalysisError, match=f"options.hw1_3_interpolation.{message}"):
        analyze(nets, ["hw1_3_interpolation"], 25, {"hw1_3_interpolation": options})


def line(barrier: float, rise: float = 1.0) -> dict[str, np.ndarray]:
    """A training loss of 1 at both ends, ``1 + barrier`` half way; 1 above at α = -0.5, ``rise``
    above at 1.5; the error goes the same way."""
    at = np.array([-0.5, 0.0, 0.5, 1.0, 1.5])
    loss = np.array([2.0, 1.0, 1 + barrier, 1.0, 1 + rise])
    return {"alphas": at, "train/loss": loss, "train/accuracy": 1 - 0.1 * loss}


def test_barriers_and_rises_in_closed_form() -> None:
    assert claims.loss_barrier(line(3.0)) == 3
    assert claims.error_barrier(line(3.0)) == pytest.approx(30)
    assert claims.loss_barrier(line(-0.5)) == 0
    assert claims._excess_rise(line(0, rise=10.0), 0.5) == 9
    assert claims._excess_rise(line(0, rise=10.0), 0.25) == 4.5


def test_matching_may_leave_more_of_a_barrier(nets: Path) -> None:
    apart = comparisons(collect(nets).runs)[1]
    far = [line(2.0), line(2.1)]
    for after, verdict in (([0.5, 0.4], "supported"), ([3.0, 3.2], "not supported")):
        found = claims._shrinks(apart, far, [*map(line, after)], "")
        assert found.estimate == pytest.approx(
            100 * np.mean([1 - after[0] / 2, 1 - after[1] / 2.1])
        )
        assert found.verdict == f"inconclusive, leaning {verdict}"
