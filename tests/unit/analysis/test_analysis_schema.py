"""What analyze.py can be asked: declared once, and the file and the analyses agree with it."""

import copy
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import yaml

from dl_experiments import schema
from dl_experiments.analysis.options import Options
from dl_experiments.analysis.phenomena import known
from dl_experiments.analysis.schema import Analysis, AnalysisError, check

FILE = Path(__file__).parents[3] / "conf" / "analyze.yaml"


@pytest.fixture
def config() -> dict[str, Any]:
    """What a command without words asks for."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if key not in ("defaults", "hydra")}


def nodes(
    config: Mapping[str, Any], node: type = Analysis, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], type, Mapping[str, Any]]]:
    """Each node that is declared: where, as what, and what the config has there."""
    yield path, node, config
    for key, field in schema.fields(node).items():
        for one in field.nodes:
            yield from nodes(config[key], one, (*path, key))


def test_the_file_has_a_default_for_every_declared_key_and_no_other(config: dict) -> None:
    check(config)
    found = list(nodes(config))
    assert len(found) == 5 + len(schema.fields(Options))
    for path, node, values in found:
        assert values.keys() == schema.fields(node).keys(), path


def test_every_key_says_what_it_means(config: dict) -> None:
    for path, node, _ in nodes(config):
        for name, field in schema.fields(node).items():
            assert field.nodes or (field.key and field.key.meaning), (*path, name)


def test_an_analysis_takes_what_is_declared_for_it_with_the_same_defaults(config: dict) -> None:
    declared = schema.fields(Options)
    assert declared.keys() <= known().keys()
    for name, one in known().items():
        analyse = resolve_name(f"{one.analyse}:analyse")
        _, *parameters = inspect.signature(analyse).parameters.values()
        defaults = {one.name: one.default for one in parameters}
        assert defaults == config["options"].get(name, {}), name


def test_every_node_refuses_what_it_does_not_know(config: dict) -> None:
    for path, node, _ in nodes(config):
        dotted = ".".join([*path, ""])
        for wrong, says in (("qqqq", "allowed: "), (f"{next(iter(schema.fields(node)))}x", "did ")):
            changed = copy.deepcopy(config)
            at(changed, path)[wrong] = 1
            with pytest.raises(AnalysisError, match=rf"^{dotted}{wrong} is not a key; {says}"):
                check(changed)


def test_every_key_refuses_what_is_not_allowed(config: dict) -> None:
    for path, node, _ in nodes(config):
        for key in schema.fields(node):
            changed = copy.deepcopy(config)
            at(changed, path)[key] = object()
            dotted = ".".join([*path, key])
            with pytest.raises(AnalysisError, match=rf"^{dotted}=<object .* is not "):
                check(changed)


def at(config: dict, path: tuple[str, ...]) -> dict:
    for key in path:
        config = config[key]
    return config


REFUSED = {
    "paths.outputs": [None, 3],
    "experiment": [{"a": 1}, [["a"]], [None]],
    "figures.dpi": [9, 1201, 100.0, True, "big", None],
    "options": [None, 3],
    "options.hw1_2_trajectory": [None, "dense1"],
    "options.hw1_2_trajectory.layer": [None, 1],
    "options.hw1_2_error_surface.points": [3, 24, 25.0, None],
    "options.hw1_2_error_surface.samples": [0, 0.5, "all"],
    "options.hw1_3_interpolation.low": ["left", 1e6, True, float("nan"), None],
    "options.hw1_3_interpolation.points": [1, 2.5],
    "options.hw1_3_interpolation.runs": ["here", ["a"], ["a", "b", "c"], [1, 2]],
}
ACCEPTED = {
    "experiment": [None, "adhoc", 2024, 1e300, ["adhoc", 7], []],
    "figures.dpi": [10, 1200],
    "options.hw1_2_error_surface.points": [5, 101],
    "options.hw1_2_error_surface.samples": [None, 1],
    "options.hw1_3_interpolation.low": [0, -0.5],
    "options.hw1_3_interpolation.runs": [None, ["one", "other"]],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in REFUSED.items() for v in vs])
def test_refused(config: dict, key: str, value: Any) -> None:
    *path, last = key.split(".")
    at(config, tuple(path))[last] = value
    with pytest.raises(AnalysisError, match=rf"^{key}=") as caught:
        check(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in ACCEPTED.items() for v in vs])
def test_accepted(config: dict, key: str, value: Any) -> None:
    *path, last = key.split(".")
    at(config, tuple(path))[last] = value
    check(config)
