from collections.abc import Callable
from pathlib import Path

import matplotlib.collections
import numpy as np
import pytest
from studies import gradient_norms, study
from synthetic import config, worded, write

from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.gradient_norm import analysis as hw1_2_gradient_norm
from dl_experiments.analysis.phenomena.gradient_norm.claims import last_share
from dl_experiments.analysis.phenomena.gradient_norm.series import (
    WINDOW,
    Series,
    minibatch,
    recorded,
)
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.artifacts import RunDirectory

Analysed = Callable[..., Finding]
STUDY = "hw1_2_gradient_norm"
EPOCHS = np.arange(0, 1001, 5)
UPDATES = np.arange(0, 2000)  # two an epoch, as ``write`` counts
FIGURES = ["norm-under-loss", "norm-against-loss", "norm-by-layer"]


def falling(epochs: np.ndarray) -> np.ndarray:
    """A loss that is flat at its end, four decades down."""
    return 1e-4 + np.exp(-epochs / 60.0)


def gradient_run(
    outputs: Path,
    data: str,
    seed: int,
    power: float = 0.1,
    noise: float = 0.1,
    spiky: int = 0,
    loss: Callable[[np.ndarray], np.ndarray] = falling,
    epochs: np.ndarray = EPOCHS,
) -> RunDirectory:
    """Both norms go as the loss to a power, times noise of so many decades; some updates spike."""
    draw = np.random.default_rng(seed)
    norm = loss(epochs) ** power * 10 ** draw.normal(0, noise, len(epochs))
    curves = {"train/loss": loss(epochs), "test/loss": loss(epochs), "gradient/norm": norm}
    curves |= {"gradient/norm/dense1": norm * 0.6, "gradient/norm/output": norm * 0.8}
    if data == "mnist":
        curves["train/accuracy"] = 1 - np.exp(-epochs / 60.0)
    directory = write(outputs, config(STUDY, "gradient_norm", data, seed), curves, epochs)
    steps = np.arange(2 * epochs[-1])
    norms = 2 * loss(steps / 2) ** power * 10 ** draw.normal(0, noise, len(steps))
    norms[np.linspace(150, len(steps) - 150, spiky).astype(int)] *= 1000
    directory.write_measure("gradient_norms", {"step": steps, "norm": norms.astype(np.float32)})
    return directory


def only(finding: Finding, start: str) -> Claim:
    (found,) = [claim for claim in finding.claims if claim.statement.startswith(start)]
    return found


@pytest.mark.parametrize(
    ("power", "verdict"), [(0.1, "supported"), (0.9, "not supported"), (0.5, "inconclusive")]
)
def test_the_norm_is_measured_against_the_root_of_the_loss(
    tmp_path: Path, analysed: Analysed, power: float, verdict: str
) -> None:
    for seed in range(5):
        gradient_run(tmp_path, "sinc", seed, power)
    finding = analysed(hw1_2_gradient_norm.analyse)
    early, end = (
        np.median(falling(np.arange(100, 201, 5))),
        np.median(falling(np.arange(900, 1001))),
    )
    found = only(finding, "The gradient norm does not vanish")
    assert found.verdict == verdict
    assert found.estimate == pytest.approx((power - 0.5) * np.log10(end / early), abs=0.1)
    assert (found.n, found.unit) == (5, "decades")


def test_of_both_norms_the_one_with_less_of_it_is_judged(
    tmp_path: Path, analysed: Analysed
) -> None:
    """The full data's norm falls as fast as the loss; the noise of mini-batches stays up."""
    for seed in range(5):
        files = gradient_run(tmp_path, "sinc", seed, power=0.9)
        noise = 10 ** np.random.default_rng(seed).normal(0, 0.1, len(UPDATES))
        files.write_measure("gradient_norms", {"step": UPDATES, "norm": noise})
    found = only(analysed(hw1_2_gradient_norm.analyse), "The gradient norm does not vanish")
    assert found.verdict == "not supported"
    assert found.effect.endswith("(the number: full-data norms)")
    assert found.note.startswith("full-data norms: −1.")
    assert "; mini-batch norms: 1." in found.note


