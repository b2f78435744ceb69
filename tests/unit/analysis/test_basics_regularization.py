from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from synthetic import config, write

from dl_experiments.analysis.collect import collect
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import basics_regularization
from dl_experiments.analysis.phenomena.basics_regularization import GAPS

Analysed = Callable[..., Finding]
STUDY = basics_regularization.STUDY


def run(path: Path, dropout: float, decay: float, seed: int, gap: float) -> None:
    """A net whose loss gap ends at ``gap`` and whose accuracy gap at a tenth of it."""
    keys = {"model.dropout": dropout, "optimizer.weight_decay": decay}
    made = config(STUDY, "cnn", "mnist", seed, **keys)
    epochs = np.arange(0, 41, 10)
    gap *= 1 + 0.02 * seed
    rise = 1 - np.exp(-epochs / 5)
    curves = {
        "train/loss": 2.3 - 2.2 * rise,
        "train/accuracy": 0.1 + 0.9 * rise,
        "test/loss": 2.3 - 2.2 * rise + gap * rise,
        "test/accuracy": 0.1 + (0.9 - gap / 10) * rise,
    }
    write(path, made, curves, epochs)


def study(path: Path, seeds: int, sign: float) -> None:
    for seed in range(seeds):
        for dropout in (0.0, 0.25, 0.5):
            for decay in (0.0, 0.001, 0.01):
                run(path, dropout, decay, seed, 0.5 + sign * (0.2 * dropout + 10 * decay))


def test_both_narrow_both_gaps(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 5, -1)
    finding = analysed(basics_regularization.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "gap"]
    names = ("Dropout 0.5", "Weight decay 0.01", "Dropout 0.5 with weight decay 0.01")
    assert {claim.statement: claim.verdict for claim in finding.claims} == {
        f"{name} narrows the {gap} gap": "supported"
        for name in names
        for gap in ("loss", "accuracy")
    }
    loss, accuracy = finding.claims[:2]
    assert loss.estimate == pytest.approx(-0.1, rel=0.05)
    assert accuracy.estimate == pytest.approx(-1.0, rel=0.05)  # percentage points


def test_wider_gaps_do_not_support_them(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 5, +1)
    verdicts = {claim.verdict for claim in analysed(basics_regularization.analyse).claims}
    assert verdicts == {"not supported"}


def test_the_grid_is_the_table(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 3, -1)
    table = analysed(basics_regularization.analyse).numbers
    cells = list(zip(table["dropout"], table["weight decay"], strict=True))
    assert cells[:4] == [("0", "0"), ("0", "0.001"), ("0", "0.01"), ("0.25", "0")]
    assert len(cells) == 9


def test_without_the_plain_net_nothing_can_be_said(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        run(tmp_path, 0.5, 0.01, seed, 0.1)
    claims = analysed(basics_regularization.analyse).claims
    assert {claim.verdict for claim in claims} == {"inconclusive"}


def test_gaps_are_test_minus_training_loss_and_training_minus_test_accuracy(
    tmp_path: Path,
) -> None:
    run(tmp_path, 0.0, 0.0, 0, 0.4)
    (one,) = collect(tmp_path).runs
    assert GAPS["loss gap"](one) == pytest.approx(0.4, rel=1e-3)
    assert GAPS["accuracy gap"](one) == pytest.approx(0.04, rel=1e-3)


def test_nets_that_learned_nothing_yet_show_nothing(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        for dropout, decay in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.01), (0.5, 0.01)):
            keys = {"model.dropout": dropout, "optimizer.weight_decay": decay}
            made = config(STUDY, "cnn", "mnist", seed, **keys)
            loss = np.array([2.3, 2.2 - 0.1 * dropout])
            curves = {f"{split}/loss": loss for split in ("train", "test")}
            curves |= {f"{split}/accuracy": loss / 10 for split in ("train", "test")}
            write(tmp_path, made, curves, np.arange(2))
    claims = analysed(basics_regularization.analyse).claims
    assert {claim.verdict for claim in claims} == {"inconclusive"}
    assert {claim.note for claim in claims} == {
        "no net got below half its first loss: too few epochs to tell"
    }
