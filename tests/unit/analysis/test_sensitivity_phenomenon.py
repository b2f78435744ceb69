"""hw1_3_sensitivity and hw1_3_sharpness on runs whose effects are known."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from synthetic import config, write

from dl_experiments.analysis.claims import Claim, Region
from dl_experiments.analysis.collect import Run, collect
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.grid import Grid
from dl_experiments.analysis.phenomena import hw1_3_sensitivity, hw1_3_sharpness
from dl_experiments.analysis.phenomena._sensitivity import split
from dl_experiments.analysis.seedwise import association

Analysed = Callable[..., Finding]
STUDY = "hw1_3_sensitivity"
SIZES = (10, 100, 1000)
EPOCHS = np.arange(5)
SETTINGS = {"samples": 500, "radii": [0.1, 0.5], "draws": 5, "steps": 3, "starts": 2, "lanczos": 9}


def batch_run(
    outputs: Path,
    arm: str | None,
    size: int,
    seed: int,
    accuracy: Callable[[int], float] = lambda size: 0.97 - 0.02 * np.log10(size),
    power: float = -0.3,
    sharper: float = 0.5,
    measured: bool = True,
    **more: object,
) -> None:
    """Sensitivity goes as size^power, sharpness as size^sharper, in float64 and nearly exactly."""
    epochs = 20 if arm == "equal_epochs" else size
    made = config(STUDY, "one_hidden", "mnist", seed, **{"data.batch_size": size}, **more)
    made |= {"arm": arm, "experiment": STUDY}
    made["trainer"]["max_epochs"] = epochs
    shift = 0.001 * np.sin(seed + size)
    final = accuracy(size) + shift
    curves = {
        "train/loss": np.geomspace(2.3, 0.01 * size**0.2, 5),
        "test/loss": np.geomspace(2.3, 0.2, 5),
        "train/accuracy": np.linspace(0.1, 0.995, 5),
        "test/accuracy": np.linspace(0.1, final, 5),
    }
    files = write(outputs, made, curves, EPOCHS)
    if not measured:
        return
    scale = size**power * np.exp(0.02 * np.cos(seed + size))
    each = np.random.default_rng(seed).exponential(size=400) + 0.1
    each = each / each.mean() * scale
    evaluated = np.array([1, 10, 100, 400])
    files.write_measure(
        "sensitivity",
        {
            "loss_gradient": each.astype(np.float32),
            "jacobian": (10 * each).astype(np.float32),
            "softmax_jacobian": (each / 2).astype(np.float32),
            "batch_size": evaluated,
            "batch_mean_whole": np.sqrt(np.mean(each**2)) / np.sqrt(evaluated),
            "batch_mean_row": np.mean(each) / evaluated,
            "settings": np.array("{}"),
            "seconds": np.array(1.0),
        },
    )
    high = size**sharper * np.exp(0.02 * np.sin(3 * seed + size))
    files.write_measure(
        "sharpness",
        {
            "radius": np.array([0.1, 0.5]),
            "sampled": high * np.array([1e-5, 2e-5]),
            "ascended": high * np.array([0.01, 0.1]),
            "eigenvalue": np.array(5 * high),
            "eigenvalue_error": np.array(0.05 * high),
            "loss": np.array(0.01),
            "weight_norm": np.array(6.0 + seed),
            "settings": np.array(json.dumps(SETTINGS)),
            "seconds": np.array(1.0),
        },
    )


def write_all(outputs: Path, seeds: int = 5, **more: object) -> None:
    for arm in ("equal_epochs", "equal_steps"):
        for size in SIZES:
            for seed in range(seeds):
                batch_run(outputs, arm, size, seed, **more)


def starting(finding: Finding, start: str) -> list[Claim]:
    found = [claim for claim in finding.claims if claim.statement.startswith(start)]
    assert found
    return found


@pytest.mark.parametrize(("power", "verdict"), [(-0.3, "supported"), (0.2, "not supported")])
def test_the_slope_beyond_the_best_batch_size(
    tmp_path: Path, analysed: Analysed, power: float, verdict: str
) -> None:
    write_all(tmp_path, power=power)
    found = starting(analysed(hw1_3_sensitivity.analyse), "Sensitivity falls beyond")
    assert len(found) == 6  # two arms, three measures
    for one in found:
        assert "(10)" in one.statement
        assert one.verdict == verdict
        assert one.estimate == pytest.approx(power, abs=0.01)
        assert one.n == 5


def test_the_best_batch_size_may_lie_within_or_at_the_end(
    tmp_path: Path, analysed: Analysed
) -> None:
    def peak(size: int) -> float:
        return 0.95 if size == 100 else 0.9

    def growing(size: int) -> float:
        return 0.9 + 0.02 * np.log10(size)

    for size in SIZES:
        for seed in range(5):
            batch_run(tmp_path, "equal_epochs", size, seed, peak)
            batch_run(tmp_path, "equal_steps", size, seed, growing)
    finding = analysed(hw1_3_sensitivity.analyse)
    within, end = starting(finding, "Sensitivity falls beyond")[::3]
    assert "(100)" in within.statement
    assert within.verdict == "supported"
    assert (end.verdict, end.estimate) == ("inconclusive", None)
    assert end.note == "the best batch size (1,000) is the largest"
    flat, worse = starting(finding, "Small batches generalise better")
    assert flat.verdict == "inconclusive"
    assert worse.statement == "Small batches generalise better at equal steps"
    assert worse.verdict == "not supported"
    assert worse.estimate == pytest.approx(-4, abs=0.2)
    assert worse.effect == "final test accuracy, batch 10 less batch 1,000"
    assert worse.note == "training accuracy 99.50 % at batch 10, 99.50 % at batch 1,000"


def test_the_control_has_its_own_slopes(tmp_path: Path, analysed: Analysed) -> None:
    write_all(tmp_path)
    finding = analysed(hw1_3_sensitivity.analyse)
    whole, row = starting(finding, "Control: ")
    assert (whole.verdict, row.verdict) == ("supported", "supported")
    assert whole.estimate == pytest.approx(-0.5, abs=1e-6)
    assert row.estimate == pytest.approx(-1, abs=1e-6)
    assert [drawing.name for drawing in finding.drawings] == ["sensitivity", "artefact"]
    right = finding.drawings[1].figure.axes[1]
    # batch 1000 is beyond the probe of 400, so the naive curves end before it
    drawn = [np.unique(line.get_xdata()).tolist() for line in right.lines]
    assert drawn.count([10, 100, 1000]) == 2
    assert drawn.count([10, 100]) == 4


def test_an_arm_says_what_was_equal(tmp_path: Path, analysed: Analysed) -> None:
    write_all(tmp_path, seeds=2)
    finding = analysed(hw1_3_sensitivity.analyse)
    titles = [axis.get_title() for axis in finding.drawings[0].figure.axes[:2]]
    assert titles == ["equal epochs: 4 epochs", "equal steps: 8 updates"]
    table = finding.numbers
    assert table["given"].tolist() == ["equal epochs"] * 3 + ["equal steps"] * 3
    assert table["batch size"].tolist() == ["10", "100", "1,000"] * 2
    assert set(table["seeds"]) == {"n = 2"}
    assert "400 test images" in finding.drawings[0].caption


def test_accuracies_are_those_of_the_measured_weights(tmp_path: Path) -> None:
    batch_run(tmp_path, "equal_epochs", 10, 0)
    (arm,) = split(Grid(collect(tmp_path).runs), lambda run: {})
    (run,) = arm.runs
    assert arm.at(10, "test/accuracy") == {0: run.rows[-1]["test/accuracy"]}
    assert arm.at(10, "gap") == {0: pytest.approx(0.995 - run.rows[-1]["test/accuracy"])}
    run.config["data"]["batch_size"] = "full"
    assert type(run)(**{f: getattr(run, f) for f in run.__dataclass_fields__}).batch_size == 10_000


def test_runs_that_were_not_measured_or_did_not_end_are_told_of(
    tmp_path: Path, analysed: Analysed
) -> None:
    write_all(tmp_path, seeds=2)
    batch_run(tmp_path, "equal_epochs", 10, 7, measured=False)
    made = config(STUDY, "one_hidden", "mnist", 8, **{"data.batch_size": 10})
    write(
        tmp_path, made | {"arm": "equal_epochs"}, {"train/loss": np.ones(2)}, np.arange(2), "failed"
    )
    for analyse, word in (
        (hw1_3_sensitivity.analyse, "Without sensitivity: "),
        (hw1_3_sharpness.analyse, "Without sharpness: "),
    ):
        finding = analysed(analyse)
        (note,) = [note for note in finding.notes if note.startswith(word)]
        assert "-s7-" in note
        assert "n = 3 + 1 failed" in finding.numbers["seeds"].tolist()[0]


def test_other_configs_of_the_study_have_figures_of_their_own(
    tmp_path: Path, analysed: Analysed
) -> None:
    write_all(tmp_path, seeds=2)
    write_all(tmp_path, seeds=2, **{"optimizer.lr": 0.01})
    finding = analysed(hw1_3_sensitivity.analyse)
    names = [drawing.name for drawing in finding.drawings]
    assert names == ["sensitivity-1", "artefact-1", "sensitivity-2", "artefact-2"]
    assert len([claim for claim in finding.claims if "(lr 0.01)" in claim.statement]) == 10
    assert len(analysed(hw1_3_sharpness.analyse).drawings) == 4


@pytest.mark.parametrize(
    ("sharper", "sign", "larger", "worse"),
    [
        (0.5, 1, "supported", "supported"),
        (-0.5, -1, "not supported", "not supported"),
    ],
)
def test_sharpness_against_batch_size_and_accuracy(
    tmp_path: Path, analysed: Analysed, sharper: float, sign: int, larger: str, worse: str
) -> None:
    """Test accuracy falls with the batch size, so sharpness that grows with it goes with worse."""
    write_all(tmp_path, sharper=sharper)
    finding = analysed(hw1_3_sharpness.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["sharpness", "generalisation"]
    for one in starting(finding, "Large batches are sharper"):
        assert one.verdict == larger
        assert one.estimate == pytest.approx(2 * sharper, abs=0.05)
        assert one.effect == "log10 of the ratio, batch 1,000 over batch 10"
        assert one.note.startswith("training loss ")
    judged = starting(finding, "Sharper nets generalise worse")
    assert len(judged) == 8  # two arms, two measures, two outcomes
    for one in judged:
        falls = "test accuracy falls" in one.statement
        assert one.verdict == worse
        assert one.estimate == pytest.approx(-sign if falls else sign)
    assert "at most 1 % of it" in finding.about


def test_correlations_within_seeds_need_three_batch_sizes(tmp_path: Path) -> None:
    def correlation(eigenvalue: Callable[[Run], float]) -> float | None:
        runs = Grid(collect(tmp_path).runs)
        (arm,) = split(runs, lambda run: {"eigenvalue": eigenvalue(run)})
        x, y = arm.quantity("eigenvalue"), arm.quantity("test/accuracy")
        return association("s", x, y, Region(below=0.0), arm.groups).estimate

    for size in (10, 100):
        batch_run(tmp_path, "equal_epochs", size, 0)
    assert correlation(lambda run: 1.0 + run.batch_size) is None
    batch_run(tmp_path, "equal_epochs", 1000, 0)
    assert correlation(lambda run: 1.0 + run.batch_size) == -1.0
    assert correlation(lambda run: 1.0) is None


def test_a_study_without_sharpness_says_so(tmp_path: Path, analysed: Analysed) -> None:
    batch_run(tmp_path, "equal_epochs", 10, 0, measured=False)
    finding = analysed(hw1_3_sharpness.analyse)
    assert finding.drawings == []
    assert finding.notes == ["Sharpness has not been measured."]
    bare = analysed(hw1_3_sensitivity.analyse)
    assert [drawing.name for drawing in bare.drawings] == ["sensitivity"]
