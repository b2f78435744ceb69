"""Signatures, the sampled ratio and Lanczos on matrices and functions of known spectrum."""

import math

import pytest
import torch
from nets import drawn

from dl_experiments.measures.hessian import hessian
from dl_experiments.measures.lanczos import extreme_eigenvalues, lanczos
from dl_experiments.measures.neighbourhood import ball, sampled_minimal_ratio
from dl_experiments.measures.spectrum import (
    eigenvalues,
    minimal_ratio,
    negative_share,
    ratio_with_zeros,
    rounding_tolerance,
    signature,
    tolerance_sweep,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rotated(spectrum, seed=0):
    """A symmetric matrix with these eigenvalues in a random basis."""
    basis = torch.linalg.qr(drawn(len(spectrum), len(spectrum), seed=seed)).Q
    return basis @ torch.diag(torch.as_tensor(spectrum, dtype=torch.float64)) @ basis.T


KNOWN = [3.0, 1.0, 0.5, 1e-6, 0.0, 0.0, 0.0, -1e-6, -2.0]


def spectrum_of(loss, theta):
    found = hessian(loss, theta)
    values = eigenvalues(found)
    return values, rounding_tolerance(values, found.asymmetry)


@pytest.mark.parametrize("scale", [10.0**power for power in range(-8, 9, 2)])
def test_signature_of_a_known_function_at_any_scale_of_the_loss(scale):
    matrix = rotated(KNOWN)
    values, tolerance = spectrum_of(lambda t: scale * (t @ matrix @ t) / 2, drawn(len(KNOWN)))
    torch.testing.assert_close(
        values, scale * torch.tensor(sorted(KNOWN), dtype=torch.float64), rtol=0, atol=tolerance
    )
    found = signature(values, tolerance)
    assert (found.positive, found.zero, found.negative) == (4, 3, 2)
    assert minimal_ratio(found.counts) == 4 / 9
    assert negative_share(found.counts) == 2 / 9
    assert ratio_with_zeros(found.counts) == 7 / 9


def test_quartic_with_known_signature_away_from_a_quadratic():
    """Σ c t⁴/12 at t = 1 has H = diag(c), and rounding in its entries."""
    curvatures = torch.tensor([2.0, 1.0, -1.0, 0.0], dtype=torch.float64)
    loss = lambda t: (curvatures * t**4).sum() / 12  # noqa: E731
    values, tolerance = spectrum_of(loss, torch.ones(4, dtype=torch.float64))
    found = signature(values, tolerance)
    assert (found.positive, found.zero, found.negative) == (2, 1, 1)


def test_zeros_of_a_rank_one_matrix_are_zero_though_rounding_gives_them_signs():
    """The trap: 1 of 60 eigenvalues is positive, by sign alone about half of them are."""
    vector = drawn(60)
    matrix = torch.outer(vector, vector)
    values, tolerance = spectrum_of(lambda t: t @ matrix @ t / 2, drawn(60, seed=1))
    found = signature(values, tolerance)
    assert (found.positive, found.zero, found.negative) == (1, 59, 0)
    assert ratio_with_zeros(found.counts) == 1
    by_sign = tolerance_sweep(values)[-1]
    assert by_sign.tolerance == 0
    assert by_sign.positive > 10


def test_sweep_over_tolerances():
    values = torch.tensor([-2.0, -1e-6, 0.0, 1e-6, 1e-3, 4.0], dtype=torch.float64)
    sweep = tolerance_sweep(values, (1e-2, 1e-5, 1e-8))
    assert [s.tolerance for s in sweep] == [4e-2, 4e-5, 4e-8, 0]
    assert [(s.positive, s.zero, s.negative) for s in sweep] == [
        (1, 4, 1),
        (2, 3, 1),
        (3, 1, 2),
        (3, 1, 2),
    ]


def test_eigenvalue_at_the_tolerance_is_zero():
    found = signature(torch.tensor([-1.0, 1.0, 1.5], dtype=torch.float64), 1.0)
    assert (found.positive, found.zero, found.negative) == (1, 2, 0)


@pytest.mark.parametrize(("up", "down"), [(1.0, 1.0), (3.0, 1.0), (1.0, 9.0)])
def test_sampled_ratio_of_a_saddle_is_its_angle(up, down):
    """up·x² − down·y² > 0 where |y/x| < √(up/down): a share 2/π·atan √(up/down) of angles."""
    samples = 20_000
    found = sampled_minimal_ratio(
        lambda t: up * t[0] ** 2 - down * t[1] ** 2,
        torch.zeros(2, dtype=torch.float64),
        0.1,
        samples,
        generator(),
        together=5_000,
    )
    truth = 2 / math.pi * math.atan(math.sqrt(up / down))
    assert found == pytest.approx(truth, abs=4 * math.sqrt(truth * (1 - truth) / samples))


def test_sampled_ratio_of_minimum_maximum_and_slope():
    centre = drawn(5)
    ratio = lambda loss: sampled_minimal_ratio(loss, centre, 0.5, 1000, generator())  # noqa: E731
    assert ratio(lambda t: (t - centre).square().sum()) == 1
    assert ratio(lambda t: -(t - centre).square().sum()) == 0
    assert ratio(lambda t: (0 * t).sum()) == 0  # equal is not higher
    assert ratio(lambda t: t.sum()) == pytest.approx(0.5, abs=0.07)


def test_ball_is_uniform():
    """E‖δ‖² = r²·P/(P+2), P(‖δ‖ ≤ r/2) = 2^-P, and no axis is preferred."""
    points = ball(40_000, 3, 2.0, generator())
    distances = points.norm(dim=1)
    assert distances.max() <= 2
    assert float(distances.square().mean()) == pytest.approx(4 * 3 / 5, rel=0.01)
    assert float((distances <= 1).double().mean()) == pytest.approx(1 / 8, abs=0.007)
    torch.testing.assert_close(
        points.T @ points / len(points),
        torch.eye(3, dtype=torch.float64) * 4 / 5,
        rtol=0,
        atol=0.02,
    )


def test_lanczos_with_all_steps_is_the_eigensolver():
    matrix = rotated(torch.linspace(-1, 5, 12).tolist())
    start = drawn(12, seed=2)
    found = lanczos(lambda v: matrix @ v, start, 12)
    values, vectors = torch.linalg.eigh(matrix)
    torch.testing.assert_close(found.values, values, rtol=1e-12, atol=1e-12)
    truth = (vectors.T @ start / start.norm()).square()
    torch.testing.assert_close(found.weights, truth, rtol=1e-9, atol=1e-12)


def test_lanczos_stops_where_the_space_is_exhausted():
    matrix = rotated([2.0, 2.0, 2.0, -1.0, -1.0, 0.0])  # three different eigenvalues
    found = lanczos(lambda v: matrix @ v, drawn(6), 6)
    assert len(found.values) == 3
    torch.testing.assert_close(
        found.values, torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64), rtol=0, atol=1e-12
    )
    identity = lanczos(lambda v: 7 * v, drawn(6), 6)
    assert identity.values.tolist() == pytest.approx([7.0])


def test_extreme_eigenvalues_within_their_errors_and_no_copies():
    spectrum = [*torch.linspace(-0.5, 1, 120).tolist(), -4.0, 10.0, 30.0]
    matrix = rotated(spectrum)
    ritz, (smallest, largest) = extreme_eigenvalues(
        lambda v: matrix @ v, matrix[0], generator(), steps=60
    )
    assert smallest == pytest.approx(-4, rel=1e-10)
    assert largest == pytest.approx(30, rel=1e-10)
    assert int((ritz.values > 2).sum()) == 2  # without reorthogonalisation there would be more
    truth = torch.linalg.eigvalsh(matrix)
    distance = (ritz.values[:, None] - truth).abs().amin(1)
    assert (distance <= ritz.errors).all()


def test_random_numbers_come_from_the_generator_alone():
    state = torch.get_rng_state()
    matrix = rotated(KNOWN)
    runs = [extreme_eigenvalues(lambda v: matrix @ v, matrix[0], generator(7)) for _ in range(2)]
    assert torch.equal(runs[0][0].values, runs[1][0].values)
    assert torch.equal(state, torch.get_rng_state())
