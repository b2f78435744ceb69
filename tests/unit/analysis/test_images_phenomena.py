from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from synthetic import config, function_run, image_run, write

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import hw1_1_cifar10, hw1_1_mnist

Analysed = Callable[..., Finding]
ACCURACIES = {"deep": 0.75, "middle": 0.7, "shallow": 0.6}


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
        image_run(tmp_path, "deep", "mnist", seed, 0.985, turn=9)
        image_run(tmp_path, "shallow", "mnist", seed, 0.95, turn=40)
    verdicts = {c.statement: c.verdict for c in analysed(hw1_1_mnist.analyse).claims}
    assert verdicts == {
        "The deep net ends near 98–99 % test accuracy": "supported",
        "The shallow net ends near 98–99 % test accuracy": "not supported",
        "The deep net's test loss turns up after its minimum": "supported",
        "… while the deep net's test accuracy holds": "supported",
        "The shallow net's test loss turns up after its minimum": "not supported",
        "… while the shallow net's test accuracy holds": "supported",
    }


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
