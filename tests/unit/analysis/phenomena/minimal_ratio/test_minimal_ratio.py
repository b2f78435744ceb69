from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from studies import LOSSES, PARAMETERS, THEORY, points
from synthetic import config, worded, write

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.minimal_ratio import analysis as hw1_2_minimal_ratio
from dl_experiments.analysis.phenomena.minimal_ratio.claims import sweep
from dl_experiments.analysis.phenomena.minimal_ratio.points import kinks, read
from dl_experiments.analysis.phenomena.minimal_ratio.spectra import cumulative, zeros
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.callbacks.critical_points import KINKED
from dl_experiments.measures.critical_points import TOLERANCES
from dl_experiments.models import mlp

Analysed = Callable[..., Finding]


def measured(
    outputs: Path,
    seed: int,
    activation: str = "tanh",
    stuck: Sequence[str] = (),
    model: str = "minimal_ratio",
) -> None:
    """A run with points as theory has them."""
    net = {"model.hidden": [5, 10, 5], "model.activation": activation}
    made = config("hw1_2_minimal_ratio", model, "sinc", seed, **net)
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


def test_the_tolerance_above_rounding_least_in_favour_decides(
    tmp_path: Path, analysed: Analysed
) -> None:
    """At one tolerance the counts say the contrary of what they should, and by sign alone too."""
    for seed in range(8):
        measured(tmp_path, seed)
    for file in tmp_path.glob("*/*/measures/critical_points.npz"):
        with np.load(file) as stored:
            arrays = dict(stored)
        for place in (TOLERANCES.index(1e-5), -1):
            arrays["swept"][:, place, 0] = 10 + arrays["swept"][:, 0, 2]
            arrays["swept"][:, place, 1] = 0
            arrays["swept"][:, place, 2] = PARAMETERS - arrays["swept"][:, place, 0]
        np.savez(file, **arrays)
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert of(finding, "higher minimal ratio", "tanh") == "not supported"
    (note,) = [c.note for c in finding.claims if "higher minimal ratio" in c.statement]
    assert "over 10 tolerances" in note  # down to 10⁻¹³: rounding lies at 3×10⁻¹⁴
    assert "by itself supported at 9 and not supported at 1; least in favour at 1×10⁻⁵" in note


def test_a_distinct_point_counts_once_however_many_runs_find_it(
    tmp_path: Path, analysed: Analysed
) -> None:
    """Seven embedded and seven of Newton's; those at a loss of zero are one, which says nothing."""
    for seed in range(14):
        measured(tmp_path, seed)
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert {c.n for c in finding.claims if "one search" in c.statement} == {14}
    rows = worded(finding).set_index("start")["distinct"]
    assert rows["embedded 2-1-2"] == rows["newton from epoch 0"] == "7"
    assert (rows["descent, 1000 steps"], rows["published, from epoch 500"]) == ("1", "0")


def test_what_differs_from_start_to_start_shows_nothing(tmp_path: Path) -> None:
    """Higher losses come with more negative eigenvalues in one start, and all in it are alike."""
    for seed in range(14):
        measured(tmp_path, seed)
    (found,) = read(collect(tmp_path).runs).values()
    swept = np.zeros_like(found.swept)
    for arm, negative in (("newton", 60), ("embedded", 30), ("descent", 0)):
        swept[found.arm == arm] = [PARAMETERS - negative, 0, negative]
    estimates = sweep(replace(found, swept=swept)).negative
    assert {(e.value, e.low) for e in estimates if e} == {(0.0, None)}


