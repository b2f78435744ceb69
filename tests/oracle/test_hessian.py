"""The Hessian against finite differences, closed forms and a double loop of autograd."""

import pytest
import torch
from nets import drawn, flat_net
from torch import nn
from torch.nn import functional

from dl_experiments.measures.flat import FlatNet, mean_over
from dl_experiments.measures.gradients import gradient
from dl_experiments.measures.hessian import (
    gradient_and_matrix,
    gradient_and_product,
    hessian,
    hessian_vector_product,
    rows_at_once,
    symmetrise,
)
from dl_experiments.models.cnn import CNN
from dl_experiments.models.mlp import MLP

pytestmark = pytest.mark.usefixtures("one_thread")


def of_net(make, loss, inputs, targets):
    flat = flat_net(make)
    return flat.loss(loss, inputs, targets), flat.theta


def cases():
    inputs = drawn(9, 2)
    classes = torch.arange(9) % 3
    images = drawn(5, 1, 4, 4)
    yield (
        "tanh",
        of_net(
            lambda: MLP([2], 1, [4, 3], "tanh"), functional.mse_loss, inputs, drawn(9, 1, seed=1)
        ),
    )
    yield (
        "relu",
        of_net(
            lambda: MLP([2], 1, [4, 3], "relu"), functional.mse_loss, inputs, drawn(9, 1, seed=1)
        ),
    )
    yield (
        "huber",
        of_net(
            lambda: MLP([2], 1, [4], "gelu"), functional.huber_loss, inputs, drawn(9, 1, seed=1)
        ),
    )
    yield (
        "classes",
        of_net(lambda: MLP([2], 3, [4], "tanh"), functional.cross_entropy, inputs, classes),
    )
    yield (
        "cnn",
        of_net(lambda: CNN((1, 4, 4), 3, [[2]], []), functional.cross_entropy, images, classes[:5]),
    )


CASES = dict(cases())


def double_loop(loss, theta):
    """H_ij = ∂(∂L/∂θ_i)/∂θ_j by ordinary autograd, row by row."""
    theta = theta.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(theta), theta, create_graph=True)
    rows = [torch.autograd.grad(part, theta, retain_graph=True)[0] for part in slope]
    return torch.stack(rows)


def finite_differences(loss, theta, step=1e-5):
    """Central, of the gradient: error of order step²."""
    rows = []
    for i in range(len(theta)):
        move = torch.zeros_like(theta)
        move[i] = step
        rows.append((gradient(loss, theta + move) - gradient(loss, theta - move)) / (2 * step))
    return torch.stack(rows)


@pytest.mark.parametrize("name", CASES)
def test_against_a_double_loop_and_finite_differences(name):
    loss, theta = CASES[name]
    found = hessian(loss, theta)
    torch.testing.assert_close(found.matrix, double_loop(loss, theta), rtol=1e-10, atol=1e-13)
    differences = finite_differences(loss, theta)
    torch.testing.assert_close(found.matrix, differences, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(
        torch.linalg.eigvalsh(found.matrix),
        torch.linalg.eigvalsh((differences + differences.T) / 2),
        rtol=1e-6,
        atol=1e-8,
    )


@pytest.mark.parametrize("name", CASES)
def test_symmetric_to_rounding(name):
    found = hessian(*CASES[name])
    assert torch.equal(found.matrix, found.matrix.T)
    assert found.asymmetry <= 1e-14 * found.matrix.norm()


def test_linear_regression_in_closed_form():
    inputs = drawn(20, 4)
    loss, theta = of_net(
        lambda: nn.Linear(4, 1, bias=False), functional.mse_loss, inputs, drawn(20, 1)
    )
    torch.testing.assert_close(hessian(loss, theta).matrix, 2 * inputs.T @ inputs / 20)


def test_quadratic_and_two_parameter_saddle():
    square = drawn(6, 6)
    truth = square + square.T
    found = hessian(lambda theta: theta @ truth @ theta / 2, drawn(6, seed=3))
    torch.testing.assert_close(found.matrix, truth)

    # the net w₂w₁x at x = 1, target 0.5: a saddle at the origin
    saddle = hessian(lambda w: (w[0] * w[1] - 0.5) ** 2, torch.zeros(2, dtype=torch.float64))
    truth = torch.tensor([[0.0, -1.0], [-1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(saddle.matrix, truth, rtol=0, atol=0)


@pytest.mark.parametrize("name", CASES)
def test_product_with_a_vector(name):
    loss, theta = CASES[name]
    vector = drawn(len(theta), seed=4)
    truth = hessian(loss, theta).matrix @ vector
    torch.testing.assert_close(hessian_vector_product(loss, theta, vector), truth)


def test_a_stack_of_products_is_its_members():
    loss, theta = CASES["tanh"]
    thetas, vectors = theta + 0.1 * drawn(7, len(theta)), drawn(7, len(theta), seed=5)
    gradients, products = gradient_and_product(loss, thetas, vectors)
    for i in range(7):
        torch.testing.assert_close(gradients[i], gradient(loss, thetas[i]))
        torch.testing.assert_close(products[i], hessian(loss, thetas[i]).matrix @ vectors[i])


def test_in_batches_it_is_that_of_the_whole_set():
    inputs, targets = drawn(9, 2), drawn(9, 1, seed=1)
    flat = flat_net(lambda: MLP([2], 1, [3], "tanh"))
    whole = hessian(flat.loss(functional.mse_loss, inputs, targets), flat.theta).matrix
    batches = zip(inputs.split(4), targets.split(4), strict=True)  # 4, 4, 1
    parts = flat.parts(functional.mse_loss, batches)
    found = mean_over(parts, lambda part: hessian(part, flat.theta).matrix)
    torch.testing.assert_close(found, whole)


def test_too_large_for_the_memory_says_what_to_do():
    loss, theta = CASES["tanh"]
    with pytest.raises(
        ValueError,
        match=r"memory_gib=1e-06 is less than the .* GiB that .* 31 parameters takes; .*Lanczos",
    ):
        hessian(loss, theta, memory_gib=1e-6)


def test_rows_are_as_many_as_the_memory_allows_and_change_nothing():
    loss, theta = CASES["tanh"]
    whole = hessian(loss, theta).matrix
    tight = 5e-5
    assert 1 <= rows_at_once(loss, theta, tight) < len(theta) == rows_at_once(loss, theta, 1.0)
    torch.testing.assert_close(hessian(loss, theta, tight).matrix, whole, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("block", [1, 3, 7, 8, 20])
def test_symmetrise_in_blocks(block):
    matrix = drawn(8, 8)
    mean, off = (matrix + matrix.T) / 2, (matrix - matrix.T) / 2
    assert symmetrise(matrix, block) == pytest.approx(float(off.norm()), rel=1e-12)
    assert torch.equal(matrix, mean)


class Sum(nn.Module):
    """a·x + b³, whose two tensors meet in no product, and c, which is not used."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor([[2.0]])), nn.Parameter(torch.tensor([3.0]))
        self.c = nn.Parameter(torch.tensor([5.0]))

    def forward(self, inputs):
        return inputs @ self.a + self.b**3


def test_tensors_that_do_not_meet_have_zeros_between_them():
    net = FlatNet(Sum())
    loss = net.loss(lambda outputs, _: outputs.mean(), torch.ones(4, 1), torch.ones(4, 1))
    gradient, matrix = gradient_and_matrix(loss, net.theta, rows=2)
    assert gradient.tolist() == [1, 27, 0]
    assert matrix.tolist() == [[0, 0, 0], [0, 18, 0], [0, 0, 0]]
