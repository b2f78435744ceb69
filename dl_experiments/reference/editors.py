"""The JSON schema that editors check our YAML by, ``conf/keys.json``.

A file says only a part of a config, so no key must be there, and any value may be left to another
file (``???``) or follow from one (``${...}``). The root is what an experiment may say; an option of
a group is checked by the definition that is called like the group.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import TypeAdapter

from dl_experiments import schema, schema_check
from dl_experiments.reference import defaults
from dl_experiments.schema import Field

_Json = dict[str, Any]
_ELSEWHERE = {"$ref": "#/definitions/elsewhere"}


def text() -> str:
    """The schema, as JSON."""
    groups = {key: field for key, field in schema.fields(schema.Run).items() if field.nodes}
    root = _node(schema.Run)
    root["properties"] |= {key: {"$ref": f"#/definitions/{key}"} for key in groups}
    root["properties"] |= {"at": {"description": "values of one's own"}, "hydra": _hydra()}
    definitions: _Json = {
        "elsewhere": {"type": "string", "pattern": r"\$\{|^\?\?\?$"},
        "defaults": {"type": "array", "items": {"type": ["string", "object"]}},
    }
    definitions |= {node.__name__: _node(node) for node in _declared(schema.Run)}
    definitions |= {key: _field(field) for key, field in groups.items()}
    head = {"$schema": "http://json-schema.org/draft-07/schema#"}
    return json.dumps(head | root | {"definitions": definitions}, indent=1) + "\n"


def _declared(node: type) -> Iterator[type]:
    """The nodes inside a node."""
    more = schema.extra(node)
    for field in [*schema.fields(node).values(), *([more] if more else [])]:
        for one in field.nodes:
            yield one
            yield from _declared(one)


def _node(node: type) -> _Json:
    more = schema.extra(node)
    keys = {key: _field(field) for key, field in schema.fields(node).items()}
    others = _field(more) if more else schema.is_open(node)
    return {"description": node.__doc__, **_object(keys, others)}


def _object(keys: _Json, others: _Json | bool) -> _Json:
    known = keys | {"defaults": {"$ref": "#/definitions/defaults"}}  # a file is made of others
    return {"type": "object", "properties": known, "additionalProperties": others}


def _field(field: Field) -> _Json:
    said = [field.key.meaning] if field.key else []
    if not field.nodes:
        said.append(schema_check.says(field.annotation))
        members = [_value(TypeAdapter(field.annotation).json_schema())]
    else:
        members = [_nodes(field.nodes), *([{"type": "null"}] if field.nullable else []), _ELSEWHERE]
    return {"description": "; ".join(said), "anyOf": members}


def _value(allowed: _Json) -> _Json:
    """What pydantic says of a value, or what stands for one; in a list as well."""
    members = []
    for one in allowed.get("anyOf", [allowed]):
        members.append(one | {"items": _value(one["items"])} if "items" in one else one)
    return {"anyOf": [*members, _ELSEWHERE]}


def _nodes(nodes: Sequence[type]) -> _Json:
    """The one of some nodes that ``_target_`` names; where it names none, any that has the keys."""
    *known, last = nodes
    if not known:
        return _ref(last)
    found: _Json = {"if": {"required": ["_target_"]}, "then": _ref(last), "else": _part(nodes)}
    for node in reversed(known):
        (target,) = get_args(schema.fields(node)["_target_"].annotation)
        named = {"required": ["_target_"], "properties": {"_target_": {"const": target}}}
        found = {"if": named, "then": _ref(node), "else": found}
    return found


def _part(nodes: Sequence[type]) -> _Json:
    """What a file sets of a node whose class another names.

    Where a class of one's own can be meant, its keys are not known; a callback's name says whose it
    is.
    """
    keys: dict[str, list[_Json]] = {}
    for node in nodes:
        for key in schema.fields(node):
            keys.setdefault(key, []).append(_ref(node, f"/properties/{key}"))
    any_of = {key: {"anyOf": one} if len(one) > 1 else one[0] for key, one in keys.items()}
    return _object(any_of, len(nodes) > 2)


def _ref(node: type, within: str = "") -> _Json:
    return {"$ref": f"#/definitions/{node.__name__}{within}"}


def _hydra() -> _Json:
    """Hydra's own node, of which the grid is checked: its keys are dotted, its values words."""
    keys: _Json = {group: {} for group in defaults.groups()}
    opened = ["at", "hydra"]
    for key, field in schema.fields(schema.Run).items():
        keys[key] = {"description": field.key.meaning if field.key else ""}
        for node in field.nodes:
            keys |= {f"{key}.{one}": {} for one in schema.fields(node)}
            if schema.is_open(node) or schema.extra(node):
                opened.append(key)
    grid = _object(keys, False)
    grid["patternProperties"] = {rf"^[+~]|^({'|'.join(dict.fromkeys(opened))})[./@]": {}}
    sweeper = {"type": "object", "properties": {"params": grid}}
    return {"type": "object", "properties": {"sweeper": sweeper}}
