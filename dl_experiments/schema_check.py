"""Holds a resolved config against the schema: one clear line for what is wrong.

Which key is unknown or missing is found here; what a value may be, pydantic says, which is imported
when the first value is checked, and converts nothing.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from dl_experiments import schema
from dl_experiments.schema import Field, Named, Run

Config = Mapping[str, Any]
_PLAIN = (list, tuple, dict, Sequence, Mapping, Union, UnionType)
_Problem = tuple[int, str]  # unknown keys come first, then missing ones, then values
_Whole = tuple[type, Config]  # a declaration, and all that is held against it


def check(config: Config) -> None:
    """Refuse a resolved config with a key that is not known, or a value that is not allowed.

    Raises:
        ValueError: Names the key, the value and what is allowed.
    """
    landed = config.get("experiment")
    if isinstance(landed, Mapping):
        raise ValueError(f"experiment: {no_package('experiment')}")
    check_against(Run, config)
    if twice := sorted(config["measurements"].keys() & config["callbacks"].keys()):
        raise ValueError(
            f"measurements.{twice[0]}: there is a callbacks.{twice[0]} too; call one of them "
            "otherwise"
        )
    optimizer = config["optimizer"]
    if optimizer.get("nesterov") and not optimizer.get("momentum"):
        raise ValueError("optimizer.nesterov=True needs optimizer.momentum above 0")


def check_against(root: type, config: Config) -> None:
    """Refuse what a declaration does not know, does not allow, or misses.

    Args:
        root: The declaration of the whole.
        config: Resolved.

    Raises:
        ValueError: Names the key, the value and what is allowed.
    """
    problems = sorted(_problems("", root, config, (root, config)), key=lambda problem: problem[0])
    if problems:
        raise ValueError(problems[0][1])


def no_package(group: str) -> str:
    """What is said of an option's file that has forgotten where it belongs."""
    return (
        f"the first line of its file must be '# @package _global_', or what it sets lands under "
        f"{group}, where nothing reads it"
    )


def check_values(key: str, node: type, values: Config) -> None:
    """Refuse values that a node's declaration does not allow; for a constructor.

    Args:
        key: The node's, dotted.
        node: Its declaration.
        values: Some of its keys.

    Raises:
        ValueError: Names the key, the value and what is allowed.
    """
    for name, field in schema.fields(node).items():
        if name in values:
            for _, said in _of_value(f"{key}.{name}", field, values[name], (node, {})):
                raise ValueError(said)


def refusal(key: str, annotation: Any, value: Any) -> str:
    """A value, and what is wanted in its place."""
    wanted = says(annotation)
    whole = isinstance(value, float) and value.is_integer() and "whole number" in wanted
    shown = repr(value) if len(repr(value)) <= 120 else f"{repr(value)[:60]}…"
    return f"{key}={shown} is not {wanted}{f'; write {value:.0f}' if whole else ''}"


def fits(annotation: Any, value: Any) -> bool:
    """Whether a value is what an annotation says, without being converted to it."""
    from pydantic import ValidationError

    try:
        _adapter(annotation).validate_python(value)
        return True
    except ValidationError:
        return False


