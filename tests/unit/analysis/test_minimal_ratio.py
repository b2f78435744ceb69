import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import config, write

from dl_experiments.analysis.collect import collect
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import hw1_2_minimal_ratio
from dl_experiments.analysis.phenomena._ratio import read
from dl_experiments.analysis.phenomena._ratio_claims import sweep
from dl_experiments.measures.critical_points import TOLERANCES
from dl_experiments.measures.spectrum import rounding_tolerance, signature, tolerance_sweep

Analysed = Callable[..., Finding]
SIZE = 131
STARTS = [("newton", 0, 0), ("descent", 500, 1000), ("embedded", 0, 2000)]
LOSSES = {"newton": 0.08, "descent": 1e-9, "embedded": 3e-3}


def spectrum(negative: int, zero: int) -> np.ndarray:
    """So many eigenvalues far below 0 and far within rounding, the rest far above."""
    rest = SIZE - negative - zero
    parts = [-np.geomspace(0.5, 1e-3, negative), np.full(zero, 1e-20), np.geomspace(1e-3, 1, rest)]
    return np.sort(np.concatenate(parts))


def measured(
    outputs: Path,
    seed: int,
    negatives: dict[str, int],
    activation: str = "tanh",
    stuck: tuple[str, ...] = (),
) -> None:
    """A run whose points have so many negative eigenvalues, by arm."""
    made = config("hw1_2_minimal_ratio", "minimal_ratio", "sinc", seed)
    made["model"] |= {"hidden": [5, 10, 5], "activation": activation}
    files = write(outputs, made, {"train/loss": np.array([1.0, 0.1])}, np.array([0, 500]))
    starts = [*STARTS, ("published", 500, 0)]
    spectra = [spectrum(negatives.get(arm, 5) + seed % 3, 40) for arm, _, _ in starts]
    counts, swept, tolerances = [], [], []
    for values in map(torch.from_numpy, spectra):
        tolerances.append(rounding_tolerance(values))
        found = signature(values, tolerances[-1])
        counts.append([found.positive, found.zero, found.negative])
        swept.append([[s.positive, s.zero, s.negative] for s in tolerance_sweep(values)])
    converged = np.array([arm not in ("published", *stuck) for arm, _, _ in starts])
    shift = 1 + 0.1 * (seed % 7)
    arrays = {
        "arm": np.array([arm for arm, _, _ in starts]),
        "epoch": np.array([epoch for _, epoch, _ in starts]),
        "steps": np.array([steps for _, _, steps in starts]),
        "widths": np.array(["2-1-2" if arm == "embedded" else "5-10-5" for arm, _, _ in starts]),
        "loss": np.array([LOSSES.get(arm, 0.05) * shift for arm, _, _ in starts]),
        "gradient_norm": np.where(converged, 1e-9, 1e-3),
        "converged": converged,
        "iterations": np.full(len(starts), 10),
        "eigenvalues": np.stack(spectra),
        "tolerance": np.array(tolerances),
        "counts": np.array(counts),
        "swept": np.array(swept),
        "relative_tolerances": np.array(TOLERANCES),
        "sampled_ratio": np.full(len(starts), 0.99),
        "settings": np.array(json.dumps({"radius": 0.01, "samples": 400})),
        "seconds": np.array(2.0),
    }
    files.write_measure("critical_points", arrays)


THEORY = {"newton": 40, "embedded": 15, "descent": 0}
REVERSE = {"newton": 0, "embedded": 15, "descent": 40}


def verdicts(finding: Finding) -> dict[str, str]:
    return {claim.statement: claim.verdict for claim in finding.claims}


def of(finding: Finding, *parts: str) -> str:
    (found,) = [v for s, v in verdicts(finding).items() if all(part in s for part in parts)]
    return found


@pytest.mark.parametrize(
    ("negatives", "verdict"), [(THEORY, "supported"), (REVERSE, "not supported")]
)
def test_known_relations_are_found(
    tmp_path: Path, analysed: Analysed, negatives: dict[str, int], verdict: str
) -> None:
    for seed in range(8):
        measured(tmp_path, seed, negatives)
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert of(finding, "higher minimal ratio", "tanh") == verdict
    assert of(finding, "negative eigenvalues", "tanh") == verdict
    names = [drawing.name for drawing in finding.drawings]
    assert names == [
        *("gradient-norm", "minimal-ratio", "negative-share", "correlations"),
        *("zeros-as-positive", "eigenvalues", "sampled-ratio"),
    ]
    assert "24 shown, 8 not converged" in finding.drawings[1].caption
    rows = finding.numbers.set_index("start")
    assert rows.loc["descent, 1000 steps", "converged"] == "8 of 8"
    assert rows.loc["published, from epoch 500", "converged"] == "0 of 8"
    assert rows.loc["published, from epoch 500", "n₊/P"] == "–"


