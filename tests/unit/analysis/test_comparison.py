from collections.abc import Callable
from pathlib import Path

import numpy as np
from synthetic import config, function_run, image_run, worded, write

from dl_experiments.analysis import comparison
from dl_experiments.analysis.findings import Finding

Analysed = Callable[..., Finding]


def names(finding: Finding) -> list[str]:
    return [drawing.name for drawing in finding.drawings]


def test_compares_by_the_keys_that_were_swept(tmp_path: Path, analysed: Analysed) -> None:
    for lr in (0.1, 0.001):
        for model in ("shallow", "deep"):
            for seed in range(2):
                image_run(tmp_path, model, "digits", seed, study="adhoc", **{"optimizer.lr": lr})
    image_run(
        tmp_path, "deep", "digits", 2, study="adhoc", state="diverged", **{"optimizer.lr": 0.1}
    )
    finding = analysed(comparison.analyse)
    assert names(finding) == ["curves", "final-values"]
    assert finding.about.startswith("Swept: model.name, optimizer.lr. Means over ")
    assert not finding.notes
    legend = [t.get_text() for t in finding.drawings[0].figure.legends[0].get_texts()]
    assert legend[:2] == [
        "deep, lr 0.001 (571 parameters), n = 2",
        "deep, lr 0.1 (571 parameters), n = 2 + 1 diverged",
    ]
    labels = [axis.get_xlabel() for axis in finding.drawings[1].figure.axes[:2]]
    assert labels == ["model.name", "optimizer.lr"]
    assert worded(finding)["seeds"].tolist() == [
        "n = 2", "n = 2 + 1 diverged", "n = 2", "n = 2",
    ]  # fmt: skip


def test_data_sets_never_share_an_axis(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(2):
        image_run(tmp_path, "deep", "digits", seed, study="adhoc")
        image_run(tmp_path, "deep", "mnist", seed, study="adhoc")
        function_run(tmp_path, "deep", "sinc", seed, 0.1, 0.1, study="adhoc")
    finding = analysed(comparison.analyse)
    assert names(finding) == [
        "curves-1", "predictions-1", "curves-2", "curves-3",
        "final-values-1", "final-values-2", "final-values-3",
    ]  # fmt: skip
    for drawing in finding.drawings:
        assert "2 runs: 2 completed" in drawing.figure.texts[1].get_text()


def test_many_groups_are_split_over_figures(tmp_path: Path, analysed: Analysed) -> None:
    for model in ("deep", "middle", "shallow"):
        for drop in (0.0, 0.2, 0.5):
            for lr in (0.1, 0.01, 0.001):
                more = {"optimizer.lr": lr, "model.dropout": drop}
                image_run(tmp_path, model, "digits", 0, study="adhoc", epochs=2, **more)
    finding = analysed(comparison.analyse)
    # one more key apart than would give nine groups, and grey dots where colours run out
    assert names(finding) == [*(f"curves-{i}" for i in range(1, 10)), "final-values"]


def test_one_key_with_many_values_stays_together(tmp_path: Path, analysed: Analysed) -> None:
    for size in range(16, 200, 16):
        more = {"data.batch_size": size}
        image_run(tmp_path, "deep", "digits", 0, study="adhoc", epochs=2, **more)
    assert names(analysed(comparison.analyse)) == ["curves", "final-values"]


def test_nothing_swept_is_said(tmp_path: Path, analysed: Analysed) -> None:
    image_run(tmp_path, "deep", "digits", 0, study="adhoc")
    finding = analysed(comparison.analyse)
    assert names(finding) == ["curves", "final-values"]
    assert finding.about.startswith("Nothing but the seed differs. ")


def test_a_study_that_only_failed_is_a_table(tmp_path: Path, analysed: Analysed) -> None:
    write(tmp_path, config("adhoc", "deep", "digits", 0), {}, np.empty(0), "failed", "why")
    finding = analysed(comparison.analyse)
    assert not finding.drawings
    assert worded(finding)["seeds"].tolist() == ["n = 0 + 1 failed"]


def test_a_run_without_test_values_is_compared_by_training(
    tmp_path: Path, analysed: Analysed
) -> None:
    made = config("adhoc", "deep", "sinc", 0)
    write(tmp_path, made, {"train/loss": np.array([2.0, 1.0])}, np.arange(2))
    assert names(analysed(comparison.analyse)) == ["curves", "final-values"]


def test_predictions_over_the_truth_are_drawn_for_functions(
    tmp_path: Path, analysed: Analysed
) -> None:
    for model in ("shallow", "deep"):
        for seed in range(3):
            function_run(tmp_path, model, "sinc", seed, 0.1, 0.1, study="adhoc")
    finding = analysed(comparison.analyse)
    assert names(finding) == ["curves", "predictions", "final-values"]
    panels = finding.drawings[1].figure.axes
    assert [panel.get_title() for panel in panels] == [
        "deep on sinc, n = 3", "shallow on sinc, n = 3",
    ]  # fmt: skip
    assert all(len(panel.get_lines()) == 4 for panel in panels)  # the truth is one


def test_a_loss_alone_is_captioned_with_the_mean_that_is_drawn(
    tmp_path: Path, analysed: Analysed
) -> None:
    for seed, scale in enumerate((1.0, 100.0)):
        made = config("adhoc", "deep", "sinc", seed)
        write(tmp_path, made, {"train/loss": scale * np.array([2.0, 1.0])}, np.arange(2))
    curves, finals = analysed(comparison.analyse).drawings
    assert "geometric mean of the loss over completed seeds" in curves.caption
    assert "accuracy" not in curves.caption
    np.testing.assert_allclose(curves.figure.axes[0].get_lines()[0].get_ydata(), [20, 10])
    assert "of a loss or a time the geometric mean" in finals.caption
    _dots, bar, _interval = finals.figure.axes[0].get_lines()
    np.testing.assert_allclose(bar.get_ydata(), 10)