def test_a_norm_that_vanishes_where_the_loss_stays_refutes_the_claim(
    tmp_path: Path, analysed: Analysed
) -> None:
    """A bowl whose bottom lies at loss 1: the norm is the root of what is above it."""
    for seed in range(5):
        made = config(STUDY, "gradient_norm", "sign_sin", seed)
        above = (1 + 0.1 * seed) * np.exp(-EPOCHS / 80)
        curves = {"train/loss": 1 + above, "gradient/norm": np.sqrt(above)}
        write(tmp_path, made, curves, EPOCHS)
    finding = analysed(hw1_2_gradient_norm.analyse)
    found = only(finding, "The gradient norm does not vanish")
    assert found.verdict == "not supported"
    assert found.note.startswith("full-data norms: −2.")
    assert "mini-batch" not in found.note
    assert found.estimate == pytest.approx(-800 / 160 * np.log10(np.e), abs=0.05)
    missing = only(finding, "Gradient norms spike")
    assert (missing.verdict, missing.note) == ("inconclusive", "no mini-batch norm was recorded")
    assert any(note.startswith("Without mini-batch norms: ") for note in finding.notes)


def test_oscillation_is_compared_with_that_on_sinc(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, gradient_norms, 2)
    found = only(analysed(hw1_2_gradient_norm.analyse), "The gradient norm oscillates more")
    assert found.estimate == pytest.approx(0.5 - 0.15, abs=0.1)


def test_the_data_set_on_which_a_seed_spikes_most_counts(
    tmp_path: Path, analysed: Analysed
) -> None:
    for seed in range(5):
        gradient_run(tmp_path, "sinc", seed, spiky=3 + seed % 2)
        gradient_run(tmp_path, "sign_sin", seed)
    finding = analysed(hw1_2_gradient_norm.analyse)
    found = only(finding, "Gradient norms spike on sinc or sign_sin")
    slow = [
        np.log10(max(minibatch(run).over_running_median()))
        for run in collect(tmp_path).runs
        if run.get("data.name") == "sinc"
    ]
    assert (found.verdict, found.n) == ("supported", 5)
    assert found.estimate == pytest.approx(10 ** np.mean(slow))
    assert worded(finding)["updates that spike"].tolist() == ["17 of 10,000", "0 of 10,000"]


def test_the_surer_norm_does_not_hide_that_the_other_is_open(
    tmp_path: Path, analysed: Analysed
) -> None:
    """That of mini-batches has less of the effect, but in every seed the same."""
    for seed in range(5):
        files = gradient_run(tmp_path, "sinc", seed, power=0.5 - 0.3 * (seed % 2) + 0.1, noise=0.01)
        steady = 10 ** np.random.default_rng(seed).normal(0, 0.01, len(UPDATES))
        steps = {"step": UPDATES, "norm": falling(UPDATES / 2) ** 0.49 * steady}
        files.write_measure("gradient_norms", steps)
    found = only(analysed(hw1_2_gradient_norm.analyse), "The gradient norm does not vanish")
    assert found.verdict == "inconclusive"
    assert found.note.startswith("full-data norms: 0.059")
    assert "inconclusive; mini-batch norms: 0.02" in found.note
    assert found.note.endswith("], supported")


