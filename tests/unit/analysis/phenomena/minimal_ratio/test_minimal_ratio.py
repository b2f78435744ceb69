from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from studies import LOSSES, PARAMETERS, THEORY, points
from synthetic import config, worded, write

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.minimal_ratio import analysis as hw1_2_minimal_ratio
from dl_experiments.analysis.phenomena.minimal_ratio.claims import sweep
from dl_experiments.analysis.phenomena.minimal_ratio.points import read
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.measures.critical_points import TOLERANCES

Analysed = Callable[..., Finding]


def measured(outputs: Path, seed: int, activation: str = "tanh", stuck: Sequence[str] = ()) -> None:
    """A run with points as theory has them."""
    net = {"model.hidden": [5, 10, 5], "model.activation": activation}
    made = config("hw1_2_minimal_ratio", "minimal_ratio", "sinc", seed, **net)
    files = write(outputs, made, {"train/loss": np.array([1.0, 0.1])}, np.array([0, 500]))
    files.write_measure("critical_points", points(seed, THEORY, stuck))


def verdicts(finding: Finding) -> dict[str, str]:
    return {claim.statement: claim.verdict for claim in finding.claims}


def of(finding: Finding, *parts: str) -> str:
    (found,) = [v for s, v in verdicts(finding).items() if all(part in s for part in parts)]
    return found


def test_figures_and_numbers(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(8):
        measured(tmp_path, seed)
    finding = analysed(hw1_2_minimal_ratio.analyse)
    names = [drawing.name for drawing in finding.drawings]
    assert names == [
        *("gradient-norm", "minimal-ratio", "negative-share", "correlations"),
        *("zeros-as-positive", "eigenvalues", "sampled-ratio"),
    ]
    assert "24 shown, 8 not converged" in finding.drawings[1].caption
    rows = worded(finding).set_index("start")
    assert rows.loc["descent, 1000 steps", "converged"] == "8 of 8"
    assert rows.loc["published, from epoch 500", "converged"] == "0 of 8"
    assert rows.loc["published, from epoch 500", "n₊/P"] == "–"


def test_the_tolerance_least_in_favour_decides(tmp_path: Path, analysed: Analysed) -> None:
    """Where zeros are many at low loss, the minimal ratio says the contrary of what it should."""
    for seed in range(8):
        measured(tmp_path, seed)
    for file in tmp_path.glob("*/*/measures/critical_points.npz"):
        with np.load(file) as stored:
            arrays = dict(stored)
        last = arrays["swept"][:, -1]
        last[:, 0] = np.where(arrays["loss"] < 1e-6, 10, 90)
        last[:, 2] = PARAMETERS - last[:, 0]
        np.savez(file, **arrays)
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert of(finding, "higher minimal ratio", "tanh") == "not supported"
    (note,) = [c.note for c in finding.claims if "higher minimal ratio" in c.statement]
    assert "least in favour at 0, by sign alone" in note
    assert "by itself supported at 14 and not supported at 1" in note


def test_the_published_protocol_and_convergence(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(20):
        measured(tmp_path, seed)
        measured(tmp_path, seed, activation="relu", stuck=("descent",) if seed else ())
    finding = analysed(hw1_2_minimal_ratio.analyse)
    for activation in ("tanh", "relu"):
        assert of(finding, "the loss does not reach zero", activation) == "supported"
        assert of(finding, "the gradient does not vanish", activation) == "supported"
    assert of(finding, "finds a critical point", "tanh") == "supported"
    assert not [s for s in verdicts(finding) if "finds a critical" in s and "relu" in s]
    (found,) = [c for c in finding.claims if "finds a critical point" in c.statement]
    assert (found.estimate, found.n) == (1.0, 20)
    rows = worded(finding).set_index(["net", "start"])
    assert rows.loc[("1-5-10-5-1, relu", "descent, 1000 steps"), "converged"] == "1 of 20"


def test_without_a_spread_of_losses_it_stays_open(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(8):
        measured(tmp_path, seed, stuck=("newton", "embedded"))
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert of(finding, "higher minimal ratio") == "inconclusive"
    (note,) = [c.note for c in finding.claims if "higher minimal ratio" in c.statement]
    assert "all within a decade of loss" in note


def test_a_net_without_critical_points_is_counted(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        measured(tmp_path, seed, stuck=tuple(LOSSES))
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["gradient-norm"]
    for seed in range(5):
        measured(tmp_path, seed, activation="relu")
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert len(finding.drawings) == 7
    caption = finding.drawings[1].caption
    for words in ("tanh: 0 shown, 20 not converged", "relu: 15 shown, 5 not converged"):
        assert words in caption


def test_losses_that_differ_by_rounding_are_one_level(tmp_path: Path) -> None:
    for seed in range(8):
        measured(tmp_path, seed)
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
    measured(tmp_path, 1)
    (note, *_) = analysed(hw1_2_minimal_ratio.analyse).notes
    assert note.startswith("Left out, without critical points: minimal_ratio-sinc-s0-")
