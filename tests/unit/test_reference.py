"""The page of all keys says what the schema and conf/ say."""

import re
from pathlib import Path

import pytest

from dl_experiments import schema
from dl_experiments.reference import page

ROOT = Path(__file__).parents[2]


def test_what_is_committed_is_what_is_written():
    written = (ROOT / "docs/keys.md").read_text(encoding="utf-8")
    assert page.text() == written, "call `make reference`"


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
    "callbacks.sharpness: Sharpness": "| `draws` | a whole number from 1 up | *required* | random "
    "points of each ball | no |",
    "model: MLP": "| `name` | a word | the option's name | what it is called in folders and figures"
    " | yes |",
}


@pytest.mark.parametrize("heading", ROWS)
def test_a_row_says_limits_default_meaning_and_id(heading):
    text = (ROOT / "docs/keys.md").read_text(encoding="utf-8")
    assert ROWS[heading] in text.partition(f"# {heading}\n")[2].partition("\n#")[0]
