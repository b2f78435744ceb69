import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, binomtest
from studies import functions, study
from synthetic import config, function_run, image_run, worded, write

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.depth import simulate as hw1_1_simulate
from dl_experiments.analysis.phenomena.depth.simulate_claims import VARIES, judge, speeds
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.statistics import proportion

Analysed = Callable[..., Finding]


def drawn(finding: Finding) -> list[str]:
    return [drawing.name for drawing in finding.drawings]


def test_leads_and_what_reached_the_target(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, functions)
    finding = analysed(hw1_1_simulate.analyse)
    assert drawn(finding) == ["loss", "predictions", "convergence", "what-epochs-buy"]
    (lead,) = [claim for claim in finding.claims if claim.statement == "Deep is best on sign_sin"]
    assert (lead.n, lead.unit, lead.verdict) == (5, "decades", "supported")
    apart = re.findall(r"(?<=deep minus )(?:middle|shallow): −\d\.\d", lead.note)
    assert apart in (["middle: −1.0", "shallow: −2.1"], ["middle: −0.9", "shallow: −2.1"])
    asked = ["deep before shallow on sign_sin", "deep before middle on sign_sin"]
    assert [c.statement.partition(": ")[2] for c in finding.claims[:2]] == asked
    (times,) = [drawing.figure for drawing in finding.drawings if drawing.name == "convergence"]
    for axis in times.axes:
        (strip,) = axis.patches
        assert strip.get_x() == 2000
        assert axis.get_xlim()[1] == pytest.approx(strip.get_x() + strip.get_width())
        assert max(axis.get_xticks()) == 2000
    assert "5 of 5 not reached" in [text.get_text() for text in times.axes[-1].texts]
    numbers = worded(finding).set_index(["function", "model"])
    assert numbers.loc[("sign_sin", "deep"), "reached 0.001"] == "5 of 5"
    assert numbers.loc[("sign_sin", "shallow"), "reached 0.001"] == "0 of 5"
    assert numbers.loc[("sign_sin", "deep"), "parameters"] == "571"
    (words,) = {numbers.loc[("sign_sin", "shallow"), "median epochs to a loss of"]}
    assert words.endswith("0.001: > 2,000 (5 of 5 not reached)")


def one_falls_faster(path: Path, seed: int, deep: bool) -> None:
    epochs = np.arange(0, 101)
    for model, fast in (("deep", deep), ("shallow", not deep)):
        made = config("hw1_1_simulate", model, "sinc", seed)
        loss = np.exp(-(0.2 if fast else 0.05) * epochs)
        write(path, made, {"train/loss": loss}, epochs)


@pytest.mark.parametrize(
    ("deep", "shallow", "verdict"),
    [
        (3, 2, "supported"),
        (4, 1, "inconclusive"),
        (0, 5, "inconclusive"),
        (2, 1, "inconclusive"),
        (72, 0, "not supported"),
        (71, 0, "inconclusive"),
        (0, 72, "not supported"),
    ],
)
def test_the_order_varies_where_either_net_is_faster_in_some_share_of_all_seeds(
    tmp_path: Path, deep: int, shallow: int, verdict: str
) -> None:
    for seed in range(deep + shallow):
        one_falls_faster(tmp_path, seed, deep=seed < deep)
    runs = collect(tmp_path).runs
    models = {name: [run for run in runs if run.model == name] for name in ("deep", "shallow")}
    *_, order = judge({"sinc": models})
    assert order.statement.startswith("On sinc the order of the nets varies")
    assert (order.verdict, order.n) == (verdict, deep + shallow)
    assert order.estimate == deep / (deep + shallow)
    exact = binomtest(deep, deep + shallow).proportion_ci(0.95, "exact")
    assert (order.low, order.high) == (pytest.approx(exact.low), pytest.approx(exact.high))
    assert not deep or f"deep < shallow ({deep})" in order.note


def test_an_order_that_is_the_same_in_all_seeds_is_seldom_said_to_vary() -> None:
    """Under either edge of the region, what is counted errs in at most 1 seed set of 20."""
    for n in (3, 4, 5, 6, 8, 20):
        said = [
            count
            for count in range(n + 1)
            if VARIES.holds((e := proportion(count, n)).low or 0.0, e.high or 0.0)
        ]
        for share in (VARIES.above, VARIES.below):
            assert binom.pmf(said, n, share).sum() <= 0.025


