"""The rows about measures of optimization: Hessians, stacks of gradients, critical points."""

import tempfile
import time
from collections.abc import Mapping

from benchmarks import ours
from benchmarks.curvature import (
    Problem,
    by_elements,
    by_rows,
    full_hessian,
    gradients_and_products,
)
from benchmarks.harness import Comparison, Contestant, Row, Target, count
from benchmarks.stack import Silent
from benchmarks.words import SINC
from dl_experiments.job import Job
from dl_experiments.sweep import unit
from dl_experiments.sweep.unit import Unit

TURNS = 3
TANH = ["data=sinc", "model=mlp_5_10_5", "data.samples=128"]
CRITICAL = ["experiment=hw1_2_minimal_ratio", "scale=quick", "logger=none"]


def hessians(quick: bool) -> Mapping[str, Contestant]:
    problem = Problem([*SINC, f"data.samples={200 if quick else 1000}"], 1)
    return {
        "ours": full_hessian(problem),
        "rows": by_rows(problem),
        "elements": by_elements(problem, 200 if quick else 20),
    }


def products(quick: bool) -> Mapping[str, Contestant]:
    names = ("stack", "one by one", "autograd")
    return dict(zip(names, gradients_and_products(Problem(TANH, 5 if quick else 100)), strict=True))


def pipeline(quick: bool) -> Mapping[str, Contestant]:
    members, few = (4, 1) if quick else (20, 2)
    words = [*CRITICAL, "scale=smoke"] if quick else CRITICAL
    return {"stack": _critical(words, members, members), "one by one": _critical(words, few, 1)}


def _critical(overrides: list[str], nets: int, together: int) -> Contestant:
    """Seconds a net: training, both phases and all spectra, on one core."""

    def seconds() -> float:
        with tempfile.TemporaryDirectory() as outputs:
            config = ours.config([*overrides, f"paths.outputs={outputs}"])
            cells = [Job(config | {"seed": 100 + seed}, overrides) for seed in range(nets)]
            started = time.perf_counter()
            for begin in range(0, nets, together):
                errors = unit.train(Unit(cells[begin : begin + together], 1), Silent())
                assert not any(errors), errors
            return (time.perf_counter() - started) / nets

    return Contestant(seconds, f"{count(together, 'net')} at a time, 1 core")


OPTIMIZATION = [
    Comparison(
        [
            Row(
                "hessian-rows",
                "full Hessian, 571 parameters, 1,000 points, float64: ours over one autograd.grad "
                "a row",
                "ours",
                "rows",
                Target("at most", 1),
            ),
            Row(
                "hessian-elements",
                "the same: one autograd.grad for each element and tensor over ours",
                "elements",
                "ours",
                Target("at least", 15),
                "Every twentieth row is computed element by element, and the time scaled.",
            ),
        ],
        hessians,
        TURNS,
    ),
    Comparison(
        [
            Row(
                "stack-products",
                "gradient and Hessian-vector product of 100 nets of 131 parameters: the same "
                "functions one after the other over a stack",
                "one by one",
                "stack",
                Target("at least", 10),
            ),
            Row(
                "stack-products-autograd",
                "the same for plain autograd, one net after the other, over a stack",
                "autograd",
                "stack",
            ),
        ],
        products,
        TURNS,
    ),
    Comparison(
        [
            Row(
                "critical-points",
                "training, both phases and spectra of a 131-parameter net: one after the other "
                "over a stack of 20",
                "one by one",
                "stack",
                Target("at least", 3),
            )
        ],
        pipeline,
        1,
    ),
]