@cache
def _adapter(annotation: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    rules = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
    return TypeAdapter(annotation, config=rules)


def _problems(prefix: str, node: type, value: Config, whole: _Whole) -> Iterator[_Problem]:
    known, more = schema.fields(node), schema.extra(node)
    for key, one in value.items():
        field = known.get(key, more)
        if field is not None and (meant := _without_class(key, one, known)):
            yield 0, f"{prefix}{key} has no _target_; did you mean {prefix}{meant}?"
        elif field is not None:
            yield from _of_value(f"{prefix}{key}", field, one, whole)
        elif not schema.is_open(node):
            yield 0, unknown(f"{prefix}{key}", list(known), *whole)
    others = [str(key) for key in value if key not in known]
    for key, field in known.items():
        if field.required and key not in value:
            near = difflib.get_close_matches(key, others, 1)
            meant = f"; is {prefix}{near[0]} meant?" if near else ""
            yield 1, f"{prefix}{key} is missing{meant}"


def _without_class(key: str, one: object, known: Iterable[str]) -> str:
    """What is likely meant by a node of one's own that names no class; empty: nothing known."""
    if key in known or not isinstance(one, Mapping) or "_target_" in one:
        return ""
    return next(iter(difflib.get_close_matches(key, known, 1)), "")


def _of_value(key: str, field: Field, value: Any, whole: _Whole) -> Iterator[_Problem]:
    if not field.nodes:
        if not fits(field.annotation, value):
            yield 2, refusal(key, field.annotation, value)
    elif isinstance(value, Mapping):
        node = named(field.nodes, value.get("_target_"))
        yield from _problems(f"{key}.", node, value, whole)
    elif value is not None or not field.nullable:
        yield 2, f"{key}={value!r} is not a group of keys{' or null' * field.nullable}"


def named(nodes: Sequence[type], target: object) -> type:
    """The one of some nodes that a ``_target_`` names; the last where it names none."""
    for node in nodes[:-1]:
        if target in get_args(schema.fields(node)["_target_"].annotation):
            return node
    return nodes[-1]


def unknown(
    key: str,
    siblings: Sequence[str],
    root: type = Run,
    config: Config | None = None,
    whose: str = "",
) -> str:
    """What is said of a key that is not known.

    Args:
        key: Dotted.
        siblings: The keys that are known in its place.
        root: The declaration of the whole.
        config: In which the key may have its true place elsewhere.
        whose: What the siblings are the keys of, where that is a class.
    """
    path, _, last = key.rpartition(".")
    siblings = [name for name in siblings if name != "_target_"]
    near = difflib.get_close_matches(last, siblings, 1)
    if near:
        known = f"{path}.{near[0]}".strip(".")
    else:
        ends = {
            dotted.rpartition(".")[2]: dotted for dotted in reversed([*_keys(config or {}, root)])
        }
        near = difflib.get_close_matches(last, ends, 1, 0.7)
        known = ends[near[0]] if near else ""
    said = f"{key} is not a key"
    said += f"; did you mean {known}?" if known else f"; allowed: {', '.join(siblings) or 'none'}"
    said += f" (of {whose})" if whose else ""
    own = " (values of one's own, to refer to, go under at)" if root is Run and not path else ""
    return said + own


def _keys(config: Config, node: type, prefix: str = "") -> Iterator[str]:
    """The declared keys that a config has, dotted."""
    for key, field in schema.fields(node).items():
        if key in config and key != "_target_":
            yield f"{prefix}{key}"
            if field.nodes and isinstance(value := config[key], Mapping):
                yield from _keys(
                    value, named(field.nodes, value.get("_target_")), f"{prefix}{key}."
                )


def depth(key: str) -> int | None:
    """How deep the lists lie that a dotted key takes; None: that is not declared, or varies."""
    found = {_depth(one) for field in _declared(key.split("."), Run) for one in _kinds(field)}
    return found.pop() if len(found) == 1 else None


def _declared(path: Sequence[str], node: type) -> Iterator[Field]:
    field = schema.fields(node).get(path[0], schema.extra(node))
    if field is not None and len(path) == 1:
        yield field
    elif field is not None:
        for one in field.nodes:
            yield from _declared(path[1:], one)


def _kinds(field: Field) -> Iterator[Any]:
    """What a value may be, without marks; a group's options are words."""
    todo = [] if field.nodes else [field.annotation]
    if field.nodes:
        yield str
    while todo:
        one = todo.pop()
        if get_origin(one) is Annotated or get_origin(one) in (Union, UnionType):
            todo += get_args(one)[: 1 if get_origin(one) is Annotated else None]
        elif one is not NoneType:
            yield one


def _depth(kind: Any) -> int:
    if get_origin(kind) is Annotated:
        return _depth(get_args(kind)[0])
    return 1 + _depth(get_args(kind)[0]) if get_origin(kind) is list else 0


def says(annotation: Any) -> str:
    """What a value may be, in words."""
    if annotation in (None, NoneType):
        return "null"
    origin, arguments = get_origin(annotation), get_args(annotation)
    marks: Sequence[Any] = ()
    if origin is Annotated:
        annotation, *marks = arguments
        if named := [mark.words for mark in marks if isinstance(mark, Named)]:
            return str(named[0])
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin in (Annotated, Union, UnionType, Literal):
            return says(annotation)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(says(one) for one in arguments))
    if origin is Literal:
        if len(arguments) == 1:
            return repr(arguments[0])
        return f"one of {', '.join(str(one) for one in arguments)}"
    if annotation is bool:
        return "true or false"
    if annotation in (int, float):
        return f"a {'whole ' * (annotation is int)}number{_within(marks)}"
    if origin in (list, tuple, Sequence) or annotation in (list, tuple):
        items = [one for one in arguments if one is not ...]
        count = next((f"{mark.min_length} " for mark in marks if hasattr(mark, "min_length")), "")
        return f"a list of {count}{_plural(says(items[0])) if items else 'values'}"
    return "a word" if annotation is str else str(getattr(annotation, "__name__", annotation))


