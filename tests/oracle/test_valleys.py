"""Curves without a peak against scipy's regressions, and how often noise is taken for one."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import isotonic_regression

from dl_experiments.analysis.phenomena.capacity import valleys

SIZES, STUDIES = 10, 400
AT = np.arange(SIZES)
NOISES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda draw, shape: draw.normal(size=shape),
    "uneven": lambda draw, shape: draw.normal(size=shape) * np.where(AT == 0, 3, 1),
    "of seeds": lambda draw, shape: draw.normal(size=shape) + 3 * draw.normal(size=(*shape[:2], 1)),
    "along": lambda draw, shape: draw.normal(size=shape).cumsum(2) / 3,
    "heavy": lambda draw, shape: draw.standard_t(3, size=shape),
    "skewed": lambda draw, shape: draw.exponential(size=shape),
}
FLAT = np.zeros(SIZES)
WITHOUT = {
    "flat": FLAT,
    "falls": -0.3 * AT,
    "falls late": -20.0 * (AT == SIZES - 1),
    "falls early": -20.0 * (AT > 0),
    "a step": -20.0 * (AT > 4),
    "valley": 0.5 * abs(AT - 5),
    "rises": 20.0 * (AT > 0),
}
PEAKED = -0.3 * AT + 3 * np.exp(-(((AT - 5) / 1.2) ** 2))


def supported(noise: str, seeds: int, shape: np.ndarray) -> float:
    """How often the interval of the excess lies above 0."""
    draw = np.random.default_rng(1)
    curves = shape + NOISES[noise](draw, (STUDIES, seeds, SIZES))
    found = valleys.excesses(curves)
    error = found.std(1, ddof=1) / seeds**0.5
    return float(np.mean(found.mean(1) > np.quantile(valleys.noise(seeds, SIZES), 0.975) * error))


def test_the_best_valley_is_the_best_pair_of_regressions() -> None:
    draw = np.random.default_rng(0)
    for curve, found in zip(
        curves := draw.normal(size=(40, 9)), valleys.valley(curves), strict=True
    ):
        pairs = [
            np.concatenate(
                [isotonic_regression(part, increasing=up).x for part, up in parts if len(part)]
            )
            for split in range(10)
            for parts in [((curve[:split], False), (curve[split:], True))]
        ]
        least = min(((curve - pair) ** 2).sum() for pair in pairs)
        assert ((curve - found) ** 2).sum() == pytest.approx(least)
        steps = np.sign(np.diff(found)[np.abs(np.diff(found)) > 1e-12])
        assert (np.diff(steps) >= 0).all()


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("noise", NOISES)
def test_noise_is_hardly_ever_taken_for_a_peak(noise: str, seeds: int) -> None:
    often = {name: supported(noise, seeds, shape) for name, shape in WITHOUT.items()}
    most = stats.binom.ppf(0.999, STUDIES, 0.05) / STUDIES
    assert {name: share for name, share in often.items() if share > most} == {}
    assert np.mean([*often.values()]) <= 0.05


def test_a_peak_is_found() -> None:
    assert supported("normal", 10, PEAKED) > 0.85
    assert supported("normal", 5, PEAKED) > 0.3


def test_a_peak_is_placed_where_it_is() -> None:
    draw = np.random.default_rng(2)
    found = []
    for _ in range(200):
        curves = dict(enumerate(PEAKED * 2 + draw.normal(size=(10, SIZES))))
        places = np.array([*valleys.places(curves, 2**AT).values()])
        half = stats.t.ppf(0.975, len(places) - 1) * stats.sem(places)
        found.append((places.mean(), abs(places.mean() - 5) < half))
    mean, covered = np.mean(found, axis=0)
    assert mean == pytest.approx(5, abs=0.1)
    assert covered > 0.85


def test_seeds_of_one_valley_have_no_excess() -> None:
    curves = {seed: 9.0 - AT + 0.01 * seed for seed in range(5)}
    found = valleys.Excess(SIZES).level(np.array([*valleys.excess(curves).values()]))
    assert (found.value, found.same) == (0.0, True)
    assert valleys.places(curves, 2**AT) == {}


def test_p_agrees_with_the_interval() -> None:
    draw = np.random.default_rng(3)
    for curves in draw.normal(size=(20, 5, SIZES)) + PEAKED / 2:
        found = valleys.Excess(SIZES).level(valleys.excesses(curves[None])[0])
        assert (found.test.p(0.0, 1) <= 0.0255) == (found.low > 0)
        assert (found.test.p(0.0, -1) <= 0.0255) == (found.high < 0)