def test_seeds_that_lack_a_data_set_are_told(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(6):
        gradient_run(tmp_path, "sinc", seed, spiky=3)
        if seed:
            gradient_run(tmp_path, "sign_sin", seed)
    found = only(analysed(hw1_2_gradient_norm.analyse), "Gradient norms spike on sinc or sign_sin")
    assert (found.n, found.note) == (5, "1 of 6 seeds lack a value somewhere and are not in it")


def test_norms_without_a_spike_refute_it(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        gradient_run(tmp_path, "sinc", seed, noise=0.25)
    found = only(analysed(hw1_2_gradient_norm.analyse), "Gradient norms spike on sinc")
    assert found.verdict == "not supported"
    assert 3 < (found.estimate or 0) < 10


def test_a_stretch_is_a_part_of_a_decade() -> None:
    steps = np.array([0.0, 1, 2, 3, 100, 101, 102, 140, 9999])
    values = np.array([5.0, 3, 7, 8, 4, 6, 1, 9, 2])
    together = [[0, 1], [2], [3], [4, 5, 6], [7], [8]]  # 10^(1/8) is 1.33
    series = Series(steps, values)
    assert [at.tolist() for at in series.stretches] == together
    binned = series.binned()
    assert binned.values.tolist() == [np.median(values[at]) for at in together]
    means = [np.prod(np.maximum(steps[at], 1)) ** (1 / len(at)) for at in together]
    assert binned.steps == pytest.approx(means)
    assert not len(Series(steps[:0], values[:0]).binned().steps)


def test_the_running_median_is_that_of_the_window_around() -> None:
    values = np.random.default_rng(0).lognormal(size=300)
    half = WINDOW // 2
    padded = np.concatenate([[values[0]] * half, values, [values[-1]] * half])
    slow = [value / np.median(padded[i : i + WINDOW]) for i, value in enumerate(values)]
    assert Series(np.arange(300.0), values).over_running_median() == pytest.approx(slow)


def test_numbers_without_a_logarithm_are_left_out(tmp_path: Path) -> None:
    made = config(STUDY, "gradient_norm", "sinc", 0)
    curves = {"gradient/norm": np.array([3.0, 0.0, 2.0, np.nan])}
    files = write(tmp_path, made, curves, np.arange(4))
    files.write_measure("gradient_norms", {"step": np.arange(3), "norm": np.array([1, np.inf, 0])})
    (run,) = collect(tmp_path).runs
    assert recorded(run, "gradient/norm").steps.tolist() == [0, 4]
    assert minibatch(run).values.tolist() == [1]


def test_a_steady_fall_has_a_tenth_in_each_tenth() -> None:
    steps = np.arange(1001.0)
    # between the middles of two tenths, of the fall from the first value to the last middle
    assert last_share(Series(steps, 2 - steps / 1000)) == pytest.approx(0.1 / 0.95)
    assert last_share(Series(steps, np.ones(1001))) is None


def steady(epochs: np.ndarray) -> np.ndarray:
    return 2.0 - epochs / 1000


@pytest.mark.parametrize(
    ("loss", "epochs", "why"),
    [
        (steady, EPOCHS, "the loss still falls: by 10"),
        (np.ones_like, EPOCHS, "the loss did not fall, or was logged too seldom, in 5 of 5 runs"),
        (falling, np.array([0, 1000]), "the loss did not fall, or was logged too seldom, in 5 of"),
    ],
)
def test_runs_that_cannot_show_it_do_not(
    tmp_path: Path, analysed: Analysed, loss: Callable, epochs: np.ndarray, why: str
) -> None:
    for seed in range(5):
        gradient_run(tmp_path, "sinc", seed, loss=lambda at: loss(at.astype(float)), epochs=epochs)
    found = only(analysed(hw1_2_gradient_norm.analyse), "The gradient norm does not vanish")
    assert found.verdict == "inconclusive"
    assert found.note.startswith(why)


def test_too_few_values_say_nothing_of_spread_and_spikes(
    tmp_path: Path, analysed: Analysed
) -> None:
    for seed in range(5):
        for data in ("sinc", "sign_sinc"):
            gradient_run(tmp_path, data, seed, epochs=np.arange(31))
    finding = analysed(hw1_2_gradient_norm.analyse)
    note = only(finding, "The gradient norm oscillates").note
    assert note == "fewer than 10 values in the last tenth"
    note = only(finding, "Gradient norms spike").note
    assert note.startswith("only 60 updates; the running median takes 101")
    assert {claim.verdict for claim in finding.claims} == {"inconclusive"}


def test_functions_and_images_have_figures_of_their_own(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(3):
        for data in ("sign_sin", "sinc", "mnist"):
            gradient_run(tmp_path, data, seed)
    finding = analysed(hw1_2_gradient_norm.analyse)
    kinds = ("functions", "images")
    assert [d.name for d in finding.drawings] == [f"{f}-{kind}" for kind in kinds for f in FIGURES]
    under, against = (drawing.figure for drawing in finding.drawings[:2])
    titles = [axis.get_title().split(":")[0] for axis in under.axes]
    assert [title for title in titles if title] == ["sinc", "sign_sin"]
    for lower in under.axes[2:]:  # three seeds: a band and a median each, and a full-data line
        assert len(lower.collections) == 3
        assert len(lower.lines) == 6
    dots = [c for c in against.axes[0].collections if isinstance(c, PATHS)]
    stretches = {int(8 * np.log10(max(2 * epoch, 1))) for epoch in EPOCHS}
    assert [len(c.get_offsets()) for c in dots] == [len(stretches)] * 3
    assert worded(finding)["data"].tolist() == ["sinc", "sign_sin", "MNIST"]


PATHS = matplotlib.collections.PathCollection


def test_the_band_holds_every_update(tmp_path: Path, analysed: Analysed) -> None:
    files = gradient_run(tmp_path, "sinc", 0, spiky=5)
    (run,) = collect(tmp_path).runs
    finding = analysed(hw1_2_gradient_norm.analyse)
    lower = finding.drawings[0].figure.axes[1]
    low, high = lower.collections[0].get_paths()[0].get_extents().intervaly
    norms = minibatch(run).values
    assert files.path == run.path
    assert (low, high) == pytest.approx((norms.min(), norms.max()))


def test_runs_without_a_result_are_counted_and_do_not_stop_the_rest(
    tmp_path: Path, analysed: Analysed
) -> None:
    gradient_run(tmp_path, "sinc", 0)
    broken = gradient_run(tmp_path, "sinc", 1)
    (broken.measures / "gradient_norms.npz").write_bytes(b"PK nothing")
    nothing = np.empty(0)
    made = [config(STUDY, "gradient_norm", "sinc", seed) for seed in range(2, 5)]
    write(tmp_path, made[0], {}, nothing, "failed", "no memory")
    write(tmp_path, made[1], {}, nothing, "running")
    up = {"train/loss": np.array([1.0, 1e4, 1e30, np.nan])}
    up["gradient/norm"] = np.array([1.0, 1e9, np.inf, np.nan])
    write(tmp_path, made[2], up, np.arange(4), "diverged")
    finding = analysed(hw1_2_gradient_norm.analyse)
    assert len(finding.drawings) == 3
    text = finding.drawings[0].figure.texts[1].get_text().replace("\n", " · ")
    assert "5 runs: 2 completed, 1 running, 1 diverged, 1 failed" in text
    legend = [t.get_text() for t in finding.drawings[0].figure.legends[0].get_texts()]
    assert {"1 diverged", "1 failed (1 without metrics)"} <= set(legend)
    assert finding.drawings[0].figure.axes[0].get_ylim()[1] < 1000  # not up to 1e30
    assert only(finding, "Gradient norms spike").n == 1


def test_a_study_of_which_nothing_completed_is_no_error(tmp_path: Path, analysed: Analysed) -> None:
    made = config(STUDY, "gradient_norm", "sinc", 0)
    write(tmp_path, made, {}, np.empty(0), "failed", "no memory")
    finding = analysed(hw1_2_gradient_norm.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["norm-under-loss-functions"]
    assert {(claim.n, claim.verdict) for claim in finding.claims} == {(0, "inconclusive")}
