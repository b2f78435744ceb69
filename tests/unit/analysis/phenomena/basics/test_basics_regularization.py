from collections.abc import Callable
from pathlib import Path

import pytest
from studies import regularization, study
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
    names = ("Dropout 0.5", "Weight decay 0.01", "Dropout 0.5 with weight decay 0.01")
    assert [claim.statement for claim in finding.claims] == [
        f"{name} narrows the {gap} gap" for name in names for gap in ("loss", "accuracy")
    ]
    loss, accuracy = finding.claims[:2]
    assert (loss.estimate, loss.unit) == (pytest.approx(-0.1, rel=0.05), "")
    assert (accuracy.estimate, accuracy.unit) == (pytest.approx(-1, rel=0.05), "percentage points")
    cells = zip(worded(finding)["dropout"], worded(finding)["weight decay"], strict=True)
    assert list(cells) == [
        ("0", "0"), ("0", "0.01"), ("0.25", "0.001"), ("0.5", "0"), ("0.5", "0.01"),
    ]  # fmt: skip


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
