from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from synthetic import config, image_run, write

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import basics_learning_rate

ALIKE = "; all 5 have one value: no interval"
Analysed = Callable[..., Finding]
STUDY = basics_learning_rate.STUDY
SGD = {"optimizer.name": "sgd", "optimizer._target_": "torch.optim.SGD"}
SPEED = {0.1: 1.0, 0.01: 0.5, 0.0001: 0.02}


def run(path: Path, rate: float, seed: int, accuracy: float, speed: float, **more) -> None:
    """A net whose loss falls as exp(-speed · epoch) to end at an accuracy."""
    made = config(STUDY, "mlp", "mnist", seed, **({"optimizer.lr": rate} | more))
    epochs = np.arange(21)
    loss = 2.3 * np.exp(-speed * epochs) * (1 + 0.01 * seed)
    curve = 0.1 + (accuracy - 0.1 + 0.001 * seed) * (1 - np.exp(-epochs))
    curves = {
        "train/loss": loss,
        "train/accuracy": curve,
        "test/loss": loss,
        "test/accuracy": curve,
    }
    write(path, made, curves, epochs)


def study(path: Path, seeds: int, high: float | None, slow: float = 0.02, **more) -> None:
    """All four rates; the highest ends at an accuracy, or diverges where that is None."""
    for seed in range(seeds):
        for rate, speed in (SPEED | {0.0001: slow}).items():
            run(path, rate, seed, 0.95, speed, **more)
        if high is None:
            keys = {"study": STUDY, "optimizer.lr": 10.0} | more
            image_run(path, "mlp", "mnist", seed, state="diverged", **keys)
        else:
            run(path, 10.0, seed, high, 0.0, **more)


def verdicts(finding: Finding) -> dict[str, str]:
    return {claim.statement: claim.verdict for claim in finding.claims}


def test_too_high_diverges_and_too_low_is_slow(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 5, None, **SGD)
    study(tmp_path, 5, 0.1)
    finding = analysed(basics_learning_rate.analyse)
    assert verdicts(finding) == {
        "A learning rate of 10 diverges or sticks at chance with SGD": "supported",
        "A learning rate of 0.0001 is slow with SGD": "supported",
        "A learning rate of 10 diverges or sticks at chance with Adam": "supported",
        "A learning rate of 0.0001 is slow with Adam": "supported",
    }
    notes = {claim.statement: (claim.n, claim.note) for claim in finding.claims}
    stuck = "A learning rate of 10 diverges or sticks at chance with"
    assert notes[f"{stuck} SGD"] == (5, f"5 diverged and 0 completed at chance, of 5{ALIKE}")
    assert notes[f"{stuck} Adam"] == (5, "0 diverged and 5 completed at chance, of 5")


def test_the_claims_can_fail(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 5, 0.9, slow=2.0)
    assert set(verdicts(analysed(basics_learning_rate.analyse)).values()) == {"not supported"}


def test_three_seeds_lean(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 3, None)
    assert set(verdicts(analysed(basics_learning_rate.analyse)).values()) == {
        "inconclusive, leaning supported"
    }


def test_diverged_runs_are_drawn_and_counted(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 3, None, **SGD)
    finding = analysed(basics_learning_rate.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "final-accuracy"]
    for drawing in finding.drawings:
        labels = [text.get_text() for text in drawing.figure.legends[0].get_texts()]
        assert labels[-1] == "3 diverged"
    table = finding.numbers.set_index("learning rate")
    assert table.loc["10", "seeds"] == "n = 0 + 3 diverged"
    assert table.loc["10", "lost"] == "3 diverged and 0 completed at chance, of 3"
    assert table.loc["10", "final test/accuracy"] == "–"
    marks = [line for line in finding.drawings[0].figure.axes[0].lines if line.get_marker() == "X"]
    assert len(marks) == 3


@pytest.mark.parametrize("missing", [10.0, 0.0001])
def test_a_missing_rate_leaves_its_claim_open(
    tmp_path: Path, analysed: Analysed, missing: float
) -> None:
    for seed in range(5):
        for rate in {10.0, *SPEED} - {missing}:
            run(tmp_path, rate, seed, 0.1 if rate == 10.0 else 0.9, SPEED.get(rate, 0.0))
    claims = {
        claim.estimate is None: claim for claim in analysed(basics_learning_rate.analyse).claims
    }
    assert claims[True].note == "no completed runs to test it on"
    assert claims[False].verdict == "supported"
