"""Run directories -> tables, figures, event files and the report, all under ``outputs/report``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dl_experiments.analysis import comparison
from dl_experiments.analysis.collect import REPORT, AnalysisError, Collection, collect
from dl_experiments.analysis.describe import interrupted, states
from dl_experiments.analysis.drawn import Analysis, Task, draw
from dl_experiments.analysis.findings import Passing
from dl_experiments.analysis.freshness import Stamp, stamps
from dl_experiments.analysis.phenomena import beside, known
from dl_experiments.analysis.replicates import compare, mixed, one_each
from dl_experiments.analysis.report import write_report
from dl_experiments.analysis.schema import check
from dl_experiments.analysis.tables import write_tables

Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Written:
    """What was found and where everything is.

    Attributes:
        figures: Folder of an experiment -> how many figures it holds.
        notes: Run directories that cannot be read, and what each experiment left out or warns of,
            a line each.
        text: What the one experiment asked for has for the terminal, lines that end; else empty.
        stamps: Every file with the stamp that it had as it was written.
        lasting: Whether the same runs would be found to be the same again.
    """

    found: Collection
    report: Path
    tables: list[Path]
    figures: dict[Path, int]
    notes: list[str]
    text: str = ""
    stamps: dict[Path, Stamp] = field(default_factory=dict)
    lasting: bool = True

    @property
    def out(self) -> str:
        """What the terminal shows: what was found, and where everything is."""
        lines = [
            f"figures  {folder}/  ({count} as PNG and SVG, and in tensorboard/)"
            for folder, count in self.figures.items()
        ]
        lines = [states(self.found.runs), *lines, f"tables   {', '.join(map(str, self.tables))}"]
        return self.text + "".join(f"{line}\n" for line in [*lines, f"report   {self.report}"])

    @property
    def err(self) -> str:
        """The notes, a line each."""
        return "".join(f"{note}\n" for note in self.notes)


def analyze(
    outputs: Path,
    wanted: Sequence[str] | None = None,
    dpi: int = 200,
    options: Options | None = None,
    processes: int = 1,
) -> Written:
    """Analyse what lies under ``outputs``.

    Args:
        outputs: The folder of the studies.
        wanted: Experiments or studies; none means all.
        dpi: Resolution of the PNGs.
        options: Experiment -> what its analysis is told; it has a default for each.
        processes: How many may draw, see ``drawn``; more than 1 only from a script whose main
            module other processes can import.

    Raises:
        AnalysisError: There is nothing to analyse, a wanted name or an option is not known, or a
            value is not allowed.
    """
    asked = {"experiment": wanted and [*wanted], "figures": {"dpi": dpi}, "options": options or {}}
    check({"paths": {"outputs": str(outputs)}, **asked})
    found = _read(outputs, wanted)
    analyses = _choose(found, wanted, options or {})
    folder = outputs / REPORT
    studies = found.studies
    made = draw(
        [
            Task(analysis, studies.get(study, []), folder / name, dpi)
            for name, (study, analysis) in analyses.items()
        ],
        processes,
    )
    figures = {folder / name: len(one.pictures) for name, one in zip(analyses, made, strict=True)}
    sections = [(one.finding, one.pictures) for one in made]
    written = {path: stamp for one in made for path, stamp in one.files.items()}
    tables = write_tables(found.runs, folder)
    report = write_report(folder, sections, found, tables, partial=bool(wanted))
    written |= stamps([*tables, report])
    text = sections[0][0].text if len(sections) == 1 else ""
    notes = [*interrupted(found.runs), *(f"left out: {problem}" for problem in found.problems)]
    notes += [f"{one.name}: {note}" for one, _ in sections for note in one.notes]
    lasting = not any(isinstance(note, Passing) for one, _ in sections for note in one.notes)
    return Written(found, report, tables, figures, notes, text, written, lasting)


def _read(outputs: Path, wanted: Sequence[str] | None) -> Collection:
    """All runs; none are needed where none of the wanted experiments does."""
    runless = {name for name, module in known().items() if beside(module)}
    needed = not wanted or any(name not in runless for name in wanted)
    try:
        found = collect(outputs)
    except AnalysisError:
        if needed:
            raise
        return Collection()
    found = _counting(found)
    if needed and not found.runs:
        lines = "".join(f"\n  {problem}" for problem in found.problems)
        raise AnalysisError(f"no run under {outputs} can be read:{lines}")
    return found


def _counting(found: Collection) -> Collection:
    """What is left when each science counts once, and a note of runs that cannot be compared."""
    runs, problems, notes = [], list(found.problems), []
    for members in found.studies.values():
        kept, lines = one_each(members)
        runs += kept
        problems += lines
        notes += mixed(kept)
    notes += compare(runs)
    bare = sum(1 for run in runs if run.rows and not run.recorded("data"))
    verb = "run has" if bare == 1 else "runs have"
    if bare:
        notes.append(
            f"{bare} {verb} no record of the data and code behind them, and count as they are"
        )
    return Collection(runs, problems, notes)


def _choose(
    found: Collection, wanted: Sequence[str] | None, options: Options
) -> dict[str, tuple[str, Analysis]]:
    """Experiment or study -> its study and how it is analysed."""
    phenomena = known()
    studies = found.studies
    there: dict[str, tuple[str, Analysis]] = {
        name: (module.STUDY, partial(module.analyse, **options.get(name, {})))
        for name, module in phenomena.items()
        if module.STUDY in studies
        or (name in (wanted or ()) and beside(module))
        or any(study in studies for study in beside(module))
        or options.get(name, {}).get("runs")  # named, of any study
    }
    explained = {study for study, _ in there.values()}
    for study in studies:
        if study not in explained:
            there[study] = (study, partial(comparison.analyse, study))
    if not wanted:
        return there
    for name in wanted:  # what the command line gave may be a number, and is then not there
        if name not in there:
            what = "has no runs yet" if name in phenomena else "is not known"
            raise AnalysisError(f"experiment={name} {what}; there are: {', '.join(sorted(there))}")
    return {name: there[name] for name in dict.fromkeys(wanted)}
