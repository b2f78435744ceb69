"""Jobs that differ in seed alone are looked at once, and each goes on as it was begun."""

from pathlib import Path

import pytest
from finished import TINY

from dl_experiments import build
from dl_experiments.job import Job
from dl_experiments.sweep import inspection, plan
from dl_experiments.sweep.grouping import Planned

WORDS = [*TINY, "logger=none", "trainer.max_epochs=3", "trainer.accelerator=cpu"]


@pytest.fixture
def checked(monkeypatch):
    """The configs whose networks and optimizers have been made to be looked at."""
    found = []
    check = build.check

    def watched(config):
        found.append((config["seed"], config["optimizer"]["lr"]))
        return check(config)

    monkeypatch.setattr(build, "check", watched)
    return found


def test_seeds_share_what_is_made_to_be_looked_at(compose, checked):
    rates = [f"optimizer.lr={rate}" for rate in (0.1, 0.2)]
    jobs = [Job(compose(*WORDS, rate, f"seed={seed}")) for rate in rates for seed in range(3)]
    todos, finished = plan.check(jobs)
    assert (len(todos), finished) == (6, [])
    assert checked == [(0, 0.1), (0, 0.2)]
    assert [one.job.config["seed"] for one in todos] == [0, 1, 2, 0, 1, 2]


def test_a_users_code_is_made_for_each_seed(compose, checked, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "users")
    own = ["model._target_=users_folder.Gated", "+model.width=3"]
    less = ["~model.hidden", "~model.activation", "~model.dropout", "~model.init", "~model.gain"]
    plan.check([Job(compose(*WORDS[1:], *less, *own, f"seed={seed}")) for seed in range(2)])
    assert [seed for seed, _ in checked] == [0, 1]


@pytest.mark.parametrize("order", [("auto", "never"), ("never", "auto")])
def test_each_goes_on_as_it_was_begun(compose, order):
    """Though the command that goes on asks for one way, and they share their parts."""
    module, task = build.check(compose(*WORDS))
    begun = [
        Planned(
            Job(compose(*WORDS, f"seed={seed}", f"sweep.stack={how}")), module, task, "resume", 2
        )
        for seed, how in enumerate(order)
    ]
    found = inspection._tried(begun)
    assert [bool(one.alone) for one in found] == [how == "never" for how in order]
