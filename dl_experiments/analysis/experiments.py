"""What the report and the docs need to know of an experiment before its analysis is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:  # it draws, which who only asks what there is can do without
    from dl_experiments.analysis.findings import Finding

Analysis = Callable[..., "Finding"]
"""Maps the study's runs, of which there is at least one, and its options to what they show."""


@final
@dataclass(frozen=True)
class Experiment:
    """One experiment of the report.

    Attributes:
        name: As a command names it.
        title: Its heading.
        question: What it asks, in one sentence.
        analyse: What draws, measures and judges; or the module that has it as ``analyse``, loaded
            when it is needed. Its keywords are what ``options.<name>`` can tell it.
        section: Of the homework, such as "1-3"; empty where it is in none.
        source: The paper, where the claims are published ones.
        published: The number that it has, or what it found.
        shares: The study whose runs it looks at, where that is another experiment's.
        beside: The studies beside which one that needs no runs is shown; asked for by name it needs
            none of them. Empty: it needs runs of its study.
    """

    name: str
    title: str
    question: str
    analyse: str | Analysis
    section: str = ""
    source: str = ""
    published: str = ""
    shares: str = ""
    beside: Sequence[str] = ()

    @property
    def study(self) -> str:
        """Whose runs it looks at."""
        return self.shares or self.name

    @property
    def packaged(self) -> bool:
        """Whether its analysis is this package's, which any process can find."""
        return isinstance(self.analyse, str) and self.analyse.startswith("dl_experiments.")

    def __call__(self, *runs: Any, **options: Any) -> "Finding":
        """Its analysis of the runs."""
        analyse = self.analyse
        if isinstance(analyse, str):
            analyse = resolve_name(f"{analyse}:analyse")
        found: Finding = analyse(*runs, **options)
        return found
