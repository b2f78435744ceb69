"""Epochs to a level with runs that never got there, against a slow twin."""

from pathlib import Path

import numpy as np
import pytest
from scipy import integrate
from synthetic import config, write

from dl_experiments.analysis.phenomena.depth.groups import LEVELS, levels
from dl_experiments.analysis.phenomena.depth.simulate_claims import speeds
from dl_experiments.analysis.runs.censored import median, missing, reaching, share_left, told
from dl_experiments.analysis.runs.collect import Run, collect

LOSS = "train/loss"
AT = np.arange(101)


def nets(outputs: Path, halvings: list[float]) -> list[Run]:
    """Seed by seed a loss that begins at 1 and falls to half every so many epochs."""
    for seed, half in enumerate(halvings):
        made = config("hw1_1_simulate", "deep", "sign_sin", seed)
        write(outputs, made, {LOSS: 0.5 ** (AT / half)}, AT)
    return sorted(collect(outputs).runs, key=lambda run: run.seed)


def test_nobody_is_dropped_and_nobody_given_a_number(tmp_path: Path) -> None:
    runs = nets(tmp_path, [5, 10, 20, 60, 1e9])
    found = reaching(runs, LOSS, 0.25)  # after two halvings; the last two need 120 and more
    assert found is not None
    assert share_left(found).quantiles.tolist() == [10, 20, 40, 100]
    assert share_left(found).probabilities == pytest.approx([0.8, 0.6, 0.4, 0.4])
    assert (median(found), missing(found)) == (40, "2 of 5 not reached")
    assert told(found) == "40 (2 of 5 not reached)"
    late = reaching(runs, LOSS, 0.1)
    assert late is not None
    assert (median(late), told(late)) == (67, "67 (2 of 5 not reached)")
    none = reaching(runs, LOSS, 1e-9)
    assert none is not None
    assert told(none) == "> 100 (5 of 5 not reached)"
    assert reaching([], LOSS, 0.1) is None


def test_a_diverged_net_never_gets_there(tmp_path: Path) -> None:
    up = config("hw1_1_simulate", "deep", "sign_sin", 9)
    write(tmp_path, up, {LOSS: np.array([1.0, 0.01, np.nan])}, AT[:3], "diverged")
    found = reaching(nets(tmp_path, [5, 10]), LOSS, 0.25)
    assert found is not None
    assert told(found) == "20 (1 of 3 not reached)"
    assert share_left(found).quantiles.tolist() == [10, 20, 100]


def test_nets_that_all_diverged_at_once_count_from_the_first_epoch(tmp_path: Path) -> None:
    up = config("hw1_1_simulate", "deep", "sign_sin", 0)
    write(tmp_path, up, {LOSS: np.array([np.nan])}, AT[:1], "diverged")
    found = reaching(collect(tmp_path).runs, LOSS, 0.25)
    assert found is not None
    assert share_left(found).quantiles.tolist() == [1]  # epoch 0 has no logarithm


def test_levels_lie_below_the_first_losses_that_are_numbers(tmp_path: Path) -> None:
    nets(tmp_path, [5, 10])
    for seed in (2, 3):
        up = config("hw1_1_simulate", "deep", "sign_sin", seed)
        write(tmp_path, up, {LOSS: np.array([np.nan])}, AT[:1], "diverged")
    runs = collect(tmp_path).runs
    assert levels(sorted(runs, key=lambda run: -run.seed)) == levels(runs)
    assert levels(runs) == [*LEVELS]  # below 1


def test_speed_is_the_area_under_the_estimate(tmp_path: Path) -> None:
    """Over nets and levels its mean is the restricted mean of log10 epochs: ∫ S up to the end."""
    runs = nets(tmp_path, [5, 10, 20, 60])
    found = [of for run in runs for of in speeds([run]) or []]
    end, areas = np.log10(AT[-1]), []
    for level in (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001):
        times = reaching(runs, LOSS, level)
        left = share_left(times)
        grid = np.linspace(0, end, 20_001)
        areas.append(integrate.trapezoid(left.evaluate(10**grid), grid))
    assert np.mean(found) == pytest.approx(np.mean(areas), abs=1e-3)
