"""What stands under ``measurements`` is no science, whose ever it is; nothing else may stand there.

Those of ours that once stood under ``callbacks`` are understood there too.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from finished import TINY
from lightning import Callback

from dl_experiments import build, identity, run, source, taken
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.observer import Measurement, Observer, Scalars
from dl_experiments.job import Job
from dl_experiments.run import directory
from dl_experiments.sweep.plan import plan
from hydra_plugins.dl_experiments_launcher._words import as_now

USERS = Path(__file__).parents[1] / "users"
WORDS = [*TINY, "logger=none", "trainer.max_epochs=2", "trainer.accelerator=cpu"]
SUM = ["+measurements.sum._target_=users_folder.Sum"]
SENSITIVITY = [
    "+{}.sensitivity._target_=dl_experiments.callbacks.sensitivity.Sensitivity",
    "+{}.sensitivity.samples=5",
    "+{}.sensitivity.evaluation_batches=[5]",
]
OLD, NEW = ([word.format(at) for word in SENSITIVITY] for at in ("callbacks", "measurements"))


@pytest.fixture(autouse=True)
def _theirs(monkeypatch):
    monkeypatch.syspath_prepend(USERS)


def train(config):
    for one in plan([Job(config)]):
        one(None)


def arrays(files, name="sum"):
    with np.load(files.measures / f"{name}.npz") as stored:
        return {key: stored[key] for key in stored.files}


# --- what a run is


def test_whatever_stands_there_is_no_science(compose):
    bare = compose(*WORDS)
    for more in (SUM, NEW, ["~measurements.predictions"], [*SUM, "+measurements.sum.scale=3.0"]):
        assert identity.run_id(compose(*WORDS, *more)) == identity.run_id(bare)
    callback = compose(*WORDS, "+callbacks.counting._target_=users_folder.Counting")
    assert identity.run_id(callback) != identity.run_id(bare)


def test_both_places_of_ours_are_one_run_and_one_measurement(compose):
    old, new = compose(*WORDS, *OLD), compose(*WORDS, *NEW)
    assert old == new
    stored = {**new, "callbacks": new["callbacks"] | {"sensitivity": {"samples": 5}}}
    assert identity.run_id(stored) == identity.run_id(new)  # as config.yaml has it of old runs


@pytest.mark.parametrize(
    ("words", "samples"),
    [
        (["++callbacks.sensitivity.samples=7"], 7),
        (["++callbacks.sensitivity=null"], None),
    ],
)
def test_what_is_said_in_the_old_place_wins(compose, words, samples):
    node = compose(*WORDS, *NEW, *words)["measurements"]["sensitivity"]
    assert (node and node["samples"]) == samples
    assert node is None or node["evaluation_batches"] == [5]


@pytest.mark.parametrize(
    ("word", "now"),
    [
        ("~callbacks.predictions", "++callbacks.predictions=null"),
        ("callbacks.predictions=null", "++callbacks.predictions=null"),
        ("callbacks.sharpness.radii=[1,2]", "++callbacks.sharpness.radii=[1,2]"),
        ("callbacks.sensitivity.samples=5,6", "++callbacks.sensitivity.samples=5,6"),
        *[(word, word) for word in OLD],
        *[(word, word) for word in ("callbacks.snapshots.schedule=1", "~callbacks.snapshots")],
        *[(word, word) for word in ("callbacks=default", "callbacks.sharpnes.radii=1", "seed=0")],
    ],
)
def test_old_words_are_said_anew(word, now):
    assert as_now([word]) == [now]


def test_old_commands_find_what_is_finished(lab, outputs):
    words = [*WORDS[:-1], *NEW]
    assert lab(*words).code == 0
    for more in (["callbacks.sensitivity.samples=5"], ["~callbacks.predictions"]):
        outcome = lab(*words, *more)
        assert (outcome.code, outcome.err) == (0, "")
        assert "skipped, finished before" in outcome.out
    swept = lab("-m", *words, "callbacks.sensitivity.samples=5,6")
    assert "are the same run" in swept.err
    (status,) = outputs.glob("*/*/status.json")
    assert arrays(RunDirectory(status.parent), "sensitivity")["jacobian"].shape == (5,)


# --- when it is taken


@pytest.mark.parametrize("stack", ["always", "never"])
def test_one_of_a_users_joins_a_finished_run_and_is_what_it_is_at_the_end(compose, stack):
    how = [*WORDS, f"sweep.stack={stack}"]
    train(compose(*how, *SUM, "study=at_once"))
    train(compose(*how))
    config = compose(*how, *SUM)
    files = directory(config)
    before = files.status.read_bytes(), files.metrics.read_bytes()
    assert not taken.whole(config, files)
    train(config)
    assert taken.whole(config, files)
    assert arrays(files) == arrays(directory(compose(*how, *SUM, "study=at_once")))
    other = compose(*how, *SUM, "+measurements.sum.scale=2.0")
    train(other)
    assert taken.whole(other, files)
    assert not taken.whole(config, files)
    assert arrays(files)["settings"] == "2.0"
    assert (files.status.read_bytes(), files.metrics.read_bytes()) == before


def test_a_run_of_before_lacks_nothing(compose):
    """Its config and its list have the measurement among the callbacks."""
    config = compose(*WORDS, *NEW)
    train(config)
    files = directory(config)
    old = {**config, "callbacks": config["callbacks"] | config["measurements"]}
    del old["measurements"]
    files.write_config(old)
    assert taken.whole(config, files)
    assert json.loads(files.taken.read_text())["callbacks"].keys() >= {"sensitivity"}
    assert not run.lacks(Job(config))


def test_a_stack_does_not_try_it_and_its_code_is_no_part_of_the_record(compose):
    config = compose(*WORDS, *SUM, "sweep.stack=always")
    train(config)
    facts = directory(config).read_provenance()
    assert "layout" in facts
    assert "tried" not in facts
    assert facts["code"] == {}
    callback = compose(*WORDS, "+callbacks.counting._target_=users_folder.Counting")
    assert source.code(callback).keys() == {"users_folder.Counting"}


def test_a_run_that_has_kept_no_weights_is_not_asked_later(compose):
    without = [*WORDS, "callbacks.snapshots=null"]
    train(compose(*without))
    config = compose(*without, *SUM)
    train(config)
    assert not (directory(config).measures / "sum.npz").exists()
    assert taken.whole(config, directory(config))


# --- what it must be


class Nothing(Measurement):
    """Asks for nothing."""

    def missing(self):
        return False

    def measure(self, task, data):
        pass


class Everything(Nothing):
    def __init__(self, **given):
        self.given = given


class Follows(Nothing):
    def after_epoch(self, task, data):
        pass


class Hooks(Nothing):
    def on_train_batch_end(self, *_):
        pass


class Row(Scalars, Nothing):
    name = "row"


class OnlyLooks(Observer):
    pass


class Lightnings(Callback):
    def missing(self):
        return False

    def measure(self, task, data):
        pass


REFUSED = {
    "Follows": "Follows acts while a run trains (after_epoch), and a measurement does not",
    "Hooks": "Hooks acts while a run trains (on_train_batch_end), and a measurement does not",
    "Row": "Row acts while a run trains (values), and a measurement does not",
    "OnlyLooks": "OnlyLooks is no Measurement of dl_experiments.callbacks.observer",
    "Lightnings": "Lightnings is no Measurement of dl_experiments.callbacks.observer",
    "nothing": "NoneType is no Measurement of dl_experiments.callbacks.observer",
}


def nothing():
    """A function that makes none."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_none_is_refused_before_anything_is_trained(compose, name):
    bare = compose(*WORDS)
    config = compose(*WORDS, f"+measurements.mine._target_={__name__}.{name}")
    for _ in range(2):  # of a run that is not there, and of one that is finished
        with pytest.raises(ValueError, match="mine") as refused:
            plan([Job(config)])
        said = f"measurements.mine: {REFUSED[name]}; it may stand under callbacks"
        assert str(refused.value) == said
        train(bare)