def test_two_names_of_one_net_are_no_two_seeds(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        for model in ("minimal_ratio", "mlp_5_10_5"):
            measured(tmp_path, seed, model=model)
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert {claim.verdict for claim in finding.claims} == {"inconclusive"}
    assert all(
        "several runs of one seed, which differ in model.name" in c.note for c in finding.claims
    )


def test_nets_that_do_not_say_their_widths_are_told_apart_by_name(
    tmp_path: Path, analysed: Analysed
) -> None:
    for model in ("mine", "yours"):
        for seed in range(2):
            net = {"model._target_": f"nets.{model}"}
            made = config("hw1_2_minimal_ratio", model, "sinc", seed, **net)
            del made["model"]["hidden"]
            files = write(tmp_path, made, {"train/loss": np.array([1.0, 0.1])}, np.array([0, 500]))
            files.write_measure("critical_points", points(seed, THEORY))
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert list(dict.fromkeys(worded(finding)["net"])) == ["mine", "yours"]


def test_what_is_shaded_is_what_is_not_judged(tmp_path: Path) -> None:
    """One point of many has a wide tolerance of rounding."""
    for seed in range(3):
        measured(tmp_path, seed)
    (label, found), *_ = read(collect(tmp_path).runs).items()
    wide = np.where(np.arange(len(found.rounding)) == 1, 3e-6, found.rounding)
    groups = {label: replace(found, rounding=wide)}
    with style.applied():
        _, figure = zeros("", groups)
    (shaded,) = figure.axes[0].patches
    assert shaded.get_x() + shaded.get_width() == pytest.approx(3e-6)
    assert groups[label].judged.tolist() == [of > 3e-6 for of in found.relative]


def test_no_curve_of_eigenvalues_leaves_its_panel(tmp_path: Path) -> None:
    """All but one of the eigenvalues are positive."""
    for seed in range(3):
        measured(tmp_path, seed)
    (label, found), *_ = read(collect(tmp_path).runs).items()
    spectrum = np.tile(np.linspace(0.1, 1, PARAMETERS), (len(found.loss), 1))
    spectrum[:, 0] = -0.1
    with style.applied():
        _, figure = cumulative("", {label: replace(found, spectrum=spectrum)})
    tops = {axis.get_ylim() for axis in figure.axes}
    assert len(tops) == 1
    ((low, high),) = tops
    assert low == 0
    assert high > PARAMETERS - 1


def test_kinks_are_told_of_where_a_net_has_them(tmp_path: Path) -> None:
    for activation in mlp.ACTIVATIONS:
        measured(tmp_path, 0, activation=activation)
    groups = read(collect(tmp_path).runs)
    assert len(groups) == len(mlp.ACTIVATIONS)
    for label, found in groups.items():
        kinked = isinstance(mlp.ACTIVATIONS[found.activation](), KINKED)
        assert bool(kinks({label: found})) == kinked
    (said,) = kinks(groups)
    assert said.startswith("The loss of a net of leaky_relu or relu or selu has kinks")


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
    assert {len(c.runs) for c in finding.claims} == {20}  # of the claim's own net
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
    assert note == "0 distinct critical points of starts that found several: too few"


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


def test_losses_that_agree_one_to_the_next_are_one_point(tmp_path: Path) -> None:
    for seed in range(8):
        measured(tmp_path, seed)
    (points,) = read(collect(tmp_path).runs).values()
    losses = np.array([0.02, 0.0201, 0.02019, 0.03, 1e-9, 1e-12, 5e-9, 0.5])
    loss = np.where(points.arm == "embedded", np.repeat(losses, 4), points.loss)
    found = replace(points, loss=loss).distinct("embedded 2-1-2")
    assert found[points.arm == "embedded"].tolist() == [1, 1, 1, 2, 0, 0, 0, 3]
    assert set(found[points.arm != "embedded"]) == {-1}


def test_runs_without_the_measure_are_named(tmp_path: Path, analysed: Analysed) -> None:
    made = config("hw1_2_minimal_ratio", "minimal_ratio", "sinc", 0)
    write(tmp_path, made, {"train/loss": np.array([1.0, 0.1])}, np.array([0, 500]))
    finding = analysed(hw1_2_minimal_ratio.analyse)
    assert not finding.drawings
    assert finding.notes == ["No critical points have been looked for: 1 run: 1 completed."]
    measured(tmp_path, 1)
    (note, *_) = analysed(hw1_2_minimal_ratio.analyse).notes
    assert note.startswith("Left out, without critical points: minimal_ratio-sinc-s0-")
