import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from sized import sized_run
from studies import double_descent as one_loss
from studies import study
from synthetic import worded

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.capacity import double_descent as hw1_3_double_descent
from dl_experiments.analysis.phenomena.capacity import valleys

Analysed = Callable[..., Finding]
WIDTHS = [10, 20, 30, 40, 50, 60, 80, 120, 200]
COUNTS = [75 * h + 10 for h in WIDTHS]
FITTED = {200: 30, 400: 60}  # images -> the first width without a training error


def peaked(counts: list[int], level: float, height: float = 0.3) -> np.ndarray:
    """Error that falls, rises to ``height`` above its line at ``level``, and falls on."""
    octaves = np.log2(np.array(counts) / level)
    return 0.3 - 0.02 * octaves + height * np.exp(-((octaves / 0.35) ** 2))


def write_study(
    path: Path,
    curve: Callable[[int, int], np.ndarray],
    losses: Sequence[str] = ("mse", "cross_entropy"),
    seeds: int = 5,
    noise: float = 0.005,
) -> None:
    """200 and 400 images; ``curve`` maps (images, seed) to the test errors."""
    for loss in losses:
        for samples in (200, 400):
            for seed in range(seeds):
                draw = np.random.default_rng([seed, samples])
                errors = curve(samples, seed) + draw.normal(0, noise, len(WIDTHS))
                for hidden, error in zip(WIDTHS, errors, strict=True):
                    ends = {
                        "train/loss": 1 / hidden, "test/loss": 2 * error,
                        "train/accuracy": 1.0 if hidden >= FITTED[samples] else 0.9,
                        "test/accuracy": 1 - error,
                    }  # fmt: skip
                    more = {"loss": loss, "data.samples": samples}
                    where = (path, "hw1_3_double_descent", hidden, seed)
                    sized_run(*where, ends, data="digits", **more)


def test_a_single_seed_has_neither_excess_nor_place() -> None:
    curve = {0: np.array([0.0, 1.0, 0.0])}
    assert valleys.excess(curve) == {0: None}
    assert valleys.places(curve, [1, 2, 4]) == {}


def test_a_peak_at_the_threshold_is_found(tmp_path: Path, analysed: Analysed) -> None:
    write_study(tmp_path, lambda samples, _: peaked(COUNTS, 10 * samples))
    finding = analysed(hw1_3_double_descent.analyse)
    assert [d.name for d in finding.drawings] == ["double-descent", "over-samples"]
    where = "(squared loss, 400 images)"
    assert [claim.statement for claim in finding.claims[:7]] == [
        f"The test error has a peak {where}",
        f"The test loss has a peak {where}",
        f"The peak of the test error lies at the threshold {where}",
        f"The peak of the test loss lies at the threshold {where}",
        f"Beyond the threshold the test error falls below its first minimum {where}",
        "More data moves the peak of the test error to larger nets (squared loss)",
        "More data moves the peak of the test loss to larger nets (squared loss)",
    ]
    assert [claim.statement for claim in finding.claims[7:]] == [
        claim.statement.replace("squared loss", "cross-entropy") for claim in finding.claims[:7]
    ]
    assert {claim.verdict for claim in finding.claims} == {"supported"}
    assert finding.claims[5].estimate == pytest.approx(1.0, abs=0.3)  # sizes lie so far apart
    assert worded(finding)["threshold (parameters)"].tolist() == [
        "2,000",
        "4,000",
        "2,260",
        "4,510",
    ]
    assert finding.claims[9].note == "threshold: 4,510 parameters"
    marks = [line for axis in finding.drawings[1].figure.axes for line in axis.get_lines()]
    assert sum(line.get_marker() == "v" for line in marks) == 8


def test_where_there_is_no_peak_nobody_asks_where(tmp_path: Path, analysed: Analysed) -> None:
    write_study(tmp_path, lambda *_: 0.3 - 0.02 * np.arange(len(WIDTHS)), ["mse"], noise=0.02)
    finding = analysed(hw1_3_double_descent.analyse)
    peak, *others = [claim for claim in finding.claims if "error" in claim.statement]
    assert (peak.verdict, peak.unfit) == ("not supported", False)
    (second,) = others
    assert second.verdict == "supported"
    assert finding.drawings[1].caption.find("No peak stands out") > 0


def test_a_curve_that_only_rises_has_no_peak(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, one_loss, sign=-1)
    peak, *_ = analysed(hw1_3_double_descent.analyse).claims
    assert (peak.estimate, peak.verdict) == (0.0, "not supported")


def test_a_peak_elsewhere_is_not_at_the_threshold(tmp_path: Path, analysed: Analysed) -> None:
    write_study(tmp_path, lambda *_: peaked(COUNTS, 1510), ["mse"])
    claims = analysed(hw1_3_double_descent.analyse).claims
    assert claims[2].verdict == "not supported"
    assert claims[2].estimate == pytest.approx(math.log2(1510 / 4000), abs=0.1)
    assert claims[5].estimate == pytest.approx(0, abs=0.05)


def test_cross_entropy_has_no_threshold_that_nobody_reached(
    tmp_path: Path, analysed: Analysed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FITTED, 400, 1000)
    write_study(tmp_path, lambda samples, _: peaked(COUNTS, 10 * samples), ["cross_entropy"], 2)
    lies_there, _, second = analysed(hw1_3_double_descent.analyse).claims[2:5]
    assert lies_there.note.endswith("no net has its training set by heart")
    assert second.unfit


def test_unfinished_and_diverged_runs_are_counted(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, one_loss, 3)
    ends = {"train/loss": 1e9, "test/loss": 1e9, "train/accuracy": 0.1, "test/accuracy": 0.1}
    more = {"loss": "mse", "data.samples": 400, "data": "digits", "trainer.max_epochs": 20}
    where = (tmp_path, "hw1_3_double_descent")
    sized_run(*where, 50, 7, ends, state="diverged", **more)
    sized_run(*where, 33, 8, ends, state="interrupted", **more)
    finding = analysed(hw1_3_double_descent.analyse)
    assert "Left out: 1 run whose net has no parameter count yet." in finding.notes
    legend = [t.get_text() for t in finding.drawings[0].figure.legends[0].get_texts()]
    assert "1 diverged" in legend
    assert finding.claims[0].n == 3
