"""hw1_3_random_labels on runs whose effects are known."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studies import random_labels, study
from synthetic import config, worded, write

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.random_labels import analysis as phenomenon
from dl_experiments.analysis.phenomena.random_labels import memorised as asked
from dl_experiments.analysis.runs.collect import Run, collect
from dl_experiments.artifacts import write_json

Analysed = Callable[[Callable[[list[Run]], Finding]], Finding]
STUDY = "hw1_3_random_labels"
WIDE = [500]


def learn(
    outputs: Path,
    seed: int,
    p: float,
    takes: int,
    end: float = 1.0,
    test: float = 0.1,
    test_loss: float = 9.0,
    hidden: Sequence[int] = WIDE,
    max_epochs: int = 200,
    **more: Any,
) -> None:
    """A run that reaches the training accuracy ``end`` in a straight line after ``takes`` epochs,
    where it ends if that is the target, else at its last epoch."""
    model = more.pop("model", "one_hidden")
    noise = {"fraction": p, "kind": "uniform", "test_labels": more.pop("test_labels", "original")}
    keys = {"label_noise": noise, "model.hidden": list(hidden), "arm": None} | more
    keys |= {"trainer.max_epochs": max_epochs, "trainer.target_accuracy": 0.999}
    made = config(STUDY, model, "mnist", seed, **keys)
    last = takes if end >= 0.999 else max_epochs
    at = np.arange(0, last + 1, 5)
    way = np.minimum(at / takes, 1)
    curves = {
        "train/loss": 2.4 * (1 - way) + 0.01,
        "train/accuracy": 0.1 + (end - 0.1) * way,
        "test/loss": 2.3 + (test_loss - 2.3) * way,
        "test/accuracy": 0.1 + (test - 0.1) * way,
    }
    files = write(outputs, made, curves, at)
    parameters = 795 * hidden[0] + 10
    final = {name: float(curve[-1]) for name, curve in curves.items()}
    write_json(files.summary, final | {"model/parameters": parameters})


def test_the_published_picture_in_numbers(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, random_labels)
    finding = analysed(phenomenon.analyse)
    net = "one_hidden (397,510 parameters)"
    assert [claim.statement for claim in finding.claims] == [
        f"{net} learns fully random labels by heart",
        f"… and then knows no more of the test set than guessing does ({net})",
        f"… while its test loss is far above ln 10, that of guessing ({net})",
        "The more labels are random, the more epochs it takes to learn them by heart",
        "The more labels are random, the lower the test accuracy",
        "784-8-10, the narrowest, does not learn random labels by heart",
    ]
    by_heart, chance, loss, grows, falls, small = finding.claims
    assert by_heart.estimate == pytest.approx(99.9, abs=0.01)
    assert by_heart.note == "the target was reached by 5 of 5 runs, after 90 to 95 epochs"
    assert chance.estimate == pytest.approx(10, abs=0.2)
    assert loss.estimate == pytest.approx(9 / np.log(10))
    assert grows.estimate == pytest.approx(np.mean(np.log10([90 / 20] * 3 + [95 / 25] * 2)))
    assert grows.note == "rank correlation of p and epochs: 1"
    assert falls.estimate == pytest.approx(-85, abs=1)
    assert small.estimate == pytest.approx(40, abs=0.01)
    assert "500 units: 99.9" in small.note
    assert finding.notes == []


def test_figures_and_numbers(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, random_labels, 3)
    finding = analysed(phenomenon.analyse)
    names = ["curves", "epochs-to-memorise", "capacity", "capacity-curves"]
    assert [drawing.name for drawing in finding.drawings] == names
    assert worded(finding)["model"].tolist() == [*["one_hidden [500]"] * 3, "one_hidden [8]"]
    assert worded(finding)["memorised"].tolist() == ["3 of 3"] * 3 + ["0 of 3"]
    assert worded(finding)["epochs to memorise (geometric mean)"].tolist()[3] == "–"
    curves, epochs, capacity, _ = (drawing.figure for drawing in finding.drawings)
    named = [f"p = {p} (397,510 parameters), n = 3" for p in ("0", "0.5", "1")]
    assert _legend(curves)[:3] == named
    assert "a seed has ended, thin after it" in _legend(curves)
    assert "not memorised by its last epoch" not in _legend(epochs)
    texts = [text.get_text() for text in capacity.axes[0].texts]
    assert texts == ["8 units (6,370)", "500 units (397,510)"]


def _legend(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_run_that_did_not_memorise_is_drawn_and_counted(
    tmp_path: Path, analysed: Analysed
) -> None:
    for seed in range(3):
        learn(tmp_path, seed, 0.0, 20)
        learn(tmp_path, seed, 1.0, 200, end=0.7 if seed else 1.0)
    finding = analysed(phenomenon.analyse)
    epochs = finding.drawings[1].figure
    assert "not memorised by its last epoch" in _legend(epochs)
    (missed,) = [line for line in epochs.axes[0].get_lines() if line.get_marker() == "^"]
    assert len(missed.get_xdata()) == 2
    notes = [claim.note for claim in finding.claims]
    assert notes[0].startswith("the target was reached by 1 of 3 runs, after 200 epochs")
    assert notes[3].endswith(
        "did not get there and counted with their last epoch: 2; all 3 have one value: no interval"
    )


def test_nets_are_told_apart(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, random_labels, 2)
    for seed in range(2):
        learn(tmp_path, seed, 1.0, 50, model="cnn_sized", hidden=[450])
    finding = analysed(phenomenon.analyse)
    names = [drawing.name for drawing in finding.drawings]
    assert names == ["curves-1", "curves-2", "epochs-to-memorise-2", "capacity", "capacity-curves"]
    assert (
        finding.drawings[0].figure.texts[0].get_text().startswith("Learning random labels (p = 1)")
    )
    assert "a seed has ended, thin after it" not in _legend(finding.drawings[0].figure)
    statements = [claim.statement for claim in finding.claims]
    assert len(set(statements)) == len(statements) == 9
    assert "cnn_sized" in statements[0]


def test_nets_of_all_seeds_are_beside_the_capacity_arm_where_seeds_draw_the_images(
    tmp_path: Path,
) -> None:
    for seed in range(3):
        learn(tmp_path, seed, 1.0, 50, **{"data.seed": seed})
    learn(tmp_path, 0, 1.0, 50, end=0.4, hidden=[8], arm="capacity")
    (members,) = asked.capacity(collect(tmp_path).runs).values()
    assert [len(runs) for runs in asked.by_width(members).values()] == [1, 3]


def test_random_test_labels_and_too_few_epochs_decide_nothing(
    tmp_path: Path, analysed: Analysed
) -> None:
    for seed in range(5):
        learn(tmp_path, seed, 1.0, 10, end=0.3, max_epochs=10, test_labels="random")
    by_heart, chance, loss = analysed(phenomenon.analyse).claims
    assert {claim.verdict for claim in (by_heart, chance, loss)} == {"inconclusive"}
    assert by_heart.note.startswith("at most 10 epochs, too few to tell")
    assert chance.note == "the claim is about true test labels; here: random test labels"


def test_epochs_to_memorise_of_made_up_runs(tmp_path: Path) -> None:
    learn(tmp_path, 0, 1.0, 100)
    learn(tmp_path, 1, 1.0, 200, end=0.7)
    there, short = sorted(collect(tmp_path).runs, key=lambda run: run.seed)
    assert asked.epochs_to_memorise(there) == asked.at_least(there) == 100
    assert asked.epochs_to_memorise(short) is None
    assert asked.at_least(short) == 200
    assert asked.per_label(there) == pytest.approx(397_510 / 10_000)