def _within(marks: Sequence[Any]) -> str:
    """Limits in words, as in "from 1 up"."""
    low = next(((m.ge, True) for m in marks if hasattr(m, "ge")), None)
    low = low or next(((m.gt, False) for m in marks if hasattr(m, "gt")), None)
    high = next(((m.le, True) for m in marks if hasattr(m, "le")), None)
    high = high or next(((m.lt, False) for m in marks if hasattr(m, "lt")), None)
    if low is None:
        return ""
    least = f" {'from' if low[1] else 'above'} {low[0]}"
    if high is None:
        return least + " up" * low[1]
    most = f"{'' if low[1] else 'and up '}to {high[0]}" if high[1] else f"and below {high[0]}"
    return f"{least} {most}"


def _plural(words: str) -> str:
    for one in ("whole number", "number", "list", "word"):
        if words.startswith(f"a {one}"):
            return f"{one}s{words.removeprefix(f'a {one}')}"
    return words


def against_signature(
    key: str, made: Callable[..., Any], node: Config, given: Iterable[str] = ()
) -> None:
    """Hold a node's keys and values against the signature of what it is given to.

    Where that takes any keyword, names are not held against it; where an annotation is of a kind
    that cannot be checked, values are not.

    Args:
        key: The node's, dotted.
        made: What its ``_target_`` names.
        node: Without ``_target_``.
        given: Parameters that are no business of the config.

    Raises:
        ValueError: It does not know a key, or a value is not of its type.
    """
    annotations = _annotations(made)
    for name, value in node.items():
        if name in annotations:
            if not _fits_loosely(annotations[name], value):
                said = refusal(f"{key}.{name}", annotations[name], value)
                raise ValueError(f"{said} (of {made.__name__})")
        elif not _takes_any(made):
            own = [name for name in annotations if name not in {*given, "self"}]
            raise ValueError(unknown(f"{key}.{name}", own, whose=made.__name__))


def _takes_any(made: Callable[..., Any]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(made).parameters.values())


@cache
def _annotations(made: Callable[..., Any]) -> Mapping[str, Any]:
    """What each parameter of its own may be; its default is always among that."""
    try:
        parameters = inspect.signature(made, eval_str=True).parameters
    except Exception:  # a name that exists for type checkers alone
        parameters = inspect.signature(made).parameters
    found = {}
    for name, one in parameters.items():
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            told = one.annotation if _is_plain(one.annotation) else Any
            found[name] = told | None if one.default is None and told is not Any else told
    return found


def _is_plain(annotation: Any) -> bool:
    """Whether all that it allows can be said in YAML; of a ``Path`` or a dtype a word may do."""
    if get_origin(annotation) is Literal or annotation in (int, float, bool, str, None, NoneType):
        return True
    inner = [one for one in get_args(annotation) if one is not ...]
    return get_origin(annotation) in _PLAIN and all(map(_is_plain, inner))


def _fits_loosely(annotation: Any, value: Any) -> bool:
    """Whether it fits, as a list or as the tuple that YAML cannot say."""
    return fits(annotation, value) or (isinstance(value, list) and fits(annotation, tuple(value)))
