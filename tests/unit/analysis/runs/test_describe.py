from pathlib import Path

import numpy as np
import pytest
from synthetic import config, image_run, write

from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.describe import about, interval, low_to_high, number, percent
from dl_experiments.analysis.runs.statistics import Estimate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (0.0, "0"), (571, "571"), (61234, "61,234"), (0.98765, "0.9877"),
        (0.0123, "0.0123"), (-0.25, "−0.25"), (3.21e-5, "3.21×10⁻⁵"), (-2e-7, "−2.00×10⁻⁷"),
        (1.5e30, "1.50×10³⁰"), (float("inf"), "not finite"), (97.678, "97.68"), (1234.5, "1,234"),
    ],
)  # fmt: skip
def test_numbers_for_people(value: float | None, text: str) -> None:
    assert number(value) == text


def test_intervals_for_people() -> None:
    assert interval(Estimate(0.5, 0.25, 0.75, 3)) == "0.5 [0.25, 0.75]"
    assert interval(Estimate(0.5, None, None, 1), percent) == "50.00 %"
    assert interval(None) == "–"


def test_the_lowest_and_the_highest_for_people() -> None:
    assert low_to_high([2416, 2400, 2405]) == "2,400 to 2,416"
    assert low_to_high(np.array([0.5, 0.5001])) == "0.5"
    assert low_to_high([0.123, 0.5], percent) == "12.30 % to 50.00 %"
    assert low_to_high({}.values()) == "–"


def test_a_figure_says_what_its_runs_are(tmp_path: Path) -> None:
    for seed in range(3):
        image_run(tmp_path, "deep", "mnist", seed, epochs=1)
    image_run(tmp_path, "deep", "mnist", 3, state="diverged")
    write(tmp_path, config("hw1_1_mnist", "deep", "mnist", 4), {}, np.empty(0), "failed")
    assert about(collect(tmp_path).runs, "adam") == (
        "MNIST · subset of 10,000 training images · adam · quick scale · 3 completed seeds · "
        "5 runs: 3 completed, 1 diverged, 1 failed"
    )


@pytest.mark.parametrize(
    ("noises", "text"),
    [
        ([(0.0, "uniform", "original")], ""),
        ([(0.5, "uniform", "original")], "labels replaced with p = 0.5 (uniform)"),
        (
            [(1, "symmetric", "random")],
            "labels replaced with p = 1 (symmetric) · random test labels",
        ),
        (
            [(0.0, "uniform", "original"), (0.25, "uniform", "random")],
            "labels replaced with p = 0 or 0.25 (uniform) · random or true test labels",
        ),
        ([(0.0, "uniform", "random")], "random test labels"),
    ],
)
def test_a_figure_names_its_label_noise(
    tmp_path: Path, noises: list[tuple[float, str, str]], text: str
) -> None:
    for seed, noise in enumerate(noises):
        node = dict(zip(("fraction", "kind", "test_labels"), noise, strict=True))
        image_run(tmp_path, "deep", "mnist", seed, study="adhoc", epochs=1, label_noise=node)
    words = about(collect(tmp_path).runs).split(" · ")
    assert words[:2] == ["MNIST", "subset of 10,000 training images"]
    assert " · ".join(words[2:-2]) == text


@pytest.mark.parametrize("samples", [None, 50_000])
def test_all_of_the_data_is_said_as_such(tmp_path: Path, samples: int | None) -> None:
    image_run(tmp_path, "deep", "cifar10", 0, study="adhoc", epochs=1, **{"data.samples": samples})
    assert about(collect(tmp_path).runs) == (
        "CIFAR-10 · all training images · 1 completed seed · 1 run: 1 completed"
    )


def test_subsets_are_listed_once(tmp_path: Path) -> None:
    for seed, samples in enumerate([600, 2000, 6000, None]):
        image_run(
            tmp_path, "deep", "mnist", seed, study="adhoc", epochs=1, **{"data.samples": samples}
        )
    words = about(collect(tmp_path).runs).split(" · ")[1]
    assert words == "all training images or subset of 600, 2,000 or 6,000 training images"
