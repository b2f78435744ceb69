"""Each impossible key or value is refused in one line that names it; the schema is the code's."""

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import get_args

import pytest
import torch

from dl_experiments import build, schema, schema_check
from dl_experiments.data.functions import FUNCTIONS
from dl_experiments.data.sources import SHAPES
from dl_experiments.models.mlp import ACTIVATIONS
from hydra_plugins.dl_experiments_launcher._grid import as_words


@pytest.fixture
def config(compose):
    return compose("optimizer=sgd", "data.test_low=-2")


def place(config, key):
    """The group of a dotted key, and its name there."""
    *above, last = key.split(".")
    for word in above:
        config = config[word]
    return config, last


def test_the_defaults_pass(config):
    schema_check.check(config)


REFUSED = {
    "seed": [-1, 1.5, True, "x", None],
    "trainer.max_epochs": [0, -3, 2.5, "many", None],
    "trainer.precision": [16, "16", "fp32", None],
    "trainer.accelerator": ["tpu", None],
    "trainer.threads": [0, "all"],
    "trainer.target_loss": [0, -1, math.nan, "low"],
    "trainer.target_accuracy": [0, -1, 1.01, math.nan, True, "all"],
    "arm": [1, True, ["a"]],
    "data.batch_size": [0, -1, 1.5, "large", True, None],
    "data.samples": [0, -1, "all"],
    "data.test_samples": [0, "x"],
    "data.seed": [-1, "x", None],
    "data.low": ["x", math.inf, math.nan, None],
    "data.test_low": ["x"],
    "model.init": ["kaiming", None],
    "model.gain": [0, -1, math.nan, math.inf, "large", None, True],
    "optimizer.lr": [0, -1, math.nan, math.inf, "fast", None, True],
    "optimizer.momentum": [-0.1, math.nan, "x"],
    "optimizer.weight_decay": [-1e-4, math.inf, "x"],
    "study": ["", "..", "../x", "/x", ".hidden", 3, None, "a/../../b"],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in REFUSED.items() for v in vs])
def test_refused(config, key, value):
    node, last = place(config, key)
    node[last] = value
    with pytest.raises(ValueError, match=rf"^{key}=") as caught:
        schema_check.check(config)
    message = str(caught.value)
    assert "\n" not in message
    assert str(value) in message


ACCEPTED = {
    "seed": [0, 2**40],
    "trainer.target_loss": [None, 1e-3],
    "trainer.target_accuracy": [None, 0.5, 1, 1.0],
    "arm": [None, "equal steps"],
    "trainer.threads": [None, 1],
    "data.batch_size": [1, "full"],
    "optimizer.lr": [1, 1e-8],
    "optimizer.momentum": [0, 0.9],
    "study": ["a", "a b", "a-1_2"],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in ACCEPTED.items() for v in vs])
def test_accepted(config, key, value):
    node, last = place(config, key)
    node[last] = value
    schema_check.check(config)


@pytest.mark.parametrize("key", ["seed", "trainer", "trainer.precision", "data", "optimizer"])
def test_a_missing_key_is_named(config, key):
    node, last = place(config, key)
    del node[last]
    with pytest.raises(ValueError, match=rf"^{key}.* is missing"):
        schema_check.check(config)


# Words that lead to a config with each node of the schema somewhere
EVERY_NODE = [
    ["data=sinc", "model=mlp", "schedule=step"],
    ["data=digits", "model=cnn", "model.hidden=[4]", "optimizer=sgd", "schedule=cosine"],
    ["data=sinc", "model=mlp_sized", "optimizer=lbfgs", "data.batch_size=full"],
    ["data=digits", "model=cnn_sized"],
    ["experiment=hw1_3_sensitivity", "scale=smoke"],
    ["experiment=hw1_3_sharpness", "scale=smoke", "arm=equal_epochs", "data.batch_size=100"],
    ["experiment=hw1_2_minimal_ratio", "scale=smoke"],
    ["experiment=hw1_2_gradient_norm", "scale=smoke"],
    ["experiment=basics_batch_size", "scale=smoke", "data.batch_size=100"],
]
OWN = {
    "model": {"_target_": "torch.nn.Linear"},
    "data": {"_target_": "dl_experiments.data.loader.InMemoryDataModule", "batch_size": 4},
    "callbacks": {"own": {"_target_": "dl_experiments.callbacks.observer.Observer"}},
    "measurements": {"own": {"_target_": "dl_experiments.callbacks.observer.Measurement"}},
}


def nodes_of(config, node=schema.Run, place=()):
    """Each node of a config: where it is, and what it is declared as."""
    yield place, node
    for key, value in config.items():
        field = schema.fields(node).get(key, schema.extra(node))
        if field is not None and field.nodes and isinstance(value, Mapping):
            named = schema_check.named(field.nodes, value.get("_target_"))
            yield from nodes_of(value, named, (*place, key))


