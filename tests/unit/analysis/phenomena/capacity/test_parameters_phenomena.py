from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sized import count, sized_run
from studies import parameters, samples, study
from synthetic import worded

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.capacity import best_sizes
from dl_experiments.analysis.phenomena.capacity import cifar10 as hw1_3_parameters_cifar10
from dl_experiments.analysis.phenomena.capacity import cnn as hw1_3_parameters_cnn
from dl_experiments.analysis.phenomena.capacity import samples as hw1_3_parameters_samples
from dl_experiments.analysis.phenomena.capacity import ten_nets as hw1_3_parameters
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.artifacts import write_json

Analysed = Callable[..., Finding]
TEN = [50, 100, 250, 500, 550, 750, 1000, 1050, 1500, 2000]
COUNTS = [39_760, 79_510, 198_760, 397_510, 437_260, 596_260, 795_010, 834_760]
COUNTS += [1_192_510, 1_590_010]
TARGET = {"trainer.target_loss": 0.005, "data.samples": None}


def values(rank: float, loss: float, accuracy: float) -> dict[str, float]:
    """Test loss and accuracy as given, training loss falling with the rank."""
    return {
        "train/loss": 0.1 * 0.8**rank, "test/loss": loss,
        "train/accuracy": 0.99, "test/accuracy": accuracy,
    }  # fmt: skip


def write_ten(path: Path, seeds: int = 5, top: float = 0.98, **more: object) -> None:
    """Ten nets whose test accuracy saturates at ``top``."""
    for rank, hidden in enumerate(TEN):
        for seed in range(seeds):
            wobble = 1e-4 * (seed - 2)
            early = values(rank, 0.1, top - 0.02 * 0.5**rank + wobble)
            ends = early | {"train/loss": 0.0049, "test/loss": 0.08}
            where = (path, "hw1_3_parameters", hidden, seed)
            sized_run(*where, ends, early, **(TARGET | more))


def test_the_helper_counts_as_published() -> None:
    assert [count(hidden) for hidden in TEN] == COUNTS


def test_ten_nets_saturate_at_98(tmp_path: Path, analysed: Analysed) -> None:
    write_ten(tmp_path)
    finding = analysed(hw1_3_parameters.analyse)
    assert [d.name for d in finding.drawings] == ["against-size", "epochs-to-converge"]
    at_end = "at convergence (training loss 0.005)"
    assert [(claim.statement, claim.verdict) for claim in finding.claims] == [
        ("The training loss falls all the way as the net grows, after 10 epochs", "supported"),
        ("The test accuracy saturates as the net grows, after 10 epochs", "supported"),
        ("… at about 98 %, after 10 epochs", "supported"),
        (f"The test accuracy saturates as the net grows, {at_end}", "supported"),
        (f"… at about 98 %, {at_end}", "supported"),
    ]
    assert finding.claims[0].estimate == -1.0
    assert list(worded(finding)["parameters"][:10]) == [f"{n:,}" for n in COUNTS]
    assert list(worded(finding)["dense layers"][-2:]) == ["1,500", "2,000"]
    assert not finding.notes


def test_a_subset_cannot_show_98(tmp_path: Path, analysed: Analysed) -> None:
    write_ten(tmp_path, **{"data.samples": 3000})
    claims = [c for c in analysed(hw1_3_parameters.analyse).claims if "98" in c.statement]
    assert {claim.verdict for claim in claims} == {"inconclusive"}
    assert "all 60,000 images; this is a subset of 3,000" in claims[0].note


def test_what_grows_on_does_not_saturate(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, parameters, sign=-1)
    finding = analysed(hw1_3_parameters.analyse)  # without a target: after 10 and after 20 epochs
    assert [d.name for d in finding.drawings] == ["against-size"]
    assert len(finding.claims) == 6
    assert finding.claims[0].estimate == 1.0
    assert finding.claims[1].estimate == pytest.approx(2.0, abs=0.1)


def test_a_run_that_did_not_converge_is_told_of(tmp_path: Path, analysed: Analysed) -> None:
    write_ten(tmp_path, seeds=1)
    sized_run(tmp_path, "hw1_3_parameters", 50, 1, values(0, 0.1, 0.9), **TARGET)
    finding = analysed(hw1_3_parameters.analyse)
    assert finding.notes == ["1 of 11 runs ended before they reached their target loss."]


