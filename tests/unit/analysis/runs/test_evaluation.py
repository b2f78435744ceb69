"""What an analysis evaluates is what was recorded in training."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from dl_experiments import problem, randomness
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.evaluation import Evaluation
from dl_experiments.artifacts import RunDirectory


def test_the_whole_sets_loss_is_the_recorded_one(trained: Path) -> None:
    for run in collect(trained).runs:
        evaluation = Evaluation(run)
        assert evaluation.samples == 64
        for row in run.rows:
            if row["epoch"] in RunDirectory(run.path).snapshots():
                weights = RunDirectory(run.path).read_weights(int(row["epoch"]))
                theta = evaluation.net.layout.flatten(weights)
                assert evaluation.recorded(theta) == pytest.approx(row["train/loss"], rel=1e-6)
                assert float(evaluation.loss(theta)) == evaluation.recorded(theta)


def test_a_subset_is_drawn_once_and_is_the_loss_of_its_samples(trained: Path) -> None:
    run = collect(trained).runs[0]
    one, other = Evaluation(run, 20), Evaluation(run, 20)
    theta = one.net.theta
    assert one.samples == 20
    assert torch.equal(one.loss(theta), other.loss(theta))
    assert one.recorded(theta) == Evaluation(run).recorded(theta)

    data = problem.data(run.config)
    data.place("cpu", torch.float64)
    inputs, classes = next(data.train.chunks(64))
    net = problem.model(run.config, data).double()  # initial weights, as theta is
    with torch.no_grad():
        each = functional.cross_entropy(net(inputs), classes, reduction="none")
    assert float(one.recorded(theta)) == pytest.approx(float(each.mean()), rel=1e-6)
    chosen = torch.randperm(64, generator=randomness.generator(0, "evaluation"))[:20]
    assert float(one.loss(theta)) == pytest.approx(float(each[chosen].mean()), rel=1e-6)
    assert Evaluation(run, 1000).samples == 64


def test_nothing_global_is_drawn_from(trained: Path) -> None:
    state = torch.get_rng_state()
    Evaluation(collect(trained).runs[0], 5)
    assert torch.equal(state, torch.get_rng_state())
