"""Gradients and Hessians of small nets, and the obvious ways to compute them."""

import time
from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import ours
from benchmarks.harness import Contestant
from dl_experiments.measures import hessian
from dl_experiments.measures.flat import FlatNet


@final
class Problem:
    """The loss of a net on a function in float64, for our measures and for plain autograd.

    Args:
        overrides: The net and its data.
        seeds: How many nets.
    """

    def __init__(self, overrides: Sequence[str], seeds: int) -> None:
        torch.set_num_threads(1)
        nets = []
        for seed in range(seeds):
            module, network, _ = ours.parts([*overrides, f"seed={seed}"])
            nets.append(FlatNet(network))
        self.net, self.module = nets[0], network.double()
        self.inputs = module.train.prepare(module.train.inputs).double()
        self.targets = module.train.targets.double()
        self.loss = self.net.loss(functional.mse_loss, self.inputs, self.targets)
        self.thetas = torch.stack([net.theta for net in nets])

    def gradient_by_autograd(self) -> tuple[list[Tensor], list[Tensor]]:
        """The parameters and the gradient of the loss, with its graph."""
        parameters = list(self.module.parameters())
        loss = functional.mse_loss(self.module(self.inputs), self.targets)
        return parameters, list(torch.autograd.grad(loss, parameters, create_graph=True))


def _once(act: Callable[[], object], share: float = 1.0) -> Contestant:
    def seconds() -> float:
        torch.set_num_threads(1)
        started = time.perf_counter()
        act()
        return (time.perf_counter() - started) / share

    return Contestant(seconds, "1 thread")


def full_hessian(problem: Problem) -> Contestant:
    """Ours."""
    return _once(lambda: hessian.hessian(problem.loss, problem.thetas[0]))


def by_rows(problem: Problem) -> Contestant:
    """One ``autograd.grad`` a row, over all parameters, keeping the graph."""

    def rows() -> Tensor:
        parameters, gradient = problem.gradient_by_autograd()
        flat = torch.cat([part.flatten() for part in gradient])
        made = [torch.autograd.grad(one, parameters, retain_graph=True) for one in flat]
        return torch.stack([torch.cat([part.flatten() for part in row]) for row in made])

    return _once(rows)


def by_elements(problem: Problem, every: int) -> Contestant:
    """One ``autograd.grad`` for each element of the gradient and each tensor of parameters.

    Args:
        problem: What is differentiated.
        every: Only each so-manieth row is computed, and the time is scaled.
    """

    def elements() -> None:
        parameters, gradient = problem.gradient_by_autograd()
        for one in torch.cat([part.flatten() for part in gradient])[::every]:
            for parameter in parameters:
                torch.autograd.grad(one, parameter, retain_graph=True, allow_unused=True)

    rows = problem.thetas.shape[1]
    return _once(elements, share=len(range(0, rows, every)) / rows)


def gradients_and_products(problem: Problem) -> tuple[Contestant, Contestant, Contestant]:
    """Gradient and Hessian-vector product of all nets: a stack, one by one, plain autograd."""
    vectors = torch.ones_like(problem.thetas)

    def stack() -> None:
        hessian.gradient_and_product(problem.loss, problem.thetas, vectors)

    def one_by_one() -> None:
        for theta, vector in zip(problem.thetas, vectors, strict=True):
            hessian.gradient_and_product(problem.loss, theta, vector)

    def plain() -> None:
        for vector in vectors:
            parameters, gradient = problem.gradient_by_autograd()
            flat = torch.cat([part.flatten() for part in gradient])
            torch.autograd.grad(flat, parameters, vector)

    stack()
    return _once(stack), _once(one_by_one), _once(plain)
