"""Which run a config describes. ``compose`` is the fixture of tests/conftest.py."""

import copy
import string
from pathlib import Path

import pytest

from dl_experiments import identity

# Composed from conf/. A changed id orphans every run made before: all of them would be trained
# again beside the old ones. So a key that joins later gets its neutral value in identity.NEUTRAL,
# and these ids stay. A failure prints the whole table as it would be.
GOLDEN = {
    "": "00e64fe399",
    "model=shallow": "258948e36e",
    "seed=1": "77edfa31db",
    "data=sign_sin optimizer=rmsprop optimizer.weight_decay=1e-4 batch_size=full": "ebe7360a38",
    "data=digits model=mlp model.hidden=[8,8] label_noise=half schedule=cosine": "0a786ea6af",
    "data=mnist": "20574ff61b",
    "data=mnist model=shallow label_noise=full": "0d08648217",
    "experiment=hw1_1_simulate data=sinc seed=0 optimizer.weight_decay=0.0001": "6b3c00afae",
    "experiment=hw1_1_cifar10 model=middle seed=2 scale=full": "c85750e278",
    "experiment=hw1_3_sensitivity data.batch_size=64 seed=1 scale=full": "46483e668a",
    "experiment=hw1_2_gradient_norm data=sinc seed=0 scale=full": "85cf15047b",
    "experiment=hw1_2_minimal_ratio seed=100 scale=full model=minimal_ratio_wide": "41ed3be65c",
    "experiment=hw1_2_minimal_ratio seed=100 scale=quick model.activation=relu": "5c119aaa2d",
    "experiment=hw1_3_interpolation arm=fast seed=0 scale=full": "62a144fa8d",
}


def test_golden_ids(compose):
    found = {words: identity.run_id(compose(*words.split())) for words in GOLDEN}
    assert found == GOLDEN, "\n".join(f'    "{w}": "{i}",' for w, i in found.items())


ELSEWHERE = {
    "paths": {"outputs": "/elsewhere", "data": "/elsewhere"},
    "data.root": "/elsewhere",
    "logger": {"tensorboard": "maybe"},
}


@pytest.mark.parametrize("key", identity.NOT_SCIENCE)
def test_a_key_that_is_not_science_does_not_change_the_id(compose, key):
    config = compose("data=digits" if key.startswith("data.") else "data=sinc")
    changed = copy.deepcopy(config)
    node = changed
    *above, last = key.split(".")
    for word in above:
        node = node[word]
    value = ELSEWHERE.get(key, "something else")
    assert node.get(last) != value
    node[last] = value
    assert identity.run_id(changed) == identity.run_id(config)
    node.pop(last)
    assert identity.run_id(changed) == identity.run_id(config)


WHERE_AND_HOW = [
    "paths.outputs=elsewhere",
    "paths.data=elsewhere",
    "study=another",
    "logger=none",
    "scale=smoke",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "hydra.mode=RUN",
]


@pytest.mark.parametrize("override", WHERE_AND_HOW)
def test_where_a_run_is_made_does_not_change_the_id(compose, override):
    assert identity.run_id(compose("data=digits", override)) == identity.run_id(
        compose("data=digits")
    )


SCIENCE = [
    "seed=1",
    "model=shallow",
    "model.activation=tanh",
    "model.dropout=0.1",
    "model.init=he",
    "model.gain=2",
    "model.hidden=[3]",
    "data=sine",
    "data.samples=512",
    "data.batch_size=64",
    "data.seed=1",
    "data.low=-2",
    "data.sampling=uniform",
    "data.test_high=2",
    "optimizer=sgd",
    "optimizer.lr=0.01",
    "optimizer.betas=[0.8,0.999]",
    "optimizer.weight_decay=0.1",
    "schedule=cosine",
    "loss=l1",
    "trainer.max_epochs=5",
    "trainer.precision=64-true",
    "trainer.target_loss=0.1",
    "trainer.target_accuracy=0.9",
    "label_noise.fraction=0.5",
    "label_noise.kind=symmetric",
    "label_noise.test_labels=random",
]


