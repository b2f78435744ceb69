from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gmean
from studies import cifar10, study
from synthetic import config, function_run, image_run, write

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.depth import cifar10 as hw1_1_cifar10
from dl_experiments.analysis.phenomena.depth import mnist as hw1_1_mnist
from dl_experiments.analysis.runs.collect import collect

Analysed = Callable[..., Finding]
METRICS = ("train/loss", "train/accuracy")
WHOLE = {"data.samples": None}


def test_deeper_is_better_by_so_many_points(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, cifar10)
    finding = analysed(hw1_1_cifar10.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "final-accuracy"]
    assert finding.claims[0].estimate == pytest.approx(15, abs=0.5)
    legend = [t.get_text() for t in finding.drawings[0].figure.legends[0].get_texts()]
    assert legend[:3] == [
        "deep (571 parameters), n = 5",
        "middle (572 parameters), n = 5",
        "shallow (571 parameters), n = 5",
    ]


def test_a_missing_side_leaves_the_claim_open(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, cifar10)
    finding = analysed(
        lambda runs: hw1_1_cifar10.analyse([run for run in runs if run.model != "middle"])
    )
    verdicts = [claim.verdict for claim in finding.claims]
    assert verdicts == ["supported", "inconclusive", "inconclusive"]


def test_nets_that_are_still_learning_are_not_compared(tmp_path: Path, analysed: Analysed) -> None:
    """Their test accuracy is 0.1 + 0.65 (1 − exp(−epoch / 2.5)), recorded until epoch 6."""
    for seed in range(5):
        image_run(tmp_path, "deep", "cifar10", seed, 0.75, epochs=6)
        image_run(tmp_path, "shallow", "cifar10", seed, 0.1, epochs=6)
    claim = analysed(hw1_1_cifar10.analyse).claims[0]
    gain = 65 * (np.exp(-4 / 2.5) - np.exp(-6 / 2.5))
    assert (claim.unfit, claim.verdict) == (True, "inconclusive")
    assert claim.note == (
        f"the deep net is still learning: its test accuracy gained {gain:.1f} percentage points "
        "over the last third of its epochs, and up to 1 is an end"
    )


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "the claim is about all 60,000 images; this is a subset of 10,000 training images"),
        (WHOLE | {"epochs": 6}, "only 6 epochs, and it takes 15"),
        (
            WHOLE | {"label_noise": {"fraction": 0.5, "kind": "uniform"}},
            "the claim is about true labels; here: labels replaced with p = 0.5 (uniform)",
        ),
    ],
)
def test_what_the_accuracy_claim_is_not_about_leaves_it_open(
    tmp_path: Path, analysed: Analysed, more: dict, reason: str
) -> None:
    for seed in range(5):
        image_run(tmp_path, "deep", "mnist", seed, 0.9, **more)
    near = analysed(hw1_1_mnist.analyse).claims[0]
    assert (near.verdict, near.note, near.n) == ("inconclusive", reason, 5)


def test_sides_without_common_seeds_are_not_called_paired(
    tmp_path: Path, analysed: Analysed
) -> None:
    for seed in range(5):
        image_run(tmp_path, "deep", "cifar10", seed, 0.75)
        image_run(tmp_path, "middle", "cifar10", seed + 10, 0.7)
        image_run(tmp_path, "shallow", "cifar10", seed, 0.6)
    effects = [claim.effect for claim in analysed(hw1_1_cifar10.analyse).claims]
    assert effects == [
        "final test accuracy, deep minus shallow, paired by seed",
        "final test accuracy, deep minus middle, not paired: fewer than two seeds in common",
        "final test accuracy, middle minus shallow, not paired: fewer than two seeds in common",
    ]


def test_the_caption_says_which_mean_each_panel_draws(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(3):
        image_run(tmp_path, "deep", "mnist", seed)
    drawing = analysed(hw1_1_mnist.analyse).drawings[0]
    assert "geometric mean of the loss and mean of the accuracy" in drawing.caption
    curves = {name: [run.curve(name)[1] for run in collect(tmp_path).runs] for name in METRICS}
    loss, accuracy = (axis.get_lines()[0].get_ydata() for axis in drawing.figure.axes)
    np.testing.assert_allclose(loss, gmean(curves["train/loss"]))
    seen = np.mean(curves["train/accuracy"], axis=0)[1:]  # at epoch 0 it is below the axis
    np.testing.assert_allclose(accuracy, seen)


def test_every_state_is_drawn_or_counted(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(3):
        image_run(tmp_path, "deep", "mnist", seed)
    image_run(tmp_path, "deep", "mnist", 3, state="diverged")
    image_run(tmp_path, "deep", "mnist", 4, state="running")
    image_run(tmp_path, "deep", "mnist", 5, state="interrupted")
    write(tmp_path, config("hw1_1_mnist", "deep", "mnist", 6), {}, np.empty(0), "failed")
    function_run(tmp_path, "deep", "sinc", 7, 0.1, 0.1, study="hw1_1_mnist")
    finding = analysed(hw1_1_mnist.analyse)
    legend = [t.get_text() for t in finding.drawings[0].figure.legends[0].get_texts()]
    assert legend[0] == (
        "deep (571 parameters), n = 3 + 1 diverged + 1 running + 1 interrupted + 1 failed"
    )
    assert legend[3:] == [
        "1 diverged", "1 running", "1 interrupted", "1 failed (1 without metrics)", style.RANGE,
    ]  # fmt: skip
    assert {claim.n for claim in finding.claims} == {3}
    assert finding.notes == ["Left out: 1 run: 1 completed, not on images."]