def test_on_cifar10_loss_and_accuracy_both_rise(tmp_path: Path, analysed: Analysed) -> None:
    for rank, hidden in enumerate((10, 40, 160, 640)):
        for seed in range(5):
            ends = values(rank, 1.5 + 0.5 * rank, 0.3 + 0.05 * rank)
            sized_run(tmp_path, "hw1_3_parameters_cifar10", hidden, seed, ends, data="cifar10")
    claims = analysed(hw1_3_parameters_cifar10.analyse).claims
    assert [claim.verdict for claim in claims] == ["supported"] * 3
    assert [claim.estimate for claim in claims] == [-1.0, 1.0, 1.0]


def test_two_sizes_have_no_trend(tmp_path: Path, analysed: Analysed) -> None:
    for hidden in (10, 40):
        for seed in range(5):
            sized_run(tmp_path, "hw1_3_parameters_cnn", hidden, seed, values(1, 1.0, 0.5))
    claims = analysed(hw1_3_parameters_cnn.analyse).claims
    assert {claim.verdict for claim in claims} == {"inconclusive"}
    assert claims[0].note == "only 2 sizes, and it takes 3"


def test_more_data_moves_the_best_size_up(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, samples, keys={"loss": "mse"})
    finding = analysed(hw1_3_parameters_samples.analyse)
    assert finding.drawings[0].figure.axes[0].get_ylabel().startswith("test loss (MSE, ")
    assert finding.claims[0].estimate == pytest.approx(3.99, abs=0.02)  # 5 to 80: four octaves
    assert list(worded(finding)["training images"]) == ["100", "1,600"]
    assert worded(finding)["best size by test/loss"][0] == f"{count(5):,} (h = 5)"


def test_the_best_size_lies_between_those_that_were_trained() -> None:
    """The vertex of the parabola through three points, as a polynomial's; at an end that size."""
    counts, octaves = [100, 150, 800, 1600], np.log2([100, 150, 800, 1600])
    losses = np.array([0.9, 0.41, 0.4, 0.9])
    a, b, _ = np.polyfit(octaves[1:], losses[1:], 2)
    sides = [{0: loss, 1: rank} for rank, loss in enumerate(losses)]
    found = best_sizes.best(counts, sides, 1)
    assert found[0] == pytest.approx(-b / (2 * a))
    assert octaves[1] < found[0] < octaves[2]
    assert found[1] == octaves[0]
    assert best_sizes.best(counts, sides, -1)[1] == octaves[-1]


def test_one_best_size_whatever_the_data(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, partial(samples, best=(80, 80)))
    claim = analysed(hw1_3_parameters_samples.analyse).claims[0]
    assert claim.estimate == 0.0
    alike = "all 5 have one value: no interval"
    large = "the largest net is best with 100 images already in 5 of 5 seeds"
    assert claim.note == f"{large}; {alike}"


def test_runs_on_functions_are_left_out(tmp_path: Path, analysed: Analysed) -> None:
    write_ten(tmp_path, seeds=1)
    sized_run(tmp_path, "hw1_3_parameters", 50, 1, values(0, 0.1, 0.9), data="sinc")
    finding = analysed(hw1_3_parameters.analyse)
    assert finding.notes == ["Left out: 1 run: 1 completed, not on a known image set."]


def test_an_image_set_of_one_s_own_is_known_by_its_record(tmp_path: Path) -> None:
    facts = {"data": {"training samples": 500, "outputs": 4}}
    for recorded in (facts, {}):
        for place, hidden in enumerate((5, 20, 80)):
            net = values(place, 0.1, 0.9)
            where = (tmp_path / f"{len(recorded)}", "hw1_3_parameters_samples", hidden, 0)
            directory = sized_run(*where, net, data="drawings", **{"data.samples": None})
            write_json(directory.provenance, recorded)
    known, unknown = (hw1_3_parameters_samples.analyse(collect(tmp_path / n).runs) for n in "10")
    assert worded(known)["training images"].tolist() == ["500"]
    assert unknown.notes == ["Left out: 3 runs: 3 completed, not on a known image set."]
