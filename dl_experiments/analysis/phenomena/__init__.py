"""One module an experiment. A module here with STUDY, TITLE and ``analyse`` is found by itself.

Its own name is the experiment's; a name that starts with an underscore is shared code. What it can
be told is declared in ``_options.py``.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:  # they load torch, which who only reads the options can do without
    from dl_experiments.analysis.collect import Run
    from dl_experiments.analysis.findings import Finding


class Phenomenon(Protocol):
    """What a module here offers.

    Attributes:
        STUDY: Whose runs it looks at; several experiments may share a study.
        TITLE: Its heading in the report.
    """

    STUDY: str
    TITLE: str

    @staticmethod
    def analyse(runs: "Sequence[Run]", **options: Any) -> "Finding":
        """Draw, measure and judge the study's runs, of which there is at least one.

        The options are those that ``_options.py`` has under the experiment's name.
        """


def known() -> dict[str, Phenomenon]:
    """Experiment -> its module, in order of the name."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name[0] != "_")
    return {n: cast(Phenomenon, importlib.import_module(f"{__name__}.{n}")) for n in names}


def beside(module: Phenomenon) -> Sequence[str]:
    """The studies beside which a module that needs no runs is shown (its ``BESIDE``).

    Asked for by name it needs none of them. Empty: the module needs runs of its own study.
    """
    return cast(Sequence[str], getattr(module, "BESIDE", ()))
