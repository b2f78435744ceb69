"""hw1_3_sensitivity and hw1_3_sharpness on runs whose effects are known."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from studies import Seed, batches, study
from synthetic import config, worded, write

from dl_experiments.analysis.claims.claim import Claim, Region, claim
from dl_experiments.analysis.claims.seedwise import association
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.batch_sizes import sensitivity as hw1_3_sensitivity
from dl_experiments.analysis.phenomena.batch_sizes import sharpness as hw1_3_sharpness
from dl_experiments.analysis.phenomena.batch_sizes.arms import Arm, configs, split
from dl_experiments.analysis.runs.collect import Run, collect
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.significance import Student
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.artifacts import RunDirectory

Analysed = Callable[..., Finding]
STUDY = "hw1_3_sensitivity"


def both_arms(outputs: Path, seeds: int) -> None:
    for arm in ("equal_epochs", "equal_steps"):
        study(outputs, partial(batches, arm=arm), seeds)


def unmeasured(run: Run, name: str) -> None:
    (RunDirectory(run.path).measures / f"{name}.npz").unlink()


def starting(finding: Finding, start: str) -> list[Claim]:
    found = [claim for claim in finding.claims if claim.statement.startswith(start)]
    assert found
    return found


def test_the_slope_beyond_the_best_batch_size(tmp_path: Path, analysed: Analysed) -> None:
    both_arms(tmp_path, 2)
    found = starting(analysed(hw1_3_sensitivity.analyse), "Sensitivity falls beyond")
    assert len(found) == 2  # arms
    assert all("(10)" in one.statement for one in found)
    assert [one.estimate for one in found] == pytest.approx([-0.3] * 2, abs=0.01)


def test_the_best_batch_size_may_lie_within_or_at_the_end(
    tmp_path: Path, analysed: Analysed
) -> None:
    study(tmp_path, partial(batches, accuracies=(0.9, 0.95, 0.9)))
    study(tmp_path, partial(batches, accuracies=(0.96, 0.94, 0.92), arm="equal_steps"))
    finding = analysed(hw1_3_sensitivity.analyse)
    within, end = starting(finding, "Sensitivity falls beyond")
    assert "(100)" in within.statement
    assert within.verdict == "supported"
    assert (end.verdict, end.estimate) == ("inconclusive", None)
    assert end.note == "the best batch size (1,000) is the largest"
    flat, worse = starting(finding, "Small batches generalise better")
    assert flat.estimate == 0
    assert worse.statement == "Small batches generalise better at equal steps"
    assert worse.verdict == "not supported"  # the epochs follow from the batch size by design
    assert worse.estimate == pytest.approx(-4, abs=0.2)
    assert worse.effect == "final test accuracy, batch 10 less batch 1,000"
    assert worse.note == "training accuracy 99.50 % at batch 10, 99.50 % at batch 1,000"


def test_the_control_has_its_own_slopes(tmp_path: Path, analysed: Analysed) -> None:
    both_arms(tmp_path, 5)
    finding = analysed(hw1_3_sensitivity.analyse)
    whole, row = starting(finding, "Control: ")
    assert (whole.verdict, row.verdict) == ("supported", "supported")
    assert whole.estimate == pytest.approx(-0.5, abs=1e-6)
    assert row.estimate == pytest.approx(-1, abs=1e-6)
    assert [drawing.name for drawing in finding.drawings] == ["sensitivity", "artefact"]
    left, right = finding.drawings[1].figure.axes
    assert len([line for line in left.lines if line.get_linestyle() == "-"]) == 2 * 3
    # batch 1000 is beyond the probe of 400, so the naive curves end before it
    means = [line.get_xdata()[0] for line in right.lines if line.get_markersize() == 6.5]
    assert sorted(means) == [*3 * [10], *3 * [100], 1000]


def test_an_arm_says_what_was_equal(tmp_path: Path, analysed: Analysed) -> None:
    both_arms(tmp_path, 2)
    finding = analysed(hw1_3_sensitivity.analyse)
    titles = [axis.get_title() for axis in finding.drawings[0].figure.axes[:2]]
    rate = "\nlearning rate 0.001"
    assert titles == [f"equal epochs: 20 epochs{rate}", f"equal steps: 40 updates{rate}"]
    table = worded(finding)
    assert table["given"].tolist() == ["equal epochs"] * 3 + ["equal steps"] * 3
    assert table["batch size"].tolist() == ["10", "100", "1,000"] * 2
    assert set(table["seeds"]) == {"n = 2"}
    assert "9 test images, the same for all runs of a data seed:" in finding.drawings[0].caption


def test_accuracies_are_those_of_the_measured_weights(tmp_path: Path) -> None:
    study(tmp_path, batches, 1)
    (arm,) = split(Grid(collect(tmp_path).runs), lambda run: {})
    run = arm.runs[0]
    ends = run.rows[-1]
    assert arm.at(10, "test/accuracy") == {0: ends["test/accuracy"]}
    assert arm.at(10, "gap") == {0: ends["train/accuracy"] - ends["test/accuracy"]}
    run.config["data"]["batch_size"] = "full"
    assert type(run)(**{f: getattr(run, f) for f in run.__dataclass_fields__}).batch_size == 10_000


def test_runs_that_were_not_measured_or_did_not_end_are_told_of(
    tmp_path: Path, analysed: Analysed
) -> None:
    study(tmp_path, batches, 3)
    made = config(STUDY, "one_hidden", "mnist", 8, **{"data.batch_size": 10})
    write(
        tmp_path, made | {"arm": "equal_epochs"}, {"train/loss": np.ones(2)}, np.arange(2), "failed"
    )
    bare = next(run for run in collect(tmp_path).runs if (run.batch_size, run.seed) == (10, 2))
    for analyse, name in (
        (hw1_3_sensitivity.analyse, "sensitivity"),
        (hw1_3_sharpness.analyse, "sharpness"),
    ):
        unmeasured(bare, name)
        finding = analysed(analyse)
        (note,) = [note for note in finding.notes if note.startswith(f"Without {name}: ")]
        assert "-s2-" in note
        assert "n = 3 + 1 failed" in worded(finding)["seeds"].tolist()[0]


def test_sharpness_against_batch_size_and_accuracy(tmp_path: Path, analysed: Analysed) -> None:
    """Test accuracy falls with the batch size, so sharpness that grows with it goes with worse."""
    both_arms(tmp_path, 2)
    finding = analysed(hw1_3_sharpness.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["sharpness", "generalisation"]
    for one in starting(finding, "Large batches are sharper"):
        assert one.estimate == pytest.approx(2 * 0.5, abs=0.05)
        assert one.effect == "log10 of the ratio, batch 1,000 over batch 10"
        assert one.note.startswith("training loss ")
    judged = starting(finding, "Sharper nets generalise worse")
    assert [one.estimate for one in judged] == [-1] * 4  # two arms, two measures
    assert "at most 1 % of it" in finding.about


def test_nets_that_react_less_may_generalise_better(tmp_path: Path, analysed: Analysed) -> None:
    """Test accuracy falls with the batch size, and sensitivity falls with it or grows."""
    study(tmp_path, partial(batches, power=0.3))
    study(tmp_path, partial(batches, arm="equal_steps"))
    less, more = starting(analysed(hw1_3_sensitivity.analyse), "Nets that react less")
    assert (less.estimate, less.verdict) == (-1, "supported")
    assert (more.estimate, more.verdict) == (1, "not supported")


@pytest.mark.parametrize(("fitted", "fit"), [(0.045, True), (-0.045, True), (0.055, False)])
def test_nets_of_unequal_loss_are_not_compared(
    tmp_path: Path, analysed: Analysed, fitted: float, fit: bool
) -> None:
    """Between batches of 10 and 1000 losses are 10^(2 fitted) apart: 1.23, and 1.29."""
    study(tmp_path, partial(batches, fitted=fitted))
    for analyse, claims in ((hw1_3_sensitivity.analyse, 3), (hw1_3_sharpness.analyse, 5)):
        judged = [claim for claim in analysed(analyse).claims if claim.kind == "finding"]
        assert [claim.unfit for claim in judged] == ([False] * claims if fit else [True])
        why = r"^training losses are more than a factor of 1.25 apart: .* at batch 10 and .*1,000"
        assert fit or re.match(why, judged[0].note)


def test_runs_that_never_got_to_the_loss_are_counted_apart(
    tmp_path: Path, analysed: Analysed
) -> None:
    study(tmp_path, partial(batches, arm="equal_loss", fitted=0.04, goal=0.0128))
    late = "5 runs of batch 1,000 ended above a training loss of 0.0128"
    for analyse in (hw1_3_sensitivity.analyse, hw1_3_sharpness.analyse):
        finding = analysed(analyse)
        assert f"Not compared at equal loss: {late}." in finding.notes
        assert worded(finding)["batch size"].tolist() == ["10", "100"]
        judged = [claim for claim in finding.claims if claim.kind == "finding" and claim.n]
        assert len(judged) >= 2
        assert all(late in claim.note for claim in judged)
        given = "equal loss, batch 10 to batch 100, without batch 1,000"
        assert all(given in claim.statement for claim in judged if claim.kind == "finding")
        assert {run.batch_size for claim in judged for run in claim.runs} == {10, 100}


def test_where_some_of_a_batch_size_never_got_there_claims_only_lean(
    tmp_path: Path, analysed: Analysed
) -> None:
    """Of ten seeds two of one batch size are late: of an end, or of one between them."""
    for seed in range(10):
        batches(Seed(tmp_path, seed), arm="equal_loss", goal=0.02)
    kept, leaning = {"supported"}, {"inconclusive, leaning supported"}
    against = {"inconclusive, leaning not supported"}
    for late, ends in ((100, kept), (10, leaning)):
        for run in collect(tmp_path).runs:
            if run.seed < 2 and run.batch_size == late:
                rows = pd.read_csv(run.path / "metrics.csv")
                rows.loc[len(rows) - 1, "train/loss"] = 0.021
                rows.to_csv(run.path / "metrics.csv", index=False)
        for analyse, claims in (
            (
                hw1_3_sensitivity.analyse,
                {"Small batches": ends, "Sensitivity falls": leaning, "Nets that react": against},
            ),
            (hw1_3_sharpness.analyse, {"Large batches": ends, "Sharper nets": leaning}),
        ):
            finding = analysed(analyse)
            for start, verdicts in claims.items():
                found = starting(finding, start)
                assert {claim.verdict for claim in found} == verdicts
                assert all(f"2 runs of batch {late} ended above" in c.note for c in found)


def test_more_seeds_do_not_free_a_claim_from_late_runs(tmp_path: Path) -> None:
    batches(Seed(tmp_path, 0), arm="equal_loss", goal=0.02)
    runs = collect(tmp_path).runs
    test = Student.over(1.0, 1.0, 5)
    asked = claim("", "", Region(above=0.0), Estimate(1.0, -1.8, 3.8, 5, test=test), runs=runs)
    held = Arm("equal_loss", "equal loss", {}, {}, runs).held(asked)
    assert asked.seeds is not None
    assert (held.seeds, held.far) == (None, False)


def test_measures_of_runs_that_never_got_there_are_told_of_no_others(
    tmp_path: Path, analysed: Analysed
) -> None:
    study(tmp_path, partial(batches, arm="equal_loss", fitted=0.04, goal=0.0128), 2)
    for run in collect(tmp_path).runs:
        if run.batch_size < 1000:
            unmeasured(run, "sharpness")
    finding = analysed(hw1_3_sharpness.analyse)
    assert finding.drawings == []
    assert "Sharpness has not been measured of what is compared." in finding.notes


def test_settings_apart_are_configs_apart_whatever_goes_along_with_them(
    tmp_path: Path, analysed: Analysed
) -> None:
    """Runs of one data seed, of more images and for longer, beside those that draw their images."""
    for arm in ("equal_epochs", "equal_steps"):
        for n in range(5):
            keys = {"data.samples": 2000, "data.seed": n}
            batches(Seed(tmp_path, n, keys=keys), arm=arm)
        study(tmp_path, partial(batches, arm=arm, longer=3), 3, keys={"data.samples": 3000})
    found = configs(collect(tmp_path).runs)
    assert {name: len(runs) for name, runs in found.items()} == {
        "2,000 samples": 2 * 3 * 5,
        "3,000 samples": 2 * 3 * 3,
    }
    finding = analysed(hw1_3_sharpness.analyse)
    assert finding.notes == []
    assert {(claim.n, claim.verdict) for claim in finding.claims} == {
        (5, "supported"),
        (3, "inconclusive, leaning supported"),
    }


def test_what_differs_along_in_one_arm_leaves_the_claims_of_another(
    tmp_path: Path, analysed: Analysed
) -> None:
    study(tmp_path, batches, along="model.dropout")
    study(tmp_path, partial(batches, arm="equal_steps"))
    for analyse in (hw1_3_sensitivity.analyse, hw1_3_sharpness.analyse):
        finding = analysed(analyse)
        (note,) = [note for note in finding.notes if note.startswith("Differing along with")]
        assert note == "Differing along with data.batch_size, not told apart: model.dropout."
        judged = [claim for claim in finding.claims if claim.kind == "finding"]
        found = {("equal epochs" in claim.statement, claim.unfit) for claim in judged}
        assert found == {(True, True), (False, False)}


def test_batch_sizes_are_named_in_notes(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, batches)
    batches(Seed(tmp_path, 5, diverged=True))
    (falls,) = starting(analysed(hw1_3_sensitivity.analyse), "Sensitivity falls beyond")
    assert "1 of 6 seeds of 1,000 diverged" in falls.note


def test_the_table_tells_when_seeds_stopped_at_several_epochs(
    tmp_path: Path, analysed: Analysed
) -> None:
    for seed, last in enumerate((20, 35, 30)):
        keys = {"data.batch_size": 10, "arm": "equal_loss", "trainer.target_loss": 0.1}
        made = config(STUDY, "one_hidden", "mnist", seed, **keys)
        write(tmp_path, made, {"train/loss": np.array([2.3, 0.09])}, np.array([0, last]))
    table = worded(analysed(hw1_3_sensitivity.analyse))
    assert table[["epochs", "updates"]].to_numpy().tolist() == [["20 to 35", "40 to 70"]]


def test_without_any_that_got_there_nothing_is_drawn(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, partial(batches, arm="equal_loss", goal=0.001), 1)
    for analyse in (hw1_3_sensitivity.analyse, hw1_3_sharpness.analyse):
        finding = analysed(analyse)
        assert (finding.drawings, finding.claims) == ([], [])
        assert any("ended above a training loss of 0.001" in note for note in finding.notes)


def test_a_rate_that_is_scaled_is_an_arm_of_the_same_figure(
    tmp_path: Path, analysed: Analysed
) -> None:
    study(tmp_path, batches)
    study(tmp_path, partial(batches, arm="scaled_rate", rate=0.5, goal=0.02))
    finding = analysed(hw1_3_sharpness.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["sharpness", "generalisation"]
    first, second = (axis.get_title() for axis in finding.drawings[0].figure.axes[:2])
    assert first == "equal epochs: 20 epochs\nlearning rate 0.001"
    assert second == "equal loss, scaled rate: 0.02\nrate ∝ √B, 0.0032 to 0.032"
    assert {claim.verdict for claim in finding.claims} == {"supported"}
    study(tmp_path, batches, 1, keys={"optimizer.lr": 0.01})
    labels = [*configs(collect(tmp_path).runs)]
    assert labels == ["lr 0.001", "lr 0.01", "equal loss, scaled rate"]


def test_correlations_within_seeds_need_three_batch_sizes(tmp_path: Path) -> None:
    study(tmp_path, batches, 1)

    def correlation(sizes: int, eigenvalue: Callable[[Run], float]) -> float | None:
        runs = [run for run in collect(tmp_path).runs if run.batch_size <= sizes]
        (arm,) = split(Grid(runs), lambda run: {"eigenvalue": eigenvalue(run)})
        x, y = arm.quantity("eigenvalue"), arm.quantity("test/accuracy")
        return association("s", x, y, Region(below=0.0), arm.groups).estimate

    assert correlation(100, lambda run: 1.0 + run.batch_size) is None
    assert correlation(1000, lambda run: 1.0 + run.batch_size) == -1.0
    assert correlation(1000, lambda run: 1.0) is None


def test_a_study_without_sharpness_says_so(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, batches, 1)
    for run in collect(tmp_path).runs:
        unmeasured(run, "sharpness")
        unmeasured(run, "sensitivity")
    finding = analysed(hw1_3_sharpness.analyse)
    assert finding.drawings == []
    assert finding.notes == ["Sharpness has not been measured."]
    bare = analysed(hw1_3_sensitivity.analyse)
    assert [drawing.name for drawing in bare.drawings] == ["sensitivity"]
