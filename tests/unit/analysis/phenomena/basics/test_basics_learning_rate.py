from collections.abc import Callable
from pathlib import Path

import pytest
from studies import learning_rates, study
from synthetic import worded

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
    stuck, slow = "A learning rate of 10 diverges or sticks at chance", "of 0.0001 is slow"
    assert [claim.statement for claim in finding.claims] == [
        f"{stuck} with Adam", f"A learning rate {slow} with Adam",
        f"{stuck} with SGD", f"A learning rate {slow} with SGD",
    ]  # fmt: skip
    adam, _, sgd, _ = finding.claims
    alike = "all 5 have one value: no interval"
    assert (sgd.n, sgd.note) == (5, f"5 diverged and 0 completed at chance, of 5; {alike}")
    assert (adam.n, adam.note) == (5, "0 diverged and 5 completed at chance, of 5")


def test_diverged_runs_are_drawn_and_counted(tmp_path: Path, analysed: Analysed) -> None:
    diverging(tmp_path, 3)
    finding = analysed(basics_learning_rate.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "final-accuracy"]
    for drawing in finding.drawings:
        labels = [text.get_text() for text in drawing.figure.legends[0].get_texts()]
        assert "3 diverged" in labels
    table = worded(finding).set_index("learning rate")
    assert table.loc["10", "seeds"] == "n = 0 + 3 diverged"
    assert table.loc["10", "lost"] == "3 diverged and 0 completed at chance, of 3"
    assert table.loc["10", "final test/accuracy"] == "–"
    marks = [line for line in finding.drawings[0].figure.axes[0].lines if line.get_marker() == "X"]
    assert len(marks) == 3


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
