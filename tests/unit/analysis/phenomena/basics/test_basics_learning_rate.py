import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from studies import learning_rates, study
from synthetic import config, worded, write

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.basics import learning_rate as basics_learning_rate

Analysed = Callable[..., Finding]
SGD = {"optimizer.name": "sgd", "optimizer._target_": "torch.optim.SGD"}


def diverging(path: Path, seeds: int, **more: object) -> None:
    """The study, but that its highest rate diverges."""
    study(path, learning_rates, seeds, keys=more, diverged=True)


def test_each_optimizer_by_itself(tmp_path: Path, analysed: Analysed) -> None:
    diverging(tmp_path, 5, **SGD)
    study(tmp_path, learning_rates)
    finding = analysed(basics_learning_rate.analyse)
    stuck, slow = (
        "A learning rate of 10 diverges or ends no better than guessing",
        "of 0.0001 is slow",
    )
    assert [claim.statement for claim in finding.claims] == [
        f"{stuck} with Adam", f"A learning rate {slow} with Adam",
        f"{stuck} with SGD", f"A learning rate {slow} with SGD",
    ]  # fmt: skip
    adam, _, sgd, _ = finding.claims
    alike = "all 5 have one value: no interval"
    assert (sgd.n, sgd.note) == (
        5,
        f"5 diverged and 0 completed no better than guessing, of 5; {alike}",
    )
    assert adam.n == 5
    assert adam.note.startswith("0 diverged and 5 completed no better than guessing, of 5; final")


def test_diverged_runs_are_drawn_and_counted(tmp_path: Path, analysed: Analysed) -> None:
    diverging(tmp_path, 3)
    finding = analysed(basics_learning_rate.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "final-accuracy"]
    for drawing in finding.drawings:
        labels = [text.get_text() for text in drawing.figure.legends[0].get_texts()]
        assert any(label.startswith("3 diverged") for label in labels)
    table = worded(finding).set_index("learning rate")
    assert table.loc["10", "seeds"] == "n = 0 + 3 diverged"
    assert table.loc["10", "lost"] == "3 diverged and 0 completed no better than guessing, of 3"
    assert table.loc["10", "final test/accuracy"] == "–"
    marks = [line for line in finding.drawings[0].figure.axes[0].lines if line.get_marker() == "X"]
    assert len(marks) == 3
    beside = finding.drawings[0].figure.axes[1].lines
    ends = [line.get_xdata()[0] for line in beside if line.get_marker() == "X"]
    assert ends == [mark.get_xdata()[0] for mark in marks]
    losses, accuracies = finding.drawings[1].figure.axes
    for axis, guess in ((losses, math.log(10)), (accuracies, 0.1)):
        (mark,) = [line for line in axis.lines if line.get_marker() == "X"]
        assert mark.get_ydata()[0] == pytest.approx(guess)


def test_right_answers_at_a_loss_of_thousands_are_not_learned(
    tmp_path: Path, analysed: Analysed
) -> None:
    """Adam at 10 has 90 % of the labels right, and a loss a thousand times that of guessing."""
    study(tmp_path, learning_rates, sign=-1)
    for path in tmp_path.glob("*/*"):
        if "\nlr: 10" in (path / "config.yaml").read_text().replace("  lr", "\nlr"):
            rows = pd.read_csv(path / "metrics.csv")
            rows.loc[1:, "train/loss"] = 2000.0
            rows.to_csv(path / "metrics.csv", index=False)
    found = analysed(basics_learning_rate.analyse).claims[0]
    assert (found.estimate, found.verdict) == (pytest.approx(2000), "supported")
    assert "final test accuracy of the completed 9" in found.note


def test_the_rate_that_the_lowest_is_compared_with_is_the_other_seeds_choice(
    tmp_path: Path, analysed: Analysed
) -> None:
    """Three rates of one loss on average, and noise: the lower of two of a seed would be lower."""
    losses = {0.1: [0.1, 0.2, 0.4, 0.1], 0.01: [0.2, 0.1, 0.1, 0.3], 0.0001: [0.2, 0.1, 0.2, 0.3]}
    for rate, ends in losses.items():
        for seed, end in enumerate(ends):
            made = config("basics_learning_rate", "mlp", "mnist", seed, **{"optimizer.lr": rate})
            write(tmp_path, made, {"train/loss": np.array([2.3, end])}, np.array([0, 20]))
    (slow,) = analysed(basics_learning_rate.analyse).claims[1:]
    # the other seeds' geometric means: 0.2, 0.144; 0.159, 0.182; 0.126, 0.182; 0.2, 0.126
    chosen = [0.2, 0.2, 0.4, 0.3]
    expected = [math.log10(low / of) for low, of in zip(losses[0.0001], chosen, strict=True)]
    assert (slow.n, slow.estimate) == (4, pytest.approx(sum(expected) / 4))
    assert slow.effect.endswith("minus the one of 0.01 or 0.1 that is best in the other seeds")


@pytest.mark.parametrize("missing", [10.0, 0.0001])
def test_a_missing_rate_leaves_its_claim_open(
    tmp_path: Path, analysed: Analysed, missing: float
) -> None:
    study(tmp_path, learning_rates)
    finding = analysed(
        lambda runs: basics_learning_rate.analyse(
            [run for run in runs if run.get("optimizer.lr") != missing]
        )
    )
    claims = {claim.estimate is None: claim for claim in finding.claims}
    none = (
        "no completed runs to test it on" if missing > 1 else f"no run of learning rate {missing}"
    )
    assert claims[True].note.endswith(none)
    assert claims[False].verdict == "supported"
