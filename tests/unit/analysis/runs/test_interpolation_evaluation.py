"""Weights that a run kept have the metrics it recorded, bit for bit; nothing else is touched."""

from pathlib import Path

import pytest
import silent
import torch
from hydra import compose, initialize_config_dir

from dl_experiments import problem
from dl_experiments.analysis.runs.collect import Run, collect
from dl_experiments.analysis.runs.whole_sets import WholeSets, threads
from dl_experiments.artifacts import RunDirectory
from dl_experiments.config import resolve
from dl_experiments.measures.interpolation import between

CONF = Path(__file__).parents[4] / "conf"
SMALL = ["data=digits", "data.samples=600", "data.batch_size=50", "trainer.max_epochs=2"]
SMALL += ["callbacks.snapshots.schedule=1", "trainer.accelerator=cpu", "logger=none"]
NETS = {
    "dense": ["model=mlp", "model.hidden=[30,20]"],
    "convolutional": ["model=cnn", "model.blocks=[[4],[6]]", "model.hidden=[20]"],
    "two threads": ["model=mlp", "model.hidden=[200,100]", "trainer.threads=2"],
    "a function": ["data=sinc", "model=mlp", "data.samples=600"],
    "float64": ["model=mlp", "model.hidden=[20]", "trainer.precision=64-true"],
}


@pytest.fixture(scope="module", params=NETS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two trained runs of one architecture."""
    outputs = tmp_path_factory.mktemp("pair")
    before = torch.get_num_threads()
    for seed in range(2):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            words = [*SMALL, *NETS[request.param], f"seed={seed}", f"paths.outputs={outputs}"]
            silent.execute(resolve(compose("train", words)))
    torch.set_num_threads(before)
    return collect(outputs).runs


def kept(run: Run, epoch: int) -> dict[str, torch.Tensor]:
    return RunDirectory(run.path).read_weights(epoch)


def test_every_recorded_row_is_reproduced_bit_for_bit(pair: list[Run]) -> None:
    for run in pair:
        sets = WholeSets(run)
        assert (sets.samples, sets.whole) == (600, True)
        for row in run.rows:
            recorded = {name: value for name, value in row.items() if "/" in name}
            assert sets.at(kept(run, int(row["epoch"]))) == recorded


def test_the_ends_of_a_line_are_the_two_runs_records_bit_for_bit(pair: list[Run]) -> None:
    first, second = (kept(run, 2) for run in pair)
    alphas = [-0.5, 0.0, 0.3, 1.0, 1.5]
    found = WholeSets(pair[0]).along(first, second, alphas)
    for at, run in ((1, pair[0]), (3, pair[1])):
        recorded = {name: value for name, value in run.rows[-1].items() if "/" in name}
        assert found[at] == recorded
    one_by_one = [WholeSets(pair[0]).at(between(first, second, alpha)) for alpha in alphas]
    for point, alone in zip(found, one_by_one, strict=True):  # the threads change the last bits
        assert point == pytest.approx(alone, rel=1e-5)


def test_nothing_is_trained_and_the_threads_stay(pair: list[Run]) -> None:
    first, second = (kept(run, 2) for run in pair)
    before, drawn = torch.get_num_threads(), torch.get_rng_state()
    WholeSets(pair[0]).along(first, second, [0.0, 0.5, 1.0])
    assert torch.get_num_threads() == before
    assert torch.equal(torch.get_rng_state(), drawn)
    for run, state in zip(pair, (first, second), strict=True):
        assert all(torch.equal(kept(run, 2)[name], tensor) for name, tensor in state.items())


def test_a_subset_is_the_mean_of_its_samples(pair: list[Run]) -> None:
    run = pair[0]
    some, all_ = WholeSets(run, 100), WholeSets(run, 10_000)
    assert (some.samples, some.whole) == (100, False)
    assert (all_.samples, all_.whole) == (600, True)
    state = kept(run, 2)
    assert some.at(state) == WholeSets(run, 100).at(state)
    assert some.at(state)["test/loss"] == all_.at(state)["test/loss"]
    assert some.at(state)["train/loss"] != all_.at(state)["train/loss"]
    each = _losses(run, state)
    near = 4 * float(each.std()) / 10
    assert some.at(state)["train/loss"] == pytest.approx(float(each.mean()), abs=near)


def _losses(run: Run, state: dict[str, torch.Tensor]) -> torch.Tensor:
    """The loss of each training sample [600], all in one pass."""
    data = problem.data(run.config)
    data.place("cpu", problem.dtype(run.config))
    net = problem.model(run.config, data).to(problem.dtype(run.config)).eval()
    net.load_state_dict(state)
    inputs, targets = next(data.train.chunks(600))
    loss = problem.loss(run.config)
    with torch.no_grad():
        outputs = net(inputs)
    return torch.stack([loss(outputs[at : at + 1], targets[at : at + 1]) for at in range(600)])


def test_threads_are_those_of_the_run(pair: list[Run], tmp_path: Path) -> None:
    assert threads(pair[0]) == (pair[0].get("trainer.threads") or 1)
    (pair[0].path / "provenance.json").rename(tmp_path / "aside")
    assert threads(pair[0]) == 1
    (tmp_path / "aside").rename(pair[0].path / "provenance.json")