def test_a_net_that_diverged_comes_last(tmp_path: Path, analysed: Analysed) -> None:
    epochs = np.arange(0, 101)
    for seed in range(5):
        falls = np.exp(-0.02 * (1 + 0.1 * seed) * epochs)
        shallow = config("hw1_1_simulate", "shallow", "sign_sin", seed)
        write(tmp_path, shallow, {"train/loss": falls}, epochs)
        deep = config("hw1_1_simulate", "deep", "sign_sin", seed)
        # the fastest at first, and gone after ten epochs
        up = np.append(np.exp(-0.5 * epochs[:10]), [1e30, np.nan])
        write(tmp_path, deep, {"train/loss": up}, epochs[:12], "diverged")
    faster, best = analysed(hw1_1_simulate.analyse).claims
    assert (faster.n, best.n) == (5, 5)
    assert faster.estimate is not None
    assert faster.estimate < 0
    assert [faster.verdict, best.verdict] == ["not supported", "not supported"]
    assert faster.note == "diverged and counted as last: 5"
    assert best.note.endswith("not supported (diverged and counted as last: 5)")


def test_speed_is_the_mean_over_levels(tmp_path: Path) -> None:
    made = config("hw1_1_simulate", "deep", "sinc", 0)
    epochs = np.arange(0, 101)
    write(tmp_path, made, {"train/loss": np.exp(-0.2 * epochs)}, epochs)
    made = config("hw1_1_simulate", "shallow", "sinc", 0)
    write(tmp_path, made, {"train/loss": np.exp(-0.02 * epochs)}, epochs)
    deep, shallow = speeds(collect(tmp_path).runs) or []
    # the slow twin: each level on its own, the slower net censored at epoch 100
    at_levels = []
    for level in (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001):
        fast = max(np.ceil(-np.log(level) / 0.2 - 1e-9), 1)
        slow = min(max(np.ceil(-np.log(level) / 0.02 - 1e-9), 1), 100)
        at_levels.append(np.log10(slow / fast))
    assert shallow - deep == pytest.approx(np.mean(at_levels), abs=1e-6)


def test_a_net_that_stays_on_its_plateau_is_not_fast(tmp_path: Path, analysed: Analysed) -> None:
    # shallow leaves 1.0 sooner, to stay at 0.9 for good; deep is slow to start and then learns
    epochs = np.unique(np.geomspace(1, 2000, 60).round()).astype(int)
    losses = {
        "shallow": 0.9 + 0.1 * np.exp(-epochs / 5),
        "deep": 1e-3 + 1 / (1 + (epochs / 200) ** 3),
    }
    for seed in range(5):
        for model, loss in losses.items():
            made = config("hw1_1_simulate", model, "sign_sin", seed)
            write(tmp_path, made, {"train/loss": loss}, epochs)
    claims = analysed(hw1_1_simulate.analyse).claims
    assert [claim.verdict for claim in claims] == ["supported", "supported"]


def test_a_seed_whose_net_died_counts_against_it(tmp_path: Path, analysed: Analysed) -> None:
    epochs = np.arange(0, 101)
    for seed in range(5):
        learned, died = 1 - 0.009 * epochs / (1 + seed), np.ones(101)
        for model, loss in (("deep", learned if seed else died), ("shallow", learned)):
            made = config("hw1_1_simulate", model, "sinc", seed)
            write(tmp_path, made, {"train/loss": loss}, epochs)
    speed = analysed(hw1_1_simulate.analyse).claims[0]
    assert speed.n == 5
    assert speed.estimate is not None
    assert speed.estimate < 0


def test_the_looser_target_counts_where_runs_were_stopped_there(
    tmp_path: Path, analysed: Analysed
) -> None:
    function_run(tmp_path, "deep", "sinc", 0, 0.01, 1e-3, **{"trainer.target_loss": 0.01})
    finding = analysed(hw1_1_simulate.analyse)
    assert worded(finding)["reached 0.01"].tolist() == ["1 of 1"]


def test_the_published_weight_decay_is_an_arm_that_says_so(
    tmp_path: Path, analysed: Analysed
) -> None:
    for decay in (0.0, 1e-4):
        keys = {"optimizer.weight_decay": decay, "optimizer._target_": "torch.optim.RMSprop"}
        function_run(tmp_path, "deep", "sinc", 0, 0.01, 1e-3, **keys)
    finding = analysed(hw1_1_simulate.analyse)
    arms = ["weight_decay 0", "weight_decay 0.0001 as published"]
    assert list(dict.fromkeys(worded(finding)["arm"])) == arms
    assert {claim.statement.rpartition(" (")[2] for claim in finding.claims} == {
        f"{arm})" for arm in arms
    }
    assert "leaves nets flat" in finding.about


