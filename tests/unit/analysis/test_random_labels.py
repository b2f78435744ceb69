"""hw1_3_random_labels on runs whose effects are known."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import config, write

from dl_experiments.analysis.collect import Run, collect
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import _random_labels as asked
from dl_experiments.analysis.phenomena import hw1_3_random_labels as phenomenon
from dl_experiments.artifacts import write_json

Analysed = Callable[[Callable[[list[Run]], Finding]], Finding]
STUDY = "hw1_3_random_labels"
WIDE = [500]
ALIKE = "; all 5 have one value: no interval"


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


def study(outputs: Path, seeds: int = 5, **more: Any) -> None:
    """p from 0 to 1: ever slower, ever worse; two small nets that do not get there."""
    for seed in range(seeds):
        for p, takes, test in ((0.0, 20, 0.95), (0.5, 70, 0.5), (1.0, 100, 0.1)):
            learn(outputs, seed, p, takes + 5 * (seed % 2), test=test + 0.002 * seed, **more)
        for hidden, end in (([8], 0.4), ([16], 0.6)):
            learn(outputs, seed, 1, 200, end, hidden=hidden, arm="capacity", **more)


def test_the_published_picture_is_supported(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path)
    finding = analysed(phenomenon.analyse)
    assert {claim.statement: claim.verdict for claim in finding.claims} == {
        "one_hidden (397,510 parameters) learns fully random labels by heart": "supported",
        "… and then knows no more of the test set than guessing does (one_hidden (397,510 "
        "parameters))": "supported",
        "… while its test loss is far above ln 10, that of guessing (one_hidden (397,510 "
        "parameters))": "supported",
        "The more labels are random, the more epochs it takes to learn them by heart": "supported",
        "The more labels are random, the lower the test accuracy": "supported",
        "784-8-10, with 0.637 parameters for each label, does not learn random labels by heart": (
            "supported"
        ),
    }
    by_heart, chance, loss, grows, falls, small = finding.claims
    assert by_heart.estimate == pytest.approx(100)
    assert by_heart.note == f"the target was reached by 5 of 5 runs, after 100 to 105 epochs{ALIKE}"
    assert chance.estimate == pytest.approx(10.4)
    assert loss.estimate == pytest.approx(9 / np.log(10))
    assert grows.estimate == pytest.approx(np.mean(np.log10([100 / 20] * 3 + [105 / 25] * 2)))
    assert grows.note == "rank correlation of p and epochs: 1"
    assert falls.estimate == pytest.approx(-85)
    assert small.estimate == pytest.approx(40)
    assert "500 units: 100.00 %" in small.note
    assert finding.notes == []


def test_the_opposite_is_not_supported(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        for p, takes, test in ((0.0, 150, 0.1), (1.0, 20, 0.9)):
            end = 1.0 if p == 0 else 0.6 + 0.01 * seed
            learn(tmp_path, seed, p, takes, end, test, test_loss=1.0, max_epochs=200)
        learn(tmp_path, seed, 1, 20, 1.0, hidden=[8], arm="capacity", max_epochs=200)
    verdicts = {claim.statement: claim.verdict for claim in analysed(phenomenon.analyse).claims}
    lasts = verdicts.pop(next(one for one in verdicts if one.startswith("The more labels are")))
    assert (lasts, set(verdicts.values())) == ("supported", {"not supported"})  # to the last epoch


def test_random_labels_may_be_learned_sooner(tmp_path: Path, analysed: Analysed) -> None:
    for seed in range(5):
        for p, takes in ((0.0, 150), (1.0, 20)):
            learn(tmp_path, seed, p, takes + seed)
    claims = analysed(phenomenon.analyse).claims
    (grows,) = [one for one in claims if "more epochs" in one.statement]
    assert grows.verdict == "not supported"


def test_figures_and_numbers(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, seeds=3)
    finding = analysed(phenomenon.analyse)
    names = ["curves", "epochs-to-memorise", "capacity", "capacity-curves"]
    assert [drawing.name for drawing in finding.drawings] == names
    assert finding.numbers["model"].tolist() == [
        *["one_hidden [500]"] * 3,
        "one_hidden [8]",
        "one_hidden [16]",
    ]
    assert finding.numbers["memorised"].tolist() == ["3 of 3"] * 3 + ["0 of 3"] * 2
    assert finding.numbers["epochs to memorise (geometric mean)"].tolist()[3] == "–"
    curves, epochs, capacity, _ = (drawing.figure for drawing in finding.drawings)
    legend = [text.get_text() for text in curves.legends[0].get_texts()]
    assert legend[:3] == [f"p = {p} (397,510 parameters), n = 3" for p in ("0", "0.5", "1")]
    assert "not memorised by its last epoch" not in _legend(epochs)
    texts = [text.get_text() for text in capacity.axes[0].texts]
    assert texts == ["8 units (6,370)", "16 units (12,730)", "500 units (397,510)"]


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
    study(tmp_path, seeds=2)
    for seed in range(2):
        learn(tmp_path, seed, 1.0, 50, model="cnn_sized", hidden=[450])
    finding = analysed(phenomenon.analyse)
    names = [drawing.name for drawing in finding.drawings]
    assert names == ["curves-1", "curves-2", "epochs-to-memorise-2", "capacity", "capacity-curves"]
    statements = [claim.statement for claim in finding.claims]
    assert len(set(statements)) == len(statements) == 9
    assert "cnn_sized" in statements[0]


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
