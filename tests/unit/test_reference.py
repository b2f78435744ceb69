"""The page of all keys and the editors' schema say what the schema and conf/ say."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from omegaconf import OmegaConf

from dl_experiments import schema
from dl_experiments.reference import editors, page

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
FILES = [path for path in sorted(CONF.rglob("*.yaml")) if path.name != "analyze.yaml"]
SCHEMA = json.loads((CONF / "keys.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("file", "text"), [("docs/keys.md", page.text), ("conf/keys.json", editors.text)]
)
def test_what_is_committed_is_what_is_written(file, text):
    assert text() == (ROOT / file).read_text(encoding="utf-8"), "call `make reference`"


def declared(node):
    """The nodes inside a node."""
    more = schema.extra(node)
    for field in [*schema.fields(node).values(), *([more] if more else [])]:
        for one in field.nodes:
            yield one
            yield from declared(one)


def test_the_page_has_every_key():
    text = (ROOT / "docs/keys.md").read_text(encoding="utf-8")
    for node in declared(schema.Run):
        assert node.__doc__ in text
        for key, field in schema.fields(node).items():
            if field.key is not None:
                assert re.search(rf"`{key}`[^|]*\|.*\| {re.escape(field.key.meaning)} \|", text), (
                    key
                )


ROWS = {
    "trainer": "| `max_epochs` | a whole number from 1 up | `1000` function data<br>`8` image data"
    "<br>`15` cifar10<br>`40` digits | passes over the training set, at most | yes |",
    "optimizer": "| `lr` | a number above 0 | `0.001` **adam**, adamw, rmsprop<br>`1.0` lbfgs<br>"
    "`0.1` sgd | learning rate | yes |",
    "data: ImageData": "| `root` | a word | `${paths.data}` | where it is kept once fetched: "
    "paths.data | no |",
    "sweep": "| `workers` | a whole number from 1 up or null | `null` | processes side by side; "
    "null: one a core, where there is work | no |",
    "measurements.sharpness: Sharpness": "| `draws` | a whole number from 1 up | *required* | "
    "random points of each ball | no |",
    "model: MLP": "| `name` | a word | the option's name | what it is called in folders and figures"
    " | yes |",
}


@pytest.mark.parametrize("heading", ROWS)
def test_a_row_says_limits_default_meaning_and_id(heading):
    text = (ROOT / "docs/keys.md").read_text(encoding="utf-8")
    assert ROWS[heading] in text.partition(f"# {heading}\n")[2].partition("\n#")[0]


# --- for editors


def faults(values, within=""):
    """What an editor marks in a file, by the schema or a definition in it."""
    part = {"$ref": f"#{within}", "definitions": SCHEMA["definitions"]} if within else SCHEMA
    return [*jsonschema.Draft7Validator(part).iter_errors(values)]


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(CONF)))
def test_each_file_names_the_schema_and_passes(file):
    text = file.read_text(encoding="utf-8")
    (named,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", text, re.MULTILINE)
    where, _, within = named.partition("#")
    assert (file.parent / where).resolve() == CONF / "keys.json"
    assert "@package" not in text or text.startswith("# @package")  # Hydra reads no further
    assert faults(OmegaConf.to_container(OmegaConf.load(file)), within) == []


def test_a_whole_config_passes(compose):
    for words in (["optimizer=sgd"], ["data=digits", "model=cnn", "schedule=cosine"]):
        assert faults(compose(*words)) == []


TYPOS = {
    "a top-level key": ("stduy: mine", "study: mine"),
    "a node": ("trainor: {max_epochs: 2}", "trainer: {max_epochs: 2}"),
    "a key": ("trainer: {max_epoch: 2}", "trainer: {max_epochs: 2}"),
    "a kind of number": ("trainer: {max_epochs: 2.5}", "trainer: {max_epochs: 2}"),
    "a word for a number": ("optimizer: {lr: fast}", "optimizer: {lr: 1}"),
    "a limit": ("data: {batch_size: 0}", "data: {batch_size: full}"),
    "one of some words": ("label_noise: {kind: unifrom}", "label_noise: {kind: uniform}"),
    "a value of a network": ("model: {dropout: 1}", "model: {dropout: 0.5}"),
    "a list": ("model: {hidden: [5, wide]}", 'model: {hidden: [5, "${at.x}"]}'),
    "a key of a network": (
        "model: {_target_: dl_experiments.models.mlp.MLP, hiden: [3]}",
        "model: {_target_: dl_experiments.models.mlp.MLP, hidden: [3]}",
    ),
    "a key of a callback": (
        "callbacks: {snapshots: {schedul: ends}}",
        "callbacks: {snapshots: {schedule: ends}}",
    ),
    "a callback": ("callbacks: {snapshots: ends}", "callbacks: {snapshots: null}"),
    "a null": ("trainer: {precision: null}", "trainer: {threads: null}"),
    "a swept key": (
        "hydra: {sweeper: {params: {sed: '0,1'}}}",
        "hydra: {sweeper: {params: {seed: '0,1'}}}",
    ),
    "a swept key of a node": (
        "hydra: {sweeper: {params: {trainer.max_epoch: '1,2'}}}",
        "hydra: {sweeper: {params: {trainer.max_epochs: '1,2'}}}",
    ),
    "a list of defaults": (
        "defaults: {override /data: mnist}",
        "defaults: [override /data: mnist]",
    ),
}


@pytest.mark.parametrize("what", TYPOS)
def test_a_typo_is_seen(what):
    wrong, right = (yaml.safe_load(text) for text in TYPOS[what])
    assert faults(wrong)
    assert not faults(right)


def test_a_typo_in_an_option_is_seen():
    assert faults({"max_epoch": 3}, "/definitions/trainer")
    assert not faults({"max_epochs": "???"}, "/definitions/trainer")
    mlp = {"_target_": "dl_experiments.models.mlp.MLP"}
    assert faults(mlp | {"hiden": [3]}, "/definitions/model")
    assert not faults(mlp | {"hidden": [3]}, "/definitions/model")


OWN = [
    "model: {_target_: my.Net, width: 3}",
    "model: {width: 3}",
    "data: {_target_: my.Data, batch_size: 3, folder: here}",
    "optimizer: {_target_: my.Optimizer, lr: 0.1, rho: 1}",
    "callbacks: {mine: {_target_: my.Callback, every: 3}, snapshots: {_target_: my.Own, every: 3}}",
    "at: {quick: {epochs: 3, anything: [1]}}",
    "trainer: {max_epochs: '${at.${scale}.epochs}', log_every: decades}",
    "hydra: {sweeper: {params: {model.width: '1,2', +colour: 'red', at.x: '1'}}, mode: RUN}",
]


@pytest.mark.parametrize("text", OWN)
def test_what_is_ones_own_is_not_marked(text):
    assert faults(yaml.safe_load(text)) == []
