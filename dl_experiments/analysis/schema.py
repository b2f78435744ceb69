"""Every key of ``conf/analyze.yaml``, declared once, as ``dl_experiments/schema.py`` does it."""

from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Le, Predicate
from typing_extensions import TypedDict

from dl_experiments.analysis.options import Options
from dl_experiments.schema import Key, Named
from dl_experiments.schema_check import check_against

REPORT = "report"  # outputs/report/ is written by the analysis and holds no runs


class AnalysisError(ValueError):
    """Something the user can put right; its message is one line."""


def _names(value: Any) -> bool:
    """Whether it is a name or several; one such as 2024 has become a number."""
    return all(isinstance(one, str | int | float) for one in _several(value))


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class Paths(TypedDict):
    """Where files are."""

    outputs: Annotated[str, Named("a folder"), Key("the folder of all runs and of the report")]
    data: Annotated[str, Named("a folder"), Key("where data sets are, wherever runs had them")]


class Figures(TypedDict):
    """How figures are drawn."""

    dpi: Annotated[Annotated[int, Ge(10), Le(1200)], Key("resolution of the PNGs")]


class Trust(TypedDict):
    """Whose code is run."""

    folders: Annotated[
        Annotated[list[str], Named("a list of folders")],
        Key("folders of Python files that hold EXPERIMENTS of one's own; all of them are run"),
    ]


class Analysis(TypedDict):
    """What a report is to be of."""

    paths: Annotated[Paths, Key("where files are")]
    experiment: Annotated[
        Annotated[Any, Predicate(_names), Named("an experiment, a study or a list of them")] | None,
        Key("what the report is to be of, a section of the homework too; null: all"),
    ]
    figures: Annotated[Figures, Key("how figures are drawn")]
    trust: Annotated[Trust, Key("whose code is run")]
    options: Annotated[Options, Key("what one analysis each can be told")]


def check(config: Mapping[str, Any]) -> None:
    """Refuse a key that is not known, or a value that is not allowed.

    Raises:
        AnalysisError: Names the key, the value and what is allowed.
    """
    try:
        check_against(Analysis, config)
    except ValueError as error:
        raise AnalysisError(str(error)) from None