def test_the_tolerance_least_in_favour_decides(tmp_path: Path, analysed: Analysed) -> None:
    """Where zeros are many at low loss, the minimal ratio says the contrary of what it should."""
    for seed in range(8):
        measured(tmp_path, seed, THEORY)
    path = next(tmp_path.glob("*/*s0-*/measures/critical_points.npz"))
    assert path.exists()
    for file in tmp_path.glob("*/*/measures/critical_points.npz"):
        with np.load(file) as stored:
            arrays = dict(stored)
        last = arrays["swept"][:, -1]
        last[:, 0] = np.where(arrays["loss"] < 1e-6, 10, 90)
        last[:, 2] = SIZE - last[:, 0]
        np.savez(file, **arrays)
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert of(finding, "higher minimal ratio", "tanh") == "not supported"
    (note,) = [c.note for c in finding.claims if "higher minimal ratio" in c.statement]
    assert "least in favour at 0, by sign alone" in note
    assert "by itself supported at 14 and not supported at 1" in note


def test_the_published_protocol_and_convergence(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(20):
        measured(tmp_path, seed, THEORY)
        measured(tmp_path, seed, THEORY, activation="relu", stuck=("descent",) if seed else ())
    finding = analysed(hw1_2_minimal_ratio.analyse)
    for activation in ("tanh", "relu"):
        assert of(finding, "the loss does not reach zero", activation) == "supported"
        assert of(finding, "the gradient does not vanish", activation) == "supported"
    assert of(finding, "finds a critical point", "tanh") == "supported"
    assert not [s for s in verdicts(finding) if "finds a critical" in s and "relu" in s]
    (found,) = [c for c in finding.claims if "finds a critical point" in c.statement]
    assert (found.estimate, found.n) == (1.0, 20)
    rows = finding.numbers.set_index(["net", "start"])
    assert rows.loc[("1-5-10-5-1, relu", "descent, 1000 steps"), "converged"] == "1 of 20"


def test_too_few_runs_or_no_spread_of_losses_stay_open(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(3):
        measured(tmp_path, seed, THEORY)
    assert set(verdicts(analysed(hw1_2_minimal_ratio.analyse)).values()) <= {
        "inconclusive",
        "inconclusive, leaning supported",
    }
    for seed in range(8):
        measured(tmp_path, seed, THEORY, stuck=("newton", "embedded"))
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert of(finding, "higher minimal ratio") == "inconclusive"
    (note,) = [c.note for c in finding.claims if "higher minimal ratio" in c.statement]
    assert "all within a decade of loss" in note


def test_a_net_without_critical_points_is_counted(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        measured(tmp_path, seed, THEORY, stuck=tuple(LOSSES))
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["gradient-norm"]
    for seed in range(5):
        measured(tmp_path, seed, THEORY, activation="relu")
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert len(finding.drawings) == 7
    caption = finding.drawings[1].caption
    for words in ("tanh: 0 shown, 20 not converged", "relu: 15 shown, 5 not converged"):
        assert words in caption


def test_losses_that_differ_by_rounding_are_one_level(tmp_path: Path) -> None:
    for seed in range(8):
        measured(tmp_path, seed, THEORY)
    (points,) = read(collect(tmp_path).runs).values()
    assert all(estimate is not None for estimate in sweep(points).ratio)
    same = 0.08 * (1 + 1e-9 * np.arange(len(points.loss)))
    assert sweep(replace(points, loss=same)).ratio == [None] * len(TOLERANCES)


def test_runs_without_the_measure_are_named(tmp_path: Path, analysed: Analysed) -> None:
    made = config("hw1_2_minimal_ratio", "minimal_ratio", "sinc", 0)
    write(tmp_path, made, {"train/loss": np.array([1.0, 0.1])}, np.array([0, 500]))
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert not finding.drawings
    assert finding.notes == ["No critical points have been looked for: 1 run: 1 completed."]
    measured(tmp_path, 1, THEORY)
    (note, *_) = analysed(hw1_2_minimal_ratio.analyse).notes
    assert note.startswith("Left out, without critical points: minimal_ratio-sinc-s0-")
