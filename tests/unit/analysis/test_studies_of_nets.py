"""Small studies of nets with something the matter, and what a careful statistician reports.

Of nets that learn functions, grow, or are given random labels; see ``test_studies.py``.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from questionable import Study, image, numbers
from scipy import stats
from synthetic import HIDDEN, worded

from dl_experiments.analysis.phenomena.trajectory.claims import deviation
from dl_experiments.artifacts import RunDirectory, write_json

Start = Callable[[str], Study]


@pytest.fixture
def study(tmp_path: Path) -> Start:
    return lambda name: Study(tmp_path, name)


# --- functions


def fit(
    of: Study, model: str, seed: int, loss: Any, epochs: np.ndarray, data: str = "sign_sinc",
    **keys: Any,
) -> None:  # fmt: skip
    curves = {"train/loss": loss, "test/loss": loss}
    of.add(seed, curves, epochs, model=model, data=data, **{"model.hidden": HIDDEN[model]} | keys)


LONG = np.arange(0, 1001, 20)


@pytest.mark.parametrize("seldom", [50, 200])
def test_nets_that_are_logged_more_seldom_are_no_slower(study: Start, seldom: int) -> None:
    """Deep and shallow fall alike, but the shallow nets were logged every 50 or 200 epochs only.

    At the epochs that both have there is no difference; the deep nets' own made it 0.1 to 0.5
    decades. And five epochs are too few to refute that one is faster.
    """
    nets = study("hw1_1_simulate")
    for seed in range(6):
        for model, every in (("deep", 10), ("shallow", seldom)):
            at = np.arange(0, 1001, every)
            speed = 0.01 + 0.0002 * seed + (0.0001 * (seed - 2.5) if model == "deep" else 0.0)
            loss = 1e-3 + np.exp(-at * speed)
            fit(nets, model, seed, loss, at, **{"trainer.log_every": every})
    _, (line,) = nets.report()
    shared = 1000 // seldom + 1
    assert line.endswith(f"what is compared is read at the {shared} that all have")
    found = nets.claim("More layers converge in fewer epochs: deep before shallow")
    assert found.estimate == pytest.approx(0.0, abs=0.01)
    assert found.verdict == "inconclusive"
    assert (found.note == "recorded at only 5 epochs, and it takes 10") == (seldom == 200)


@pytest.mark.parametrize(("zero", "verdict"), [("middle", "not supported"), ("deep", "supported")])
def test_a_net_that_ends_at_zero_counts(study: Start, zero: str, verdict: str) -> None:
    """Who ends at a loss of exactly 0 is the best, though it has no logarithm."""
    nets = study("hw1_1_simulate")
    ends = {"deep": 1e-4, "middle": 1e-3, "shallow": 1e-2}
    for seed in range(6):
        for model, end in ends.items():
            loss = np.exp(-LONG / 50) + end * (1 + 0.1 * seed)
            if model == zero:
                loss[LONG > 300] = 0.0
            fit(nets, model, seed, loss, LONG)
    found = nets.claim("Deep is best on sign_sinc")
    assert (found.verdict, found.n) == (verdict, 6)
    assert found.note.startswith("at exactly 0 and counted at the lowest above it: 6; deep minus ")


def test_a_loss_that_starts_at_zero_is_no_speed(study: Start) -> None:
    """Nothing can fall from a loss of 0: no number and a report all the same."""
    nets = study("hw1_1_simulate")
    for seed in range(5):
        fit(nets, "deep", seed, 0.0 * LONG, LONG)
        fit(nets, "shallow", seed, np.exp(-LONG / 50), LONG)
    found = nets.claim("More layers converge in fewer epochs")
    assert (found.estimate, found.note) == (None, "no seed has such a number")


@pytest.mark.parametrize("key", ["model.activation", "model.dropout", "optimizer.lr"])
def test_what_was_chosen_beside_a_name_is_told(study: Start, key: str) -> None:
    """Deep nets have one activation, dropout, rate, shallow ones another: nobody can tell which."""
    nets = study("hw1_1_simulate")
    for seed in range(5):
        for model, value in (("deep", 0.1), ("shallow", 0.2)):
            speed = 20 if model == "deep" else 100
            fit(nets, model, seed, np.exp(-LONG / speed) + 1e-5 * (1 + seed), LONG, **{key: value})
    finding, _ = nets.report()
    assert finding.notes == [f"Differing along with model.name, not told apart: {key}."]
    assert {claim.verdict for claim in finding.claims} == {"inconclusive"}


def test_functions_that_are_not_compared_may_differ(study: Start) -> None:
    """Each function has samples of its own, alike for all nets: deep and shallow are comparable."""
    nets = study("hw1_1_simulate")
    for seed in range(5):
        for data, samples in (("sinc", 256), ("sign_sinc", 1024)):
            for model, speed in (("deep", 20), ("shallow", 100 + seed)):
                loss = np.exp(-LONG / speed) + 1e-5 * (1 + seed)
                fit(nets, model, seed, loss, LONG, data, **{"data.samples": samples})
    finding, _ = nets.report()
    assert not finding.notes
    assert [claim.verdict for claim in finding.claims[:2]] == ["supported"] * 2


def walk(seed: int) -> np.ndarray:
    """A gradient norm that wanders [501]."""
    return 10 ** np.cumsum(0.05 * np.random.default_rng(seed).normal(size=501))


@pytest.mark.parametrize("differ", ["how often it is logged", "the batch size"])
def test_norms_that_are_recorded_otherwise_do_not_vary_more(study: Start, differ: str) -> None:
    """The same wandering norms: logged more seldom they vary by rounding less, which is no effect.

    And where the functions have batch sizes of their own nobody can tell those apart.
    """
    norms = study("hw1_2_gradient_norm")
    for seed in range(6):
        for data, every, size in (("sinc", 1, 256), ("sign_sinc", 5, 16)):
            often = differ.startswith("how")
            at = np.arange(0, 501, every if often else 1)
            loss = np.exp(-at / 40) + 0.1
            wild = 1.0 if often or data == "sinc" else 2.0
            curves = {
                "train/loss": loss,
                "test/loss": loss,
                "gradient/norm": walk(seed)[at] ** wild,
            }
            keys = {"trainer.max_epochs": 500, "trainer.log_every": every if often else 1}
            keys["data.batch_size"] = 128 if often else size
            norms.add(seed, curves, at, data=data, **keys)
    found = norms.claim("The gradient norm oscillates more on sign_sinc than on sinc")
    if differ.startswith("how"):
        assert (found.estimate, found.verdict) == (0.0, "not supported")
    else:
        assert (found.estimate or 0.0) > 0.01
        assert found.verdict == "inconclusive"
        assert found.note.startswith(
            "Differing along with data.name, not told apart: data.batch_size"
        )


def test_final_losses_of_zero_are_no_share_of_anything() -> None:
    """Runs that all end at 0 are alike, but not by a share of 0."""
    assert deviation({0: 0.0, 1: 0.0, 2: 0.0}) is None
    assert deviation({0: 1.0, 1: 1.0}).value == 0.0  # type: ignore[union-attr]


# --- nets of growing size


def sized(
    of: Study, hidden: int, seed: int, loss: float, test: float = 0.3, right: float = 0.9,
    **keys: Any,
) -> None:  # fmt: skip
    """784-h-10 with its values at epochs 10 and 40."""
    ends = {"train/loss": loss, "test/loss": test, "train/accuracy": 0.9, "test/accuracy": right}
    start = {name: 2.3 if name.endswith("loss") else 0.1 for name in ends}
    curves = {name: [start[name], end, end] for name, end in ends.items()}
    more = {"model.hidden": [hidden], "trainer.max_epochs": 40} | keys
    data, samples = more.pop("data.name", "mnist"), more.get("data.samples") or 10_000
    updates = more["trainer.max_epochs"] // 40 * -(-samples // 50)
    of.add(
        seed, curves, [0, 10, 40], model="one_hidden", data=data, updates=updates,
        parameters=795 * hidden + 10, **more,
    )  # fmt: skip


def test_ranks_over_three_sizes(study: Start) -> None:
    """Nine seeds fall all the way, one has its two largest swapped: ρ is −0.95 on average.

    Its interval reaches across −0.9, so that is open; a mean of Fisher's z of ±1, which has none,
    made it −0.73 and refuted.
    """
    nets = study("hw1_3_parameters_cnn")
    for seed in range(10):
        for hidden, loss in zip(
            (10, 20, 40), (0.3, 0.2, 0.1) if seed else (0.3, 0.1, 0.2), strict=True
        ):
            sized(nets, hidden, seed, loss)
    found = nets.claim("The training loss falls all the way")
    each = np.array([-0.5, *[-1.0] * 9])
    error = stats.sem(each) / (1 - each.mean() ** 2)
    ends = np.tanh(np.arctanh(each.mean()) + stats.t.ppf([0.025, 0.975], 9) * error)
    assert numbers(found) == pytest.approx((-0.95, *ends))
    assert (found.verdict, found.n) == ("inconclusive", 10)


def test_sizes_of_other_seeds_have_no_trend(study: Start) -> None:
    """The smallest net has seeds of its own: no seed has a curve, and that is the reason given."""
    nets = study("hw1_3_parameters_cnn")
    for seed in range(5):
        for hidden, loss in ((10, 0.3), (20, 0.2), (40, 0.1)):
            sized(nets, hidden, seed + 5 * (hidden == 10), loss)
    found = nets.claim("The training loss falls all the way")
    assert (found.estimate, found.note) == (None, "no seed has a run in all of them")


def test_a_size_without_an_ending_is_named(study: Start) -> None:
    """All runs of one size failed: the trend over all sizes has no seed, and says of which."""
    nets = study("hw1_3_parameters_cnn")
    for seed in range(5):
        for hidden, loss in ((10, 0.3), (20, 0.2), (40, 0.1)):
            sized(nets, hidden, seed, loss)
    for seed in range(5, 8):
        sized(nets, 40, seed, 0.1)
    for path in sorted((nets.path / nets.name).iterdir()):
        files = RunDirectory(path)
        if files.read_config()["model"]["hidden"] == [10]:
            status = json.loads(files.status.read_text(encoding="utf-8"))
            write_json(files.status, status | {"state": "failed"})
    found = nets.claim("The training loss falls all the way")
    assert (found.estimate, found.note) == (None, "no run of 7,960 completed")


def test_nets_that_stopped_before_they_are_read_have_no_order(study: Start) -> None:
    """The larger nets were at their target by epoch 6; how far below it they ended is chance."""
    nets = study("hw1_3_parameters")
    for seed in range(5):
        for place, hidden in enumerate((10, 20, 40, 80)):
            keys = {"model.hidden": [hidden], "trainer.max_epochs": 40, "trainer.target_loss": 0.1}
            early = place > 1
            loss = [2.3, 0.5 - 0.1 * place, 0.2] if not early else [2.3, 0.06 + 0.01 * place]
            curves = {f"{split}/loss": loss for split in ("train", "test")}
            curves |= {f"{split}/accuracy": [0.1] * len(loss) for split in ("train", "test")}
            nets.add(
                seed, curves, [0, 6] if early else [0, 10, 40], model="one_hidden",
                parameters=795 * hidden + 10, **keys,
            )  # fmt: skip
    found = nets.claim("The training loss falls all the way as the net grows, after 10 epochs")
    assert found.verdict == "inconclusive"
    assert found.note.startswith("10 of 20 runs had stopped at their target before")


def test_a_run_without_a_training_loss_ends_no_report(study: Start) -> None:
    """Its seed has no curve; the others do, and n says so."""
    nets = study("hw1_3_parameters")
    for seed in range(6):
        for hidden, loss in ((10, 0.3), (20, 0.2), (40, 0.1)):
            sized(nets, hidden, seed, loss, **{"trainer.target_loss": 0.05})
    path = sorted((nets.path / nets.name).glob("*-s0-*"))[0] / "metrics.csv"
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    at = rows[0].index("train/loss")
    text = "\n".join(",".join(row[:at] + row[at + 1 :]) for row in rows)
    path.write_text(text + "\n", encoding="utf-8")
    found = nets.claim("The training loss falls all the way as the net grows, after 10 epochs")
    assert (found.estimate, found.n) == (-1.0, 5)
    assert found.note.startswith("1 of 6 seeds lack a value somewhere and are not in it")


def test_a_claim_about_mnist_is_not_asked_of_other_data(study: Start) -> None:
    """Fashion-MNIST is at 88 %: that refutes nothing about 98 % on MNIST."""
    sizes, depths = study("hw1_3_parameters"), study("hw1_1_mnist")
    keys = {"data.samples": None, "trainer.max_epochs": 40}
    for seed in range(5):
        end = 0.88 + 1e-3 * seed
        depths.add(seed, image(end, 41), model="deep", data="fashion_mnist", **keys)
        for hidden in (10, 20, 40):
            more = keys | {"data.name": "fashion_mnist"}
            sized(sizes, hidden, seed, 0.1, 0.3, end, **more)
    for found in (sizes.claim("… at about 98 %, after 10"), depths.claim("The deep net ends")):
        assert found.verdict == "inconclusive"
        assert found.note == "the claim is about MNIST; this is Fashion-MNIST"


def test_runs_that_stopped_early_show_no_turn(study: Start) -> None:
    """Five of six stopped at 98 % after 4 epochs, while their test loss still fell.

    That it did not rise says nothing of what it does after 15 epochs.
    """
    nets = study("hw1_1_mnist")
    keys = {"data.samples": None, "trainer.max_epochs": 20, "trainer.target_accuracy": 0.98}
    for seed in range(6):
        length = 21 if seed == 0 else 5
        curves = image(0.97 + 1e-3 * seed, length)
        curves["train/accuracy"] = np.linspace(0.1, 0.9 if seed == 0 else 0.985, length)
        nets.add(seed, curves, model="deep", **keys)
    found = nets.claim("The deep net's test loss turns up")
    assert found.verdict == "inconclusive"
    assert found.note.startswith("only 4 to 20 epochs, and it takes 15")


def test_two_records_show_no_turn(study: Start) -> None:
    """Logged at their ends only, nets have no minimum on the way that they could have left."""
    nets = study("hw1_1_mnist")
    for seed in range(5):
        curves = {name: curve[[0, -1]] for name, curve in image(0.97 + 1e-3 * seed, 21).items()}
        nets.add(seed, curves, [0, 20], model="deep", **{"data.samples": None})
    found = nets.claim("The deep net's test loss turns up")
    assert (found.estimate, found.verdict) == (0.0, "inconclusive")
    assert found.note.startswith("recorded at only 1 epochs, and it takes 5")


@pytest.mark.parametrize(
    ("epochs", "fair"), [({500: 640, 8000: 40}, True), ({500: 40, 8000: 640}, False)]
)
def test_more_images_with_more_updates_are_two_things(
    study: Start, epochs: dict[int, int], fair: bool
) -> None:
    """With equal updates the best size moved with the images; with 256 times as many, who knows."""
    nets = study("hw1_3_parameters_samples")
    for seed in range(5):
        for samples, best in ((500, 10), (8000, 40)):
            for hidden in (10, 20, 40):
                more = {"data.samples": samples, "trainer.max_epochs": epochs[samples]}
                test = (0.3 if hidden == best else 0.5) + 1e-3 * seed
                sized(nets, hidden, seed, 0.1, test, 0.9, **more)
    finding, _ = nets.report()
    found = finding.claims[0]
    assert found.estimate == pytest.approx(np.log2((795 * 40 + 10) / (795 * 10 + 10)))
    assert found.verdict == ("supported" if fair else "inconclusive")
    keys = "data.samples and model.hidden"
    line = f"Differing along with {keys}, not told apart: trainer.max_epochs."
    assert finding.notes == ([] if fair else [line])


def test_the_best_size_is_that_of_the_mean_that_is_drawn(study: Start) -> None:
    """One seed of the largest net ended high: its geometric mean is the lowest all the same."""
    nets = study("hw1_3_parameters_samples")
    losses = {10: [0.30] * 5, 20: [0.25] * 5, 40: [0.60, 0.20, 0.19, 0.19, 0.20]}
    for seed in range(5):
        for hidden, ends in losses.items():
            for samples in (500, 8000):
                sized(nets, hidden, seed, 0.1, ends[seed], **{"data.samples": samples})
    assert np.mean(losses[40]) > 0.25 > stats.gmean(losses[40])
    finding, _ = nets.report()
    assert worded(finding)["best size by test/loss"].tolist() == ["31,810 (h = 40)"] * 2


# --- random labels, sensitivity


def learn(
    of: Study, seed: int, p: float, takes: int, end: float = 1.0, every: int = 5, **keys: Any
) -> None:
    """A net that has the training set by heart after so many epochs, or ends at ``end``."""
    at = np.arange(0, takes + 1, every)
    way = at / takes
    curves = {
        "train/loss": 2.4 * (1 - way) + 0.01,
        "train/accuracy": 0.1 + (end - 0.1) * way,
        "test/loss": 2.3 + 7 * way,
        "test/accuracy": 0.1 + (0.85 - 0.85 * p) * way,
    }
    node = {"fraction": p, "kind": "uniform", "test_labels": "original"}
    more = {"label_noise": node, "model.hidden": [8], "trainer.max_epochs": takes} | keys
    parameters = 795 * more["model.hidden"][0] + 10
    of.add(seed, curves, at, model="one_hidden", parameters=parameters, **more)


@pytest.mark.parametrize("key", ["optimizer.lr", "trainer.max_epochs"])
def test_no_half_of_a_capacity_arm_is_lost(study: Start, key: str) -> None:
    """At one rate, or after 100 epochs, 8 units do not learn by heart, at another they do.

    Both are said. The first alone, or one mean of both, "does not learn by heart" whatever is done.
    """
    nets = study("hw1_3_random_labels")
    for seed in range(5):
        for value, takes, end in ((0.1, 100, 0.4), (0.2, 400, 1.0)):
            keys = {"arm": "capacity", "trainer.max_epochs": 400, key: value}
            if key == "trainer.max_epochs":
                keys[key] = takes
            learn(nets, seed, 1.0, takes, end + 1e-4 * seed * (end < 1), **keys)
    judged = list(nets.claims().values())
    assert [found.verdict for found in judged] == ["supported", "not supported"]
    assert [found.estimate for found in judged] == [pytest.approx(40.02), 100.0]


def test_who_was_there_by_the_first_record_was_not_the_slower(study: Start) -> None:
    """Logged every 100 epochs, all had the labels by heart by then: no word on who was first."""
    nets = study("hw1_3_random_labels")
    for seed in range(5):
        for p in (0.0, 1.0):
            learn(nets, seed, p, 100, every=100, **{"trainer.max_epochs": 400})
    found = nets.claim("The more labels are random, the more epochs")
    assert (found.estimate, found.verdict) == (0.0, "inconclusive")
    assert found.note.startswith("all were there by the first epoch that was logged")


def test_a_share_that_is_written_alike_is_one_share(study: Start) -> None:
    """p = 0.3 for three seeds and 0.1 · 3 for three more: six seeds of one p."""
    nets = study("hw1_3_random_labels")
    for seed in range(6):
        learn(nets, seed, 0.0, 20, **{"trainer.max_epochs": 100})
        learn(nets, seed, 0.3 if seed < 3 else 0.1 * 3, 60, **{"trainer.max_epochs": 100})
    finding, _ = nets.report()
    assert worded(finding)["p"].tolist() == ["0", "0.3"]
    assert worded(finding)["seeds"].tolist() == ["n = 6", "n = 6"]
    slower = finding.claims[0]
    assert (slower.estimate, slower.verdict) == (pytest.approx(np.log10(3)), "supported")


def test_two_numbers_of_epochs_are_two_arms(study: Start) -> None:
    """After 5 epochs large batches are ahead, after 20 small ones; no seed is of both."""
    batches = study("hw1_3_sensitivity")
    for length, sign in ((5, 1), (20, -1)):
        for size in (10, 100):
            for seed in range(5):
                end = 0.9 + 0.01 * sign * np.log10(size) + 1e-3 * np.sin(seed * size)
                keys = {"data.batch_size": size, "trainer.max_epochs": length}
                batches.add(seed, image(end), arm="equal_epochs", **keys)
    start = "Small batches generalise better at equal epochs, max_epochs"
    assert batches.claim(f"{start} 5").verdict == "not supported"
    assert batches.claim(f"{start} 20").verdict == "supported"