def declared(node=schema.Run):
    yield node
    more = schema.extra(node)
    for field in [*schema.fields(node).values(), *([more] if more else [])]:
        for one in field.nodes:
            yield from declared(one)


def at(config, path):
    for key in path:
        config = config[key]
    return config


@pytest.fixture
def places(compose):
    """Node -> a config that has it, and where."""
    found = {}
    for words in EVERY_NODE:
        config = compose(*words)
        schema_check.check(config)
        for path, node in nodes_of(config):
            found.setdefault(node, (config, path))
    for key, node in OWN.items():
        config = compose("logger=none")
        config[key] = node
        schema_check.check(config)
        for path, one in nodes_of(config):
            found.setdefault(one, (config, path))
    return found


def test_every_node_refuses_what_it_does_not_know(places):
    """A node that were open by mistake would still pass every valid config."""
    assert places.keys() == set(declared())
    for node, (config, path) in places.items():
        values = at(config, path)
        dotted = ".".join([*path, ""])
        if not schema.is_open(node) and schema.extra(node) is None:
            values["qqqq"] = 1
            with pytest.raises(ValueError, match=rf"^{dotted}qqqq is not a key; allowed: "):
                schema_check.check(config)
            del values["qqqq"]
        for key, field in schema.fields(node).items():
            if key in values:
                before, values[key] = values[key], object()
                with pytest.raises(ValueError, match=rf"^{dotted}{key}=<object .* is not "):
                    schema_check.check(config)
                del values[key]
                if field.required and key != "_target_":  # without one it is a node of one's own
                    with pytest.raises(ValueError, match=rf"^{dotted}{key} is missing$"):
                        schema_check.check(config)
                values[key] = before
        schema_check.check(config)


def targets():
    for node in dict.fromkeys(declared()):
        annotation = schema.fields(node).get("_target_")
        for target in get_args(annotation.annotation) if annotation else ():
            if isinstance(target, str) and target.startswith("dl_experiments."):
                yield pytest.param(node, target, id=target)


GIVEN = {"input_shape", "outputs", "run_seed", "label_noise", "directory", "max_epochs"}


@pytest.mark.parametrize(("node", "target"), [*targets()])
def test_the_schema_is_the_signature(node, target):
    parameters = inspect.signature(resolve_name(target)).parameters
    known = schema.fields(node)
    own = {name for name in parameters if name not in GIVEN}
    assert known.keys() - {"_target_", "name"} == own - {"name"}
    for name in own:
        must = parameters[name].default is inspect.Parameter.empty
        assert known[name].required is must, name


def test_the_schema_has_the_code_s_own_words():
    assert get_args(schema.Activation) == tuple(ACTIVATIONS)
    assert get_args(schema.Function) == tuple(FUNCTIONS)
    assert get_args(schema.fields(schema.ImageData)["name"].annotation.__origin__) == tuple(SHAPES)


UNKNOWN = {
    "+epochs=3": "epochs is not a key; did you mean trainer.max_epochs?",
    "+modle=deep": "modle is not a key; did you mean model?",
    "+trainer.max_epoch=3": "trainer.max_epoch is not a key; did you mean trainer.max_epochs?",
    "+trainer.devices=2": "trainer.devices is not a key; allowed: max_epochs, precision, ",
    "+logger.x=1": "logger.x is not a key; allowed: tensorboard",
    "+callbacks.snapshots.scedule=1": "callbacks.snapshots.scedule is not a key; did you mean "
    "callbacks.snapshots.schedule?",
    "+model.widht=3": "model.widht is not a key; allowed: ",
    "+data.batchsize=3": "data.batchsize is not a key; did you mean data.batch_size?",
    "+label_noise.share=1": "label_noise.share is not a key; allowed: fraction, kind, test_labels",
    "+lr=1": "lr is not a key; did you mean optimizer.lr? (values of one's own",
    "+optimizer.momentun=0.5": "optimizer.momentun is not a key; allowed: lr, betas, eps, ",
    "+optimizer.bettas=[0,0]": "optimizer.bettas is not a key; did you mean optimizer.betas? (of ",
}


@pytest.mark.parametrize("word", UNKNOWN)
def test_an_unknown_key_is_refused_with_what_is_near(compose, word):
    config = compose(word)
    with pytest.raises(ValueError, match=" is not ") as caught:
        build.check(config)
    assert str(caught.value).startswith(UNKNOWN[word])


