"""The screen of ``python train.py --help``: what to type first, the choices, the keys."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from dl_experiments import schema, schema_check
from dl_experiments.schema import Field

if TYPE_CHECKING:
    from dl_experiments.reference.defaults import Composed

WIDTH = 80
_KEY = 30  # columns of a key and its default; what is longer has a line of its own
_ASKS = {"--help", "-h"}
_SWEEPS = {"--multirun", "-m", "--run", "-r"}  # change nothing in what is shown
_FOLDER = ("--config-dir", "-cd")
_START = """\
Trains networks, one or a whole grid of them:

  python train.py -m model=deep,shallow data=mnist        two of equal size
  python train.py experiment=hw1_1_simulate scale=smoke   a grid, made tiny
  python analyze.py                                       figures and report
"""
_END = """
docs/keys.md has all keys, and what each may be. With choices beside it, as in
--help data=mnist model=cnn, this screen has the keys of those. --cfg job prints
a composed config; --hydra-help is what Hydra itself can do.
"""


def asked(words: Sequence[str]) -> bool:
    """Whether a command line asks for this screen."""
    return not _ASKS.isdisjoint(words) and "--hydra-help" not in words


def text(words: Sequence[str]) -> str:
    """The screen for a command line: its defaults are those of the choices in it.

    Raises:
        ValueError: It has an option that says nothing here, or a folder that is not there.
        HydraException: Hydra does not understand a word.
    """
    from dl_experiments.reference import defaults

    conf = defaults.composed(*_read(words))
    chosen = {group: conf.choices.get(group) for group in defaults.groups()}
    parts = [_START, "\n".join(_choices(conf, chosen)), "\n".join(_keys(conf, chosen)), _END]
    if grid := conf.grid():
        lines = [f"  {key}={defaults.word(value)}" for key, value in grid.items()]
        parts.insert(2, "\n".join([f"Swept by {chosen['experiment']}:\n", *lines, ""]))
    return "\n".join(parts)


def _read(words: Sequence[str]) -> tuple[Sequence[str], Path | None]:
    """The overrides of a command line, and the folder of the user's own options."""
    overrides: list[str] = []
    folder = None
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option in _FOLDER:
            folder = Path(value if equals else next(rest, "")).expanduser()
            if not folder.is_dir():
                raise ValueError(f"{option}={folder}: there is no such folder")
        elif word.startswith("-") and word not in _ASKS | _SWEEPS:
            raise ValueError(
                f"{word} says nothing beside --help; allowed: --config-dir FOLDER, and choices as "
                "in data=mnist"
            )
        elif not word.startswith("-"):
            overrides.append(word)
    return overrides, folder


def _choices(conf: "Composed", chosen: Mapping[str, str | None]) -> Iterator[str]:
    yield "Choices, one of each, as in data=mnist; or several, as in -m data=mnist,sinc:\n"
    for group in chosen:
        options = conf.options(group)
        if len(options) > 1:
            marked = " ".join(f"{name}{'*' * (name == chosen[group])}" for name in options)
            yield from _row(f"  {group}", marked, 15)
    yield "\n  * is chosen here\n"


def _keys(conf: "Composed", chosen: Mapping[str, str | None]) -> Iterator[str]:
    yield "Keys, with their defaults; any can be swept, as in -m seed=0,1,2:\n"
    for key, field in _values(schema.Run, conf.config):
        if key not in {*chosen, "kind"}:
            yield from _key(conf, key, field)
    for group, field in schema.fields(schema.Run).items():
        node = conf.config.get(group)
        if not field.nodes or node is None or group == "task":
            continue
        option = f"={chosen[group]}" if group in chosen else ""
        yield from _row(f"{group}{option}", _meaning(field))
        kind = schema_check.named(field.nodes, node.get("_target_"))
        for key, one in _values(kind, node):
            yield from _key(conf, f"{group}.{key}", one)
        for key, one in schema.fields(kind).items():
            if one.nodes and node.get(key) is not None:
                yield from _row(f"  {group}.{key}", _meaning(one))


def _key(conf: "Composed", key: str, field: Field | None) -> Iterator[str]:
    from dl_experiments.reference.defaults import word

    meaning = f"{_meaning(field)}{_words(field.annotation)}" if field else ""
    yield from _row(f"  {key}={word(conf.value(key))}", meaning)


def _values(kind: type, node: Any) -> Iterator[tuple[str, Field | None]]:
    """The keys of a node that a user sets; its class and its name come with an option."""
    known = schema.fields(kind)
    for key, field in known.items():
        if key in node and not field.nodes and key not in ("_target_", "name"):
            yield key, field
    if schema.is_open(kind):
        yield from ((str(key), None) for key in node if key not in known)


def _meaning(field: Field) -> str:
    return field.key.meaning if field.key else ""


def _words(annotation: Any) -> str:
    """The words that a value may be; limits of numbers are left to the page."""
    allowed = schema_check.says(annotation).removeprefix("one of ")
    return f" ({allowed})" if _has_words(annotation) else ""


def _has_words(annotation: Any) -> bool:
    if get_origin(annotation) is Literal:
        return True
    return any(_has_words(one) for one in get_args(annotation))


def _row(left: str, right: str, width: int = _KEY) -> Iterator[str]:
    lines = textwrap.wrap(right, WIDTH - width, break_on_hyphens=False) or [""]
    if len(left) > width - 2:
        yield left
        left = ""
    for line in lines:
        yield f"{left:<{width}}{line}".rstrip()
        left = ""
