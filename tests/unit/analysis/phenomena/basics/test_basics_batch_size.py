from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from studies import batch_sizes, study
from synthetic import config, image_run, worded, write

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.basics import batch_size as basics_batch_size
from dl_experiments.analysis.phenomena.basics.batch_size_figures import seconds_an_epoch
from dl_experiments.analysis.runs.collect import collect

Analysed = Callable[..., Finding]
STUDY = "basics_batch_size"


def run(path: Path, size: int, seed: int, accuracy: float) -> None:
    """A net of a batch size that ends at an accuracy; its noise and its time are not recorded."""
    image_run(path, "mlp", "mnist", seed, accuracy, study=STUDY, **{"data.batch_size": size})


def test_three_claims_with_their_numbers(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, batch_sizes)
    finding = analysed(basics_batch_size.analyse)
    assert [drawing.name for drawing in finding.drawings] == [
        "curves", "noise", "accuracy-and-time",
    ]  # fmt: skip
    noisier, first, longer, _ = finding.claims
    assert noisier.statement == "The loss is noisier with batch 4 than with batch 100"
    assert first.statement == "The first epoch teaches more with batch 4 than with batch 100"
    assert longer.statement == "An epoch takes longer with batch 4 than with batch 100"
    assert noisier.estimate == pytest.approx(np.log10(25) / 2)  # the root of 25, in decades
    assert longer.estimate == pytest.approx(np.log10(25))  # measurements left out


def test_the_best_is_ahead_of_the_next_best(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        for size, accuracy in ((1, 0.9), (4, 0.95), (100, 0.93)):
            run(tmp_path, size, seed, accuracy)
    finding = analysed(basics_batch_size.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "accuracy-and-time"]
    noisier, *_, best = finding.claims
    assert noisier.estimate is None
    assert best.statement == "Batch 4 was best, ahead of batch 100"
    assert (best.verdict, best.estimate) == ("supported", pytest.approx(2.0, abs=0.3))
    assert len(best.runs) == 15  # of all batch sizes, as a further seed is
    assert best.note.startswith("best in each seed: batch 4 (5); chosen by the runs that test it")
    for seed in range(5):
        run(tmp_path, 20, seed, 0.95 + 0.001 * (-1) ** seed)
    assert analysed(basics_batch_size.analyse).claims[3].verdict == "inconclusive"  # of equals


def test_the_order_of_sizes_is_numeric(tmp_path: Path, analysed: Analysed) -> None:
    for size in (100, 4, 20, 1):
        run(tmp_path, size, 0, 0.9)
    table = worded(analysed(basics_batch_size.analyse))
    assert table["batch size"].tolist() == ["1", "4", "20", "100"]


def test_one_size_compares_with_nothing(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(3):
        run(tmp_path, 4, seed, 0.9)
    claims = analysed(basics_batch_size.analyse).claims
    assert [claim.estimate for claim in claims] == [None] * 4


def test_steps_take_the_place_of_epochs(tmp_path: Path, analysed: Analysed) -> None:
    run(tmp_path, 4, 0, 0.9)
    left, right = analysed(basics_batch_size.analyse).drawings[0].figure.axes[:2]
    assert left.get_lines()[0].get_xdata().tolist() == list(range(1, 21))
    assert right.get_lines()[0].get_xdata().tolist() == [2 * epoch for epoch in range(1, 21)]


def test_a_time_that_is_not_known_is_none(tmp_path: Path) -> None:
    study(tmp_path, batch_sizes, 1)
    one = next(run for run in collect(tmp_path).runs if run.batch_size == 100)
    assert seconds_an_epoch(one) == pytest.approx(1 / 20)
    assert seconds_an_epoch(replace(one, summary={"epoch": 3.0})) is None


def test_a_batch_of_all_images_has_no_noise(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, batch_sizes)
    for seed in range(5):
        made = config(STUDY, "mlp", "mnist", seed, **{"data.batch_size": 10_000})
        loss = 2.3 * np.exp(-np.arange(11) / 9.0) + 0.01
        write(tmp_path, made, {"train/loss": loss, "noise/batch_loss": 0 * loss}, np.arange(11))
    noisier = analysed(basics_batch_size.analyse).claims[0]
    assert (noisier.estimate, noisier.verdict) == (None, "inconclusive")
    assert noisier.note == "the loss of a batch of all images has no spread"