def test_each_scientific_key_changes_the_id(compose):
    ids = {override: identity.run_id(compose(override)) for override in SCIENCE}
    ids[""] = identity.run_id(compose())
    assert len(set(ids.values())) == len(ids)


SAME = [
    (["optimizer.lr=1"], ["optimizer.lr=1.0"]),
    (["optimizer.lr=1e-3"], ["optimizer.lr=0.001"]),
    (["batch_size=small"], ["data.batch_size=64"]),
    (["batch_size=full"], ["data.batch_size=full"]),
    (["label_noise=half"], ["label_noise.fraction=0.5"]),
    (["seed=1", "data=sine"], ["data=sine", "seed=1"]),
    (["optimizer=adam"], []),
    (["schedule=cosine", "trainer.max_epochs=7"], ["trainer.max_epochs=7", "schedule=cosine"]),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_ways_to_say_the_same_are_one_run(compose, one, other):
    assert identity.run_path(compose(*one)) == identity.run_path(compose(*other))


def test_numbers_are_canonical_at_every_depth():
    floats = {"a": 1.0, "b": {"c": [2.0, (3.0, 0.5)]}, "d": -0.0, "e": True}
    whole = {"a": 1, "b": {"c": [2, (3, 0.5)]}, "d": 0, "e": True}
    assert identity.run_id(floats) == identity.run_id(whole)
    assert identity.run_id({"a": 1}) != identity.run_id({"a": "1"})
    assert identity.run_id({"a": None}) != identity.run_id({})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match=r"optimizer\.lr=(nan|inf) is not a finite number"):
        identity.run_id({"optimizer": {"lr": value}})


def test_a_key_that_joins_at_its_neutral_value_keeps_old_ids(monkeypatch):
    old = {"model": {"width": 3}, "seed": 0}
    monkeypatch.setattr(identity, "NEUTRAL", {"model.skip": 0.0, "mixup": None})
    joined = {"model": {"width": 3, "skip": 0}, "seed": 0, "mixup": None}
    assert identity.run_id(joined) == identity.run_id(old)
    assert identity.run_id(joined | {"mixup": 0.2}) != identity.run_id(old)
    joined["model"]["skip"] = 1
    assert identity.run_id(joined) != identity.run_id(old)


def test_order_of_keys_does_not_matter():
    assert identity.run_id({"a": 1, "b": 2}) == identity.run_id({"b": 2, "a": 1})


LEGAL = set(string.ascii_letters + string.digits + "_-")


@pytest.mark.parametrize("name", ["deep", "a/b", "ÄÖ ü:*?", "..", "x" * 300, 'quote"'])
def test_names_are_legal_and_short(name):
    config = {"model": {"name": name}, "data": {"name": "sinc"}, "seed": 0, "study": "s"}
    path = identity.run_path(config)
    assert set(path.name) <= LEGAL
    assert len(path.name) <= 60 + 1 + 10
    assert path.parent == Path("s")
    assert path.name.endswith(f"-{identity.run_id(config)}")


def test_path_says_model_data_and_seed(compose):
    path = identity.run_path(compose("seed=3", "study=mine"))
    assert path.parts[0] == "mine"
    assert path.name.startswith("deep-sinc-s3-")


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ({"name": "deep", "_target_": "a.b.Net"}, "deep"),
        ({"name": 7}, "7"),
        ({"name": None, "_target_": "a.b.Net"}, "Net"),
        ({"_target_": "Net"}, "Net"),
        ({"_target_": None}, None),
        ({}, None),
    ],
)
def test_a_choice_is_called_by_its_name_or_its_class(node, name):
    assert identity.called(node) == name


def test_a_key_of_a_user_s_own_class_is_never_neutral():
    own = {"model": {"_target_": "my_models.Net", "init": "default", "gain": 1.0}}
    for key in ("init", "gain"):
        less = {"model": {name: of for name, of in own["model"].items() if name != key}}
        assert identity.run_id(less) != identity.run_id(own)
    ours = {"model": {"_target_": "dl_experiments.models.mlp.MLP"}}
    joined = {"model": {**own["model"], **ours["model"]}}
    assert identity.run_id(joined) == identity.run_id(ours)