def test_a_name_may_not_stand_in_both_places(compose):
    config = compose(*WORDS, *SUM, f"+callbacks.sum._target_={__name__}.OnlyLooks")
    with pytest.raises(ValueError, match=r"^measurements\.sum: there is a callbacks\.sum too"):
        plan([Job(config)])


@pytest.mark.parametrize("group", ["callbacks", "measurements"])
def test_each_is_handed_what_it_asks_for(compose, tmp_path, group):
    nodes = [f"+{group}.{name}._target_={__name__}.{name}" for name in ("Nothing", "Everything")]
    files = RunDirectory(tmp_path)
    built = build.chosen_callbacks(compose(*WORDS, *nodes), files)
    assert built["Everything"].given == {"directory": files, "max_epochs": 2}
    assert type(built["Nothing"]) is Nothing


@pytest.mark.parametrize(
    ("word", "says"),
    [
        (
            "+measurements.sensitivty.samples=3",
            "no _target_; did you mean measurements.sensitivity?",
        ),
        ("measurements.prediction=null", "not a key; did you mean measurements.predictions?"),
        (
            "+measurements.predictions.epoch=3",
            "measurements.predictions.epoch is not a key; allowed",
        ),
        ("measurement.predictions=null", "measurement is not a key; did you mean measurements?"),
        ("measurements=defalt", "measurements=defalt: not an option; did you mean default?"),
    ],
)
def test_a_typo_is_one_line(lab, outputs, word, says):
    outcome = lab(*WORDS[:-1], word)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1, outcome.err
    assert says in outcome.err
    assert not outputs.exists()
