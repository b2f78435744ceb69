"""Users' own code ends with the same number in a sweep as by itself, stacked or not."""

import json
import sys
from pathlib import Path

import pytest
from finished import state

from dl_experiments.artifacts import RunDirectory, read_metrics

USERS = Path(__file__).parents[1] / "users"
sys.path.append(str(USERS))

WORDS = ["trainer.max_epochs=6", "trainer.log_every=1", "trainer.precision=64-true"]
WORDS += ["logger=none", "~measurements.predictions", f"hydra.searchpath=[file://{USERS}/conf]"]
WORDS += ["data=mine_values", "data._target_=users_data.Values", "sweep.workers=1"]
MLP = ["model=mlp", "model.hidden=[9]"]


def net(name):
    return ["model=mine", f"model._target_=users_pieces.{name}"]


def task(name, loss="mse"):
    return [*MLP, f"task._target_=users_pieces.{name}", f"loss={loss}"]


def data(name):
    return [*MLP, f"data._target_=users_pieces.{name}"]


def optimizer(name):
    gone = ["~optimizer.momentum", "~optimizer.weight_decay", "~optimizer.nesterov"]
    return [*MLP, "optimizer=sgd", *gone, f"optimizer._target_=users_pieces.{name}"]


def observer(name):
    return [*MLP, f"+callbacks.own._target_=users_pieces.{name}"]


# What is tried, and whether it is stacked
PIECES = {
    "a residual net with layer norm": (net("Residual"), True),
    "an activation with a parameter": (net("Gated"), True),
    "an unused head, no decay": (net("TwoHeads"), True),
    "an unused head, decay": ([*net("TwoHeads"), "optimizer=adamw"], False),
    "weight norm": (net("WeightNorm"), None),
    "spectral norm": (net("SpectralNorm"), False),
    "batch norm": (net("BatchNorm"), False),
    "the batch's own mean": (net("OverTheBatch"), True),
    "a forward hook": (net("hooked"), False),
    "hooks on parameters": (net("clipped"), False),
    "a forward set on a layer": (net("patched"), False),
    "an attribute that counts": (net("Counting"), False),
    "a loss that is a mean": (task("Own"), True),
    "a loss that is a root": (task("Own", "l1"), False),
    "a loss that is a maximum": (task("Own", "huber"), False),
    "a training step": (task("Penalty"), False),
    "an evaluation": (task("Doubled"), True),
    "a scale for each seed": (data("OwnScale"), True),
    "a size for each seed": (data("OwnSize"), True),
    "a sampler": (data("InOrder"), None),
    "an augmentation": (data("Jitter"), True),
    "an augmentation by NumPy": (data("Coin"), False),
    "an optimizer": (optimizer("SignSGD"), False),
    "an optimizer like another": (optimizer("HalfSGD"), False),
    "an optimizer with its rule": (optimizer("RuledSGD"), True),
    "an optimizer with another's rule": (optimizer("MisruledSGD"), False),
    "a hook before the step": (optimizer("stepping"), False),
    "an optimizer of some parameters": (optimizer("last_layer"), False),
    "an optimizer of two groups": (optimizer("two_groups"), False),
    "an optimizer that a function makes": (optimizer("half_made"), True),
    "a schedule": ([*MLP, "schedule=cosine", "~schedule.T_max", "~schedule.eta_min",
                    "schedule._target_=users_pieces.Square"], True),
    "an observer": (observer("Mean"), True),
    "an observer that evaluates elsewhere": (observer("Elsewhere"), True),
    "an observer of gradients": (observer("Gradient"), False),
    "an observer that changes options": (observer("Slowing"), False),
    "an observer that changes weights": (observer("Pruning"), False),
}  # fmt: skip

KNOWN = ("a scale for each seed", "a size for each seed")  # per member by design


def of(outputs, study):
    found = map(RunDirectory, (outputs / study).glob("*-s*"))
    return {files.read_config()["seed"]: files for files in found}


def how(files):
    return json.loads(files.provenance.read_text())


@pytest.mark.parametrize("piece", PIECES)
def test_a_sweep_gives_the_number_of_the_run_by_itself(train_all, outputs, piece):
    words, stacked = PIECES[piece]
    words = [*WORDS, *words]
    train_all(*words, "study=alone", "sweep.stack=never", seeds=(0, 1))
    train_all(*words, "study=sweep", seeds=(0, 1))
    train_all(*words, "study=one", seeds=(1,))
    alone, sweep = of(outputs, "alone"), of(outputs, "sweep")
    for seed, files in sweep.items():
        rows, expected = read_metrics(files.metrics), read_metrics(alone[seed].metrics)
        assert len(rows) == len(expected)
        for row, other in zip(rows, expected, strict=True):
            assert row == pytest.approx(other, rel=1e-9, abs=1e-12)
        facts = how(files)
        assert ("layout" in facts) is (stacked if stacked is not None else "layout" in facts)
        if "layout" in facts:
            assert ("tried" in facts) is (piece not in KNOWN)
        else:
            assert facts["alone"] in files.log.read_text()
            assert files.metrics.read_bytes() == alone[seed].metrics.read_bytes()
    # by itself it is computed as in the sweep, bit for bit
    (one,) = of(outputs, "one").values()
    assert one.metrics.read_bytes() == sweep[1].metrics.read_bytes()


def test_what_only_shows_later_is_an_error_and_no_other_number(lab, outputs):
    words = [*WORDS, *observer("Pruning"), "+callbacks.own.first=4", "seed=0,1"]
    outcome = lab("-m", *words)
    assert outcome.code == 1
    assert "Pruning changed weights, options, network, loss or data at epoch 4" in outcome.err
    assert "sweep.stack=never" in outcome.err
    assert {state(files) for files in of(outputs, "adhoc").values()} == {"failed"}
    assert lab("-m", *words, "sweep.stack=never").code == 0


def test_parameters_that_share_memory_are_no_two_columns_of_a_stack(lab, outputs):
    outcome = lab("-m", *WORDS, *net("sharing"), "seed=0,1", "trainer.precision=32-true")
    assert (outcome.code, outcome.err) == (0, "")
    assert "2 alone: the network has parameters that share memory" in outcome.out


def test_the_verdict_is_told_once_a_group(lab, outputs):
    outcome = lab("-m", *WORDS, *net("hooked"), "seed=0,1,2")
    assert outcome.out.count("in a stack train/loss would not be what it is alone") == 1
    assert "3 alone: " in outcome.out
