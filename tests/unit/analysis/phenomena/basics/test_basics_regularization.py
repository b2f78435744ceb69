from collections.abc import Callable
from pathlib import Path

import pytest
from studies import Seed, image_curves, regularization, study
from synthetic import worded

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.basics import regularization as basics_regularization
from dl_experiments.analysis.phenomena.basics.regularization import DECAY, DROPOUT, GAPS
from dl_experiments.analysis.runs.collect import collect

Analysed = Callable[..., Finding]


def test_gaps_of_each_alone_and_of_both(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, regularization, 3)
    finding = analysed(basics_regularization.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "gap"]
    decay = "eight decay 0.01 (Adam, coupled)"
    names = ("Dropout 0.5", f"W{decay}", f"Dropout 0.5 with w{decay}")
    assert [claim.statement for claim in finding.claims] == [
        f"{name} narrows the {gap} gap and loses no test accuracy"
        for name in names
        for gap in ("loss", "accuracy")
    ]
    loss, accuracy = finding.claims[:2]
    assert (loss.estimate, loss.unit) == (pytest.approx(-0.1, rel=0.05), "")
    assert (accuracy.estimate, accuracy.unit) == (pytest.approx(-1, rel=0.05), "percentage points")
    cells = zip(worded(finding)["dropout"], worded(finding)["weight decay"], strict=True)
    assert list(cells) == [
        ("0", "0 (Adam)"), ("0.5", "0 (Adam)"), ("0.25", "0.001 (Adam, coupled)"),
        ("0", "0.01 (Adam, coupled)"), ("0.5", "0.01 (Adam, coupled)"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("less", "verdict", "words"),
    [(0.0, "supported", "supported"), (0.03, "not supported", "not supported")],
)
def test_a_gap_that_costs_accuracy_does_not_count(
    tmp_path: Path, analysed: Analysed, less: float, verdict: str, words: str
) -> None:
    """Dropout takes the gap down by 0.1 in both; in one it takes three points of accuracy too."""
    for number in range(5):
        seed = Seed(tmp_path, number)
        for group, dropout in enumerate((0.0, 0.5)):
            keys = {"model.dropout": dropout, "optimizer.weight_decay": 0.0}
            made = seed.config("basics_regularization", "cnn", "mnist", group, **keys)
            gap = (0.5 - 0.2 * dropout) * seed.apart(0.05)
            seed.write(made, group, image_curves(0.1, 0.1 + gap, 0.9 - 2 * less * dropout))
    loss, _ = analysed(basics_regularization.analyse).claims
    assert (loss.estimate, loss.verdict) == (pytest.approx(-0.1, rel=0.05), verdict)
    assert f", {words} (to lie above −0.5)" in loss.note


def test_adamws_decay_is_compared_with_adam_without(tmp_path: Path, analysed: Analysed) -> None:
    """AdamW without decay is Adam and was not trained again; its decay alone narrows the gap."""
    for number in range(5):
        seed = Seed(tmp_path, number)
        for group, (name, decay) in enumerate((("adam", 0.0), ("adam", 0.1), ("adamw", 1.0))):
            node = {"_target_": f"torch.{name}", "name": name, "lr": 1e-3, "weight_decay": decay}
            keys = {"model.dropout": 0.0, "optimizer": node}
            made = seed.config("basics_regularization", "cnn", "mnist", group, **keys)
            gap = (0.3 if name == "adamw" else 0.5) * seed.apart(0.05)
            seed.write(made, group, image_curves(0.1, 0.1 + gap, 0.9))
    finding = analysed(basics_regularization.analyse)
    assert not finding.notes
    found = {claim.statement.split(" narrows")[0]: claim for claim in finding.claims[::2]}
    decoupled = found["Weight decay 1 (AdamW, decoupled)"]
    assert (decoupled.estimate, decoupled.verdict) == (pytest.approx(-0.2, rel=0.05), "supported")
    assert found["Weight decay 0.1 (Adam, coupled)"].verdict == "not supported"


def test_without_the_plain_net_nothing_can_be_said(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, regularization)
    finding = analysed(
        lambda runs: basics_regularization.analyse([run for run in runs if run.get(DROPOUT)])
    )
    assert {claim.verdict for claim in finding.claims} == {"inconclusive"}


def test_gaps_are_test_minus_training_loss_and_training_minus_test_accuracy(
    tmp_path: Path,
) -> None:
    study(tmp_path, regularization, 1)
    plain = next(run for run in collect(tmp_path).runs if not run.get(DROPOUT) + run.get(DECAY))
    assert GAPS["loss gap"](plain) == pytest.approx(0.5, rel=1e-3)
    assert GAPS["accuracy gap"](plain) == pytest.approx(0.05, rel=1e-3)
