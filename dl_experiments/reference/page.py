"""The page of all keys, ``docs/keys.md``: what each may be, what it is, what it means."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args, get_origin

from dl_experiments import schema, schema_check
from dl_experiments.config import CONF
from dl_experiments.reference.origins import Origins
from dl_experiments.schema import Field

_HEAD = """\
# Keys

Every key of a run's config. A key is set on the command line (`trainer.max_epochs=50`), in an
[experiment](adding-an-experiment.md) or by an option of a group (`optimizer=sgd`), and any can be
swept (`-m optimizer.lr=0.1,0.01`). `python train.py --help` shows those of one command, a run's
`config.yaml` what it was trained with.

**default** is what `conf/` says; where options say different things, each is named, the default one
in bold. **id** says whether a key is part of what a run *is*: another value is another run. The
other keys say where and how it is made.

A key that is not here is refused, unless a class of your own takes it. The page follows from
`dl_experiments/schema.py` and `conf/`; `make reference` writes it.

## Groups

| group | options, the default one in bold | sets |
| --- | --- | --- |"""
_TABLE = "| key | may be | default | meaning | id |\n| --- | --- | --- | --- | --- |"


def text() -> str:
    """The page, in Markdown."""
    return "\n".join(_lines(Origins())) + "\n"


def _lines(origins: Origins) -> Iterator[str]:
    run = schema.fields(schema.Run)
    yield _HEAD
    for group in origins.groups:
        yield _group(origins, group)
    yield f"\n## Of the run itself\n\n{_TABLE}"
    for key, field in run.items():
        if field.nodes:
            yield _row(f"[`{key}`](#{key})", "keys", "", field, True)
        elif key in origins.groups:
            default = f"`{origins.groups[key] or 'null'}`"
            yield _row(f"`{key}`", schema_check.says(field.annotation), default, field, True)
        else:
            yield _value(origins, [], [schema.Run], schema.Run, key, True)
    for key, field in run.items():
        if field.nodes:
            yield f"\n## {key}"
            if len(field.nodes) > 1:
                meaning = _meaning(field)
                yield f"\n{meaning[0].upper()}{meaning[1:]}."
            for node in field.nodes:
                yield from _node(origins, [key], field.nodes, node, _is_science(field))


def _group(origins: Origins, group: str) -> str:
    fields, default = schema.fields(schema.Run), origins.groups[group]
    options = [_bold(_file(group, name), name == default) for name in origins.options(group)]
    if group in fields and fields[group].nodes:
        sets = f"[{group}](#{group})"
    elif group == "experiment":
        sets = "a grid, and what its runs have in common"
    else:
        sets = ", ".join(f"`{key}`" for key in origins.sets(group))
    return f"| `{group}` | {', '.join(options)} | {sets} |"


def _node(
    origins: Origins, path: Sequence[str], nodes: Sequence[type], node: type, science: bool
) -> Iterator[str]:
    """A node's heading where there are several, what it is, its table, and the nodes in it."""
    target = _target(node)
    said = [str(node.__doc__)]
    if target:
        said.append(f"`_target_: {target}`.")
    if len(path) > 1 and target and (users := _experiments(target)):
        said.append(f"As in {', '.join(users)}.")
    elif len(nodes) > 1 and (options := [who for who, _ in origins.of_node(path, nodes, node)]):
        said.append(f"Options: {_who(origins, path, options)}.")
    if len(nodes) > 1:
        yield f"\n### {'.'.join(path)}: {_name(node)}"
    yield f"\n{' '.join(said)}\n"
    fields = {
        key: one for key, one in schema.fields(node).items() if key != "_target_" or not target
    }
    if fields:
        yield _TABLE
    for key, field in sorted(fields.items(), key=lambda item: item[0] != "_target_"):
        if field.nodes:
            anchor = f"{''.join([*path, key])}-{_name(field.nodes[0])}".lower()
            yield _row(f"[`{key}`](#{anchor})", "keys or null", "", field, science)
        else:
            yield _value(origins, path, nodes, node, key, science)
    if more := schema.extra(node):
        yield _row(f"[any other](#{path[0]}-your-own)", "keys or null", "", more, science)
    for key, field in fields.items():
        for inner in field.nodes[:1]:  # the other is anybody's own
            below = science and _is_science(field)
            yield from _node(origins, [*path, key], field.nodes, inner, below)
    for inner in more.nodes if more else ():
        yield f"\n### {path[0]}.*: your own"
        yield from _node(origins, [*path, "*"], [inner], inner, science)


def _value(
    origins: Origins,
    path: Sequence[str],
    nodes: Sequence[type],
    node: type,
    key: str,
    science: bool,
) -> str:
    field = schema.fields(node)[key]
    told = origins.of_key(path, nodes, node, key)
    if told and all(who == [word] for word, who in told.items()):
        default = "the option's name"
    else:
        short = {word: [one.partition(" (")[0] for one in who] for word, who in told.items()}
        each = [f"`{word}` {_who(origins, path, who)}".strip() for word, who in short.items()]
        default = "<br>".join(each) or ("*required*" if field.required else "–")
    return _row(f"`{key}`", schema_check.says(field.annotation), default, field, science)


def _row(key: str, may_be: str, default: str, field: Field, science: bool) -> str:
    in_id = "yes" if science and _is_science(field) else "no"
    return f"| {key} | {may_be} | {default} | {_meaning(field)} | {in_id} |"


def _who(origins: Origins, path: Sequence[str], names: Sequence[str]) -> str:
    default = origins.groups.get(path[0]) if path else None
    return ", ".join(_bold(name, name.partition(" ")[0] == default) for name in names)


def _name(node: type) -> str:
    return _target(node).rpartition(".")[2] or "your own"


def _target(node: type) -> str:
    """The class that a node is of; empty: any."""
    field: Mapping[str, Field] = schema.fields(node)
    annotation = field["_target_"].annotation if "_target_" in field else None
    return str(get_args(annotation)[0]) if get_origin(annotation) is Literal else ""


def _experiments(target: str) -> list[str]:
    """Links to those that use a class."""
    files = sorted((CONF / "experiment").glob("*.yaml"))
    users = [file.stem for file in files if f"{target}\n" in file.read_text(encoding="utf-8")]
    return [_file("experiment", name) for name in users]


def _file(group: str, name: str) -> str:
    return f"[{name}](../conf/{group}/{name}.yaml)"


def _bold(words: str, is_bold: bool) -> str:
    return f"**{words}**" if is_bold else words


def _meaning(field: Field) -> str:
    return field.key.meaning if field.key else "its class"


def _is_science(field: Field) -> bool:
    return field.key is None or field.key.science
