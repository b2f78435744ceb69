from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import config, write

from dl_experiments.analysis.collect import collect
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import basics_batch_size
from dl_experiments.analysis.phenomena._basics_batches import seconds_an_epoch
from dl_experiments.artifacts import write_json

Analysed = Callable[..., Finding]
STUDY = basics_batch_size.STUDY
ACCURACY = {1: 0.90, 4: 0.95, 100: 0.93}


def run(path: Path, size: int, seed: int, accuracy: float, noise: bool = True) -> None:
    """A net whose noise falls and whose first epoch teaches less as the batch grows."""
    made = config(STUDY, "mlp", "mnist", seed, **{"data.batch_size": size})
    epochs = np.arange(11)
    loss = 2.3 * np.exp(-epochs / np.sqrt(size)) * (1 + 0.02 * seed) + 0.01
    curve = 0.1 + (accuracy - 0.1 + 0.002 * np.sin(seed + size)) * (1 - np.exp(-epochs))
    curves = {
        "train/loss": loss,
        "test/loss": loss,
        "train/accuracy": curve,
        "test/accuracy": curve,
    }
    if noise:
        curves["noise/batch_loss"] = 0.5 / np.sqrt(size) * (1 + 0.03 * seed) * np.ones(11)
    files = write(path, made, curves, epochs)
    seconds = {"time/fit_seconds": 100 / size + 3, "time/evaluation_seconds": 2.0}
    summary = {"epoch": 10, "time/batch_noise_seconds": 1.0} | seconds
    write_json(files.summary, {name: float(curve[-1]) for name, curve in curves.items()} | summary)


def study(path: Path, seeds: int, accuracies: dict[int, float], noise: bool = True) -> None:
    for size, accuracy in accuracies.items():
        for seed in range(seeds):
            run(path, size, seed, accuracy, noise)


def test_four_claims_with_their_numbers(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 5, ACCURACY)
    finding = analysed(basics_batch_size.analyse)
    assert [drawing.name for drawing in finding.drawings] == [
        "curves", "noise", "accuracy-and-time",
    ]  # fmt: skip
    assert {claim.statement: claim.verdict for claim in finding.claims} == {
        "The loss is noisier with batch 1 than with batch 100": "supported",
        "The first epoch teaches more with batch 1 than with batch 100": "supported",
        "An epoch takes longer with batch 1 than with batch 100": "supported",
        "Batch 4 was best, ahead of batch 100": "supported",
    }
    noisier, _, longer, best = finding.claims
    assert noisier.estimate == pytest.approx(1.0)  # the root of 100, in decades
    assert longer.estimate == pytest.approx(2.0)  # measurements left out
    assert best.estimate == pytest.approx(2.0, abs=0.3)
    assert best.note.startswith("best in each seed: batch 4 (5); chosen by the runs that test it")


def test_the_order_of_sizes_is_numeric(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 2, {100: 0.9, 4: 0.9, 20: 0.9, 1: 0.9})
    table = analysed(basics_batch_size.analyse).numbers
    assert table["batch size"].tolist() == ["1", "4", "20", "100"]
    assert table["seconds an epoch (geometric mean)"].tolist()[0].startswith("10")


def test_without_the_noise_the_rest_is_there(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 5, ACCURACY, noise=False)
    finding = analysed(basics_batch_size.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "accuracy-and-time"]
    assert finding.claims[0].estimate is None
    assert finding.claims[3].verdict == "supported"


def test_one_size_compares_with_nothing(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 3, {4: 0.9})
    claims = analysed(basics_batch_size.analyse).claims
    assert [claim.estimate for claim in claims] == [None] * 4


def test_equals_leave_open_who_is_best(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 5, {1: 0.9, 4: 0.9, 100: 0.5})
    best = analysed(basics_batch_size.analyse).claims[3]
    assert best.verdict == "inconclusive"


def test_steps_take_the_place_of_epochs(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 1, {4: 0.9})
    left, right = analysed(basics_batch_size.analyse).drawings[0].figure.axes[:2]
    assert left.get_lines()[0].get_xdata().tolist() == list(range(11))
    assert right.get_lines()[0].get_xdata().tolist() == [2 * epoch for epoch in range(1, 11)]


def test_a_time_that_is_not_known_is_none(tmp_path: Path) -> None:
    run(tmp_path, 4, 0, 0.9)
    (one,) = collect(tmp_path).runs
    assert seconds_an_epoch(one) == pytest.approx(2.5)
    assert seconds_an_epoch(replace(one, summary={"epoch": 3.0})) is None


def test_a_batch_of_all_images_has_no_noise(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, 5, {4: 0.9})
    for seed in range(5):
        run(tmp_path, 100, seed, 0.8, noise=False)
        made = config(STUDY, "mlp", "mnist", seed, **{"data.batch_size": 10_000})
        loss = 2.3 * np.exp(-np.arange(11) / 9.0) + 0.01
        write(tmp_path, made, {"train/loss": loss, "noise/batch_loss": 0 * loss}, np.arange(11))
    noisier = analysed(basics_batch_size.analyse).claims[0]
    assert (noisier.estimate, noisier.verdict) == (None, "inconclusive")
    assert noisier.note == "the loss of a batch of all images has no spread"
