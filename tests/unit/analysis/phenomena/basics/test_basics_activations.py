from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import silent
import torch
from studies import Seed, activations, study
from synthetic import worded

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.basics import activations as basics_activations
from dl_experiments.analysis.phenomena.basics.equal_loss import at_equal_loss, at_loss
from dl_experiments.analysis.phenomena.basics.linear import collapsed
from dl_experiments.analysis.runs.collect import Run, collect
from dl_experiments.artifacts import RunDirectory

Analysed = Callable[..., Finding]


def test_each_data_set_by_itself(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, activations)
    finding = analysed(basics_activations.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "where-they-end"]
    ends = ["sinc", "sinc", "digits", "digits"]
    assert [claim.statement.rpartition(" on ")[2] for claim in finding.claims[1:]] == ends
    assert "cannot be imported" in finding.notes[0]
    assert worded(finding)["activation"].tolist() == ["linear", "identity", "relu"] * 2


def test_seeds_may_draw_their_samples_on_one_data_set_alone(
    tmp_path: Path, analysed: Analysed
) -> None:
    study(tmp_path, activations)
    for run in collect(tmp_path).runs:
        if run.data == "digits":
            made = {**run.config, "data": {**run.config["data"], "seed": run.seed}}
            RunDirectory(run.path).write_config(made)
    finding = analysed(basics_activations.analyse)
    assert [drawing.name for drawing in finding.drawings] == ["curves", "where-they-end"]
    assert [claim.n for claim in finding.claims[1:]] == [5] * 4


@pytest.mark.parametrize(("scale", "drawn_with"), [("smoke", 3), ("quick", 3), ("full", 0)])
def test_each_seed_has_its_own_part_of_mnist(compose, scale: str, drawn_with: int) -> None:
    words = [f"scale={scale}", "data=mnist", "arm=relu", "seed=3"]
    assert compose("experiment=basics_activations_mnist", *words)["data"]["seed"] == drawn_with


def test_without_the_linear_layer_they_are_open(tmp_path: Path, analysed: Analysed) -> None:
    study(tmp_path, activations)
    finding = analysed(
        lambda runs: basics_activations.analyse([run for run in runs if run.get("model.hidden")])
    )
    same = [claim for claim in finding.claims if claim.statement.startswith("Layers")]
    assert {claim.verdict for claim in same} == {"inconclusive"}


def test_seeds_that_have_one_side_alone_are_counted(tmp_path: Path, analysed: Analysed) -> None:
    def bare(run: Run) -> bool:
        return not run.get("model.hidden") or run.get("model.activation") != "identity"

    study(tmp_path, activations)
    finding = analysed(
        lambda runs: basics_activations.analyse([run for run in runs if run.seed > 1 or bare(run)])
    )
    same = [claim for claim in finding.claims if claim.statement.startswith("Layers")]
    assert [claim.n for claim in same[1:]] == [3, 3]
    assert all("2 seeds without a partner left out" in claim.note for claim in same[1:])


def test_accuracies_are_compared_at_equal_training_loss(tmp_path: Path) -> None:
    """The deep net is further down and knows more; where both have a loss of 1 it knows less."""
    curves = {
        (): ([4.0, 2.0, 1.0], [0.1, 0.5, 0.7]),
        (40,): ([4.0, 2.0, 0.5, 0.1], [0.1, 0.4, 0.6, 0.9]),
    }
    for number in range(2):
        seed = Seed(tmp_path, number)
        for hidden, (loss, right) in curves.items():
            keys = {"model.hidden": list(hidden), "trainer.max_epochs": 3}
            made = seed.config("basics_activations", "mlp", "digits", 0, **keys)
            found = {"train/loss": np.array(loss), "test/accuracy": np.array(right)}
            seed.write(made, 1, found, np.arange(len(loss)))
    runs = collect(tmp_path).runs
    deep, linear = (
        [run for run in runs if bool(run.get("model.hidden")) is of] for of in (True, False)
    )
    read = at_equal_loss(deep, linear)
    assert [read(run) for run in linear] == pytest.approx([70.0] * 2)
    assert [read(run) for run in deep] == pytest.approx([50.0] * 2)  # half of the way from 2 to 0.5
    assert at_equal_loss(deep[:1], linear)(linear[1]) is None
    assert at_loss(deep[0], 4.0) == 0.1
    assert np.isnan(at_loss(linear[0], 0.9))


@pytest.fixture
def nets(compose, outputs) -> Iterator[Path]:
    """Two seeds of the deep net without activations, and one with, trained for two epochs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for data, arm, seed in [
        ("sinc", "identity", 0), ("digits", "identity", 0), ("digits", "identity", 1),
        ("digits", "relu", 0),
    ]:  # fmt: skip
        words = [f"data={data}", f"arm={arm}", f"seed={seed}", "trainer.max_epochs=2"]
        words += ["logger=none", "trainer.accelerator=cpu", "model.dropout=0.1"]
        silent.execute(compose("experiment=basics_activations", "scale=smoke", *words))
    yield outputs
    torch.set_num_threads(threads)


def test_finished_nets_are_one_linear_map_to_rounding(nets: Path) -> None:
    runs = [run for run in collect(nets).runs if run.get("arm") == "identity"]
    found, problems = collapsed(runs)
    assert (len(found), problems) == (3, [])
    for one in found:
        assert 0 <= one.difference <= 1e-12
        assert one.relative == one.difference / one.size
        assert one.size > 1e-2


def test_what_cannot_be_collapsed_is_said(nets: Path) -> None:
    runs = collect(nets).runs
    (curved,) = [run for run in runs if run.get("arm") == "relu"]
    bare = next(run for run in runs if run.data == "sinc")
    for path in RunDirectory(bare.path).weights.iterdir():
        path.unlink()
    found, problems = collapsed([curved, bare])
    assert found == []
    assert "layer activation1 is a ReLU, which is not linear" in problems[0]
    assert "no weights are kept" in problems[1]


def test_the_claim_and_the_fits_of_trained_nets(nets: Path) -> None:
    finding = basics_activations.analyse(collect(nets).runs)
    assert "fits" in [drawing.name for drawing in finding.drawings]
    same = finding.claims[0]
    assert same.n == 2
    assert same.note.split("; ") == [
        "3 nets collapsed from their final weights",
        "identity on sinc: 1 of 1 never halved their loss",
        "identity on digits: 2 of 2 never halved their loss",
    ]
    assert same.estimate < 1e-12
    column = worded(finding).set_index(["data", "activation"])[
        "largest difference to one linear map"
    ]
    assert column["digits", "relu"] == "–"
    assert column["digits", "identity"] != "–"