def test_as_much_of_another_optimizer_is_not_the_published_weight_decay(
    tmp_path: Path, analysed: Analysed
) -> None:
    for decay in (0.0, 1e-4):
        function_run(tmp_path, "deep", "sinc", 0, 0.01, 1e-3, **{"optimizer.weight_decay": decay})
    finding = analysed(hw1_1_simulate.analyse)
    arms = ["weight_decay 0", "weight_decay 0.0001"]
    assert list(dict.fromkeys(worded(finding)["arm"])) == arms
    assert "leaves nets flat" not in finding.about


@pytest.mark.parametrize("last", [2000, 300])
def test_a_net_that_ended_before_the_others_has_a_mark_that_the_legend_explains(
    tmp_path: Path, analysed: Analysed, last: int
) -> None:
    function_run(tmp_path, "deep", "sinc", 0, 0.01, 1e-4)
    slow, epochs = config("hw1_1_simulate", "deep", "sinc", 1), np.array([0, 1, 300, last])
    falls = np.array([1.0, 0.9, 0.9, 0.9])
    write(tmp_path, slow, {"train/loss": falls[: 3 + (last > 300)]}, np.unique(epochs))
    (times,) = (d.figure for d in analysed(hw1_1_simulate.analyse).drawings if "conv" in d.name)
    marks = [
        line.get_xdata().tolist()
        for axis in times.axes
        for line in axis.lines
        if line.get_marker() == "|"
    ]
    assert ([300.0] in marks) == (last == 300)
    (legend,) = times.legends
    explained = [text.get_text() for text in legend.get_texts()]
    assert ("ended before the others, not there yet" in explained) == (last == 300)


def test_runs_without_a_result_are_counted_and_do_not_stop_the_rest(
    tmp_path: Path, analysed: Analysed
) -> None:
    function_run(tmp_path, "deep", "sinc", 0, 0.01, 1e-3)
    nothing = np.empty(0)
    write(tmp_path, config("hw1_1_simulate", "deep", "sinc", 1), {}, nothing, "failed", "no memory")
    write(tmp_path, config("hw1_1_simulate", "shallow", "sinc", 0), {}, nothing, "running")
    up = {"train/loss": np.array([1.0, 1e4, 1e30, np.nan])}
    made = config("hw1_1_simulate", "middle", "sinc", 0)
    write(tmp_path, made, up, np.array([0, 1, 2, 3]), "diverged")
    broken = function_run(tmp_path, "middle", "sinc", 1, 0.01, 1e-3)
    (broken.measures / "predictions.npz").write_bytes(b"PK nothing")
    image_run(tmp_path, "deep", "mnist", 0, study="hw1_1_simulate")
    finding = analysed(hw1_1_simulate.analyse)
    assert len(finding.drawings) == 4
    text = finding.drawings[0].figure.texts[1].get_text()
    assert "5 runs: 2 completed, 1 running, 1 diverged, 1 failed" in text.replace("\n", " · ")
    legend = [t.get_text() for t in finding.drawings[0].figure.legends[0].get_texts()]
    assert "1 failed (1 without metrics)" in legend
    assert "1 diverged" in legend
    assert any("Left out: 1 run: 1 completed, on images." in note for note in finding.notes)
    assert {claim.verdict for claim in finding.claims} == {"inconclusive"}


def test_a_study_of_which_nothing_completed_is_no_error(tmp_path: Path, analysed: Analysed) -> None:
    made = config("hw1_1_simulate", "deep", "sinc", 1)
    write(tmp_path, made, {}, np.empty(0), "failed", "no memory")
    finding = analysed(hw1_1_simulate.analyse)
    assert drawn(finding) == ["loss"]
    assert {claim.n for claim in finding.claims} == {0}


def test_a_study_on_other_data_only_is_no_error(tmp_path: Path, analysed: Analysed) -> None:
    image_run(tmp_path, "deep", "mnist", 0, study="hw1_1_simulate")
    finding = analysed(hw1_1_simulate.analyse)
    assert not finding.drawings
    assert finding.notes
