import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sized import sized_run
from studies import double_descent as one_loss
from studies import study
from synthetic import worded

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.capacity import double_descent as hw1_3_double_descent
from dl_experiments.analysis.phenomena.capacity import peaks as double_descent

Analysed = Callable[..., Finding]
WIDTHS = [10, 20, 30, 40, 50, 60, 80, 120, 200]
COUNTS = [75 * h + 10 for h in WIDTHS]


def peaked(counts: list[int], level: float, height: float = 0.3) -> np.ndarray:
    """Error that falls, rises to ``height`` above its line at ``level``, and falls on."""
    octaves = np.log2(np.array(counts) / level)
    return 0.3 - 0.02 * octaves + height * np.exp(-((octaves / 0.35) ** 2))


def write_study(
    path: Path, curve: Callable[[int, int], np.ndarray], seeds: int = 5, noise: float = 0.005
) -> None:
    """Both losses, 200 and 400 images; ``curve`` maps (images, seed) to the test errors."""
    for loss in ("mse", "cross_entropy"):
        for samples in (200, 400):
            for seed in range(seeds):
                draw = np.random.default_rng([seed, samples])
                errors = curve(samples, seed) + draw.normal(0, noise, len(WIDTHS))
                for hidden, error in zip(WIDTHS, errors, strict=True):
                    ends = {
                        "train/loss": 1 / hidden, "test/loss": 2 * error,
                        "train/accuracy": 0.9, "test/accuracy": 1 - error,
                    }  # fmt: skip
                    more = {"loss": loss, "data.samples": samples}
                    where = (path, "hw1_3_double_descent", hidden, seed)
                    sized_run(*where, ends, data="digits", **more)


def test_the_peak_of_a_constructed_curve() -> None:
    values = np.array([5.0, 3.0, 4.0, 9.0, 6.0, 2.0, 2.5])
    found = double_descent.peak(values)
    assert found == double_descent.Peak(at=3, left=1, right=5)
    assert found.height(values) == 6.0
    only = np.array([False, False, False, False, True, True, False])
    found = double_descent.peak(values, only)
    assert (found.at, found.height(values)) == (4, 3.0)


@pytest.mark.parametrize("values", [np.linspace(1, 0, 7), np.linspace(0, 1, 7)])
def test_a_monotone_curve_has_no_peak_above_zero(values: np.ndarray) -> None:
    assert double_descent.peak(values).height(values) < 0


def test_too_few_points_have_no_peak() -> None:
    assert double_descent.peak(np.array([1.0, 2.0])) is None
    assert double_descent.peak(np.ones(5), np.zeros(5, dtype=bool)) is None


@pytest.mark.parametrize(("height", "least", "most"), [(0.0, -0.02, 0.02), (0.5, 0.45, 0.6)])
def test_heights_of_noise_are_not_biased(height: float, least: float, most: float) -> None:
    """With no peak there is none on average, though each curve of noise has one of its own."""
    draw = np.random.default_rng(0)
    hill = height * (np.arange(9) == 4)
    found = []
    for _ in range(200):
        curves = {seed: hill + draw.normal(0, 0.1, 9) for seed in range(4)}
        found += list(double_descent.heights(curves, np.ones(9, dtype=bool)).values())
    assert least < np.mean(found) < most


def test_one_seed_has_no_height() -> None:
    assert double_descent.heights({0: np.array([0.0, 1.0, 0.0])}, np.ones(3, dtype=bool)) == {}


def test_near_is_within_a_factor_of_two() -> None:
    assert list(double_descent.near([1999, 2000, 8000, 8001], 4000)) == [False, True, True, False]


def test_a_peak_at_the_threshold_is_found(tmp_path: Path, analysed: Analysed) -> None:
    write_study(tmp_path, lambda samples, _: peaked(COUNTS, 10 * samples))
    finding = analysed(hw1_3_double_descent.analyse)
    assert [d.name for d in finding.drawings] == ["double-descent", "over-samples"]
    where = "(squared loss, 400 images)"
    assert [claim.statement for claim in finding.claims[:7]] == [
        f"The test error peaks near the interpolation threshold {where}",
        f"The test loss peaks near the interpolation threshold {where}",
        f"The highest peak of the test error lies at the threshold {where}",
        f"The highest peak of the test loss lies at the threshold {where}",
        f"Beyond the threshold the test error falls below its first minimum {where}",
        "More data moves the peak of the test error to larger nets (squared loss)",
        "More data moves the peak of the test loss to larger nets (squared loss)",
    ]
    assert [claim.statement for claim in finding.claims[7:]] == [
        claim.statement.replace("squared loss", "cross-entropy") for claim in finding.claims[:7]
    ]
    assert {claim.verdict for claim in finding.claims} == {"supported"}
    assert finding.claims[5].estimate == pytest.approx(math.log2(3760 / 2260))  # nearest sizes
    assert len(worded(finding)) == 4
    assert set(worded(finding)["threshold (parameters)"]) == {"2,000", "4,000"}


def test_a_curve_that_only_falls_has_no_peak(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, one_loss, sign=-1)
    lies_there = analysed(hw1_3_double_descent.analyse).claims[2]
    assert lies_there.verdict == "inconclusive"
    assert lies_there.note.startswith("no seed has a peak")


def test_a_peak_elsewhere_is_not_at_the_threshold(tmp_path: Path, analysed: Analysed) -> None:
    write_study(tmp_path, lambda *_: peaked(COUNTS, 1510))
    claims = analysed(hw1_3_double_descent.analyse).claims
    assert claims[2].verdict == "not supported"
    assert claims[2].estimate == pytest.approx(math.log2(1510 / 4000))
    assert claims[5].verdict == "not supported"
    assert claims[5].estimate == pytest.approx(0)


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
