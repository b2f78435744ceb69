from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gmean
from synthetic import config, function_run, image_run, write

from dl_experiments.analysis.collect import collect
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import hw1_1_cifar10, hw1_1_mnist

Analysed = Callable[..., Finding]
ACCURACIES = {"deep": 0.75, "middle": 0.7, "shallow": 0.6}
METRICS = ("train/loss", "train/accuracy")
WHOLE = {"data.samples": None}


def cifar10(path: Path, seeds: int, accuracies: dict[str, float]) -> None:
    for model, accuracy in accuracies.items():
        for seed in range(seeds):
            image_run(path, model, "cifar10", seed, accuracy)


def test_deeper_is_better_with_five_seeds(tmp_path: Path, analysed: Analysed) -> None:
    cifar10(tmp_path, 5, ACCURACIES)
    finding = analysed(hw1_1_cifar10.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "final-accuracy"]
    assert [claim.verdict for claim in finding.claims] == ["supported"] * 3
    assert finding.claims[0].estimate == pytest.approx(15, abs=0.5)
    legend = [t.get_text() for t in finding.drawings[0].figure.legends[0].get_texts()]
    assert legend[:3] == [
        "deep (571 parameters), n = 5",
        "middle (572 parameters), n = 5",
        "shallow (571 parameters), n = 5",
    ]


def test_three_seeds_lean_and_the_reverse_is_not_supported(
    tmp_path: Path, analysed: Analysed
) -> None:
    cifar10(tmp_path, 3, ACCURACIES)
    finding = analysed(hw1_1_cifar10.analyse)
    assert {claim.verdict for claim in finding.claims} == {"inconclusive, leaning supported"}
    reverse = dict(zip(ACCURACIES, reversed(ACCURACIES.values()), strict=True))
    cifar10(tmp_path, 6, reverse)  # the same seeds again, with the opposite effect
    finding = analysed(hw1_1_cifar10.analyse)
    assert {claim.verdict for claim in finding.claims} == {"not supported"}


def test_a_missing_side_leaves_the_claim_open(tmp_path: Path, analysed: Analysed) -> None:
    cifar10(tmp_path, 5, {"deep": 0.75, "shallow": 0.6})
    verdicts = [claim.verdict for claim in analysed(hw1_1_cifar10.analyse).claims]
    assert verdicts == ["supported", "inconclusive", "inconclusive"]


def test_mnist_turns_up_and_holds(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        image_run(tmp_path, "deep", "mnist", seed, 0.985, turn=9, **WHOLE)
        image_run(tmp_path, "shallow", "mnist", seed, 0.95, turn=40, **WHOLE)
    verdicts = {c.statement: c.verdict for c in analysed(hw1_1_mnist.analyse).claims}
    assert verdicts == {
        "The deep net ends near 98–99 % test accuracy": "supported",
        "The shallow net ends near 98–99 % test accuracy": "not supported",
        "The deep net's test loss turns up after its minimum": "supported",
        "… while the deep net's test accuracy holds": "supported",
        "The shallow net's test loss turns up after its minimum": "not supported",
        "… while the shallow net's test accuracy holds": "supported",
    }


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
    np.testing.assert_allclose(accuracy, np.mean(curves["train/accuracy"], axis=0))


def test_too_few_epochs_show_no_turn(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        image_run(tmp_path, "deep", "mnist", seed, 0.985, turn=3, epochs=6)
    near, turn, holds = analysed(hw1_1_mnist.analyse).claims
    assert turn.verdict == holds.verdict == "inconclusive"
    assert "only 6 epochs" in turn.note
    assert "subset of 10,000 training images" in near.note


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
        "1 diverged", "1 running", "1 interrupted", "1 failed (1 without metrics)",
    ]  # fmt: skip
    assert {claim.n for claim in finding.claims} == {3}
    assert finding.notes == ["Left out: 1 run: 1 completed, not on images."]