WRONG = {
    "trainer.max_epochs=1e2": "trainer.max_epochs=100.0 is not a whole number from 1 up; write 100",
    "optimizer.lr=fast": "optimizer.lr='fast' is not a number above 0",
    "data.batch_size=0": "data.batch_size=0 is not a whole number from 1 up or 'full'",
    "label_noise.fraction=1.5": "label_noise.fraction=1.5 is not a number from 0 to 1",
    "model.dropout=1": "model.dropout=1 is not a number from 0 and below 1",
    "model.hidden=[a]": "model.hidden=['a'] is not a list of whole numbers from 1 up",
    "optimizer.betas=[2,0]": "optimizer.betas=[2, 0] is not a list of 2 numbers from 0 and below 1",
    "callbacks.snapshots=1": "callbacks.snapshots=1 is not a group of keys or null",
    "logger.tensorboard=maybe": "logger.tensorboard='maybe' is not true or false",
    "trainer=3": "trainer=3 is not a group of keys",
    "+optimizer.amsgrad=1": "optimizer.amsgrad=1 is not true or false (of Adam)",
}


@pytest.mark.parametrize("word", WRONG)
def test_a_value_is_refused_in_the_words_of_its_declaration(compose, word):
    key, _, _ = word.lstrip("+").partition("=")
    if word == "trainer=3":
        config = compose() | {"trainer": 3}
    else:
        config = compose(word) if word != "callbacks.snapshots=1" else compose()
        if word == "callbacks.snapshots=1":
            config["callbacks"]["snapshots"] = 1
    with pytest.raises(ValueError, match=key) as caught:
        build.check(config)
    assert str(caught.value) == WRONG[word]


def test_what_a_file_without_its_header_sets_is_not_ignored(compose):
    config = compose() | {"experiment": {"study": "mine", "trainer": {"max_epochs": 2}}}
    with pytest.raises(ValueError, match="first line of its file must be '# @package _global_'"):
        schema_check.check(config)


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("seed", [0, 1], "0,1"),
        ("model", ["deep", "shallow"], "deep,shallow"),
        ("batch_size", ["small", "full"], "small,full"),
        ("model.activation", ["relu", "tanh"], "relu,tanh"),
        ("model.hidden", [[50], [100, 100]], "[50],[100, 100]"),
        ("model.blocks", [[[4]], [[4], [8]]], "[[4]],[[4], [8]]"),
        ("trainer.target_loss", [0.1, None], "0.1,null"),
        ("rerun", [True, False], "true,false"),
        ("arm", ["equal steps"], "'equal steps'"),
        ("seed", "range(0,5)", "range(0,5)"),
        ("model.hidden", [50, 100], None),
        ("model.blocks", [[4], [8]], None),
        ("model.width", [1, 2], None),
    ],
)
def test_a_list_in_a_grid_is_its_values_where_it_cannot_be_one(key, value, word):
    if word is None:
        with pytest.raises(ValueError, match=rf"^hydra\.sweeper\.params\.{key}=.* for 2 jobs, "):
            as_words({key: value})
    else:
        assert as_words({key: value}) == {key: word}


class Wide:
    """What a user's own might look like."""

    def __init__(self, input_shape, outputs, width: int, act: str = "relu", *, deep=3, **more):
        """See the class."""


class Narrow:
    """One that takes nothing else."""

    def __init__(
        self,
        width: int,
        widths: tuple[int, ...] = (),
        root: Path = Path(),
        dtype: torch.dtype | None = None,
        some: int = None,  # noqa: RUF013
    ):
        """See the class."""


class Odd:
    """One whose types are for type checkers alone."""

    def __init__(self, width: int, odd: "Unknown" = None):  # noqa: F821
        """See the class."""


def test_a_signature_says_what_a_node_of_ones_own_may_have():
    against = schema_check.against_signature
    against("model", Wide, {"width": 3, "deep": "x", "whatever": 1})
    against("model", Narrow, {"width": 3, "widths": [1, 2], "some": None})
    against("model", Narrow, {"width": 3, "root": "/a/folder", "dtype": "float64"})
    against("model", Odd, {"width": 3, "odd": object()})
    for wrong in ({"widths": [1, "x"]}, {"widths": 3}, {"some": "x"}, {"width": None}):
        with pytest.raises(ValueError, match=r" \(of Narrow\)$"):
            against("model", Narrow, wrong)
    with pytest.raises(ValueError, match=r"^model\.width='x' is not a whole number \(of Wide\)$"):
        against("model", Wide, {"width": "x"})
    with pytest.raises(
        ValueError, match=r"^model\.widht is not a key; did you mean model\.width\? \(of Narrow\)$"
    ):
        against("model", Narrow, {"widht": 3})


def test_nesterov_needs_momentum(config):
    config["optimizer"] |= {"nesterov": True, "momentum": 0}
    with pytest.raises(ValueError, match=r"optimizer\.nesterov=True needs optimizer\.momentum"):
        schema_check.check(config)
