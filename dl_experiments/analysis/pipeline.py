"""Run directories -> tables, figures, event files and the report, all under ``outputs/report``."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dl_experiments.analysis import comparison
from dl_experiments.analysis.experiments import Experiment
from dl_experiments.analysis.phenomena import known
from dl_experiments.analysis.report import freshness
from dl_experiments.analysis.report.drawn import Drawers, Drawn, Say, Task, draw
from dl_experiments.analysis.report.freshness import Stamp, stamps
from dl_experiments.analysis.report.page import CHOSEN, write_page
from dl_experiments.analysis.report.tables import write_findings, write_tables
from dl_experiments.analysis.report.told import Told, beside_one_another, read
from dl_experiments.analysis.runs.collect import REPORT, AnalysisError, Collection, collect
from dl_experiments.analysis.runs.describe import interrupted, states
from dl_experiments.analysis.runs.replicates import compare, mixed, one_each
from dl_experiments.analysis.schema import check

Options = Mapping[str, Mapping[str, Any]]

RECORD = ".drawn.json"  # of an experiment, in its folder
TRACE = "error.log"


@dataclass(frozen=True)
class Written:
    """What was found and where everything is.

    Attributes:
        sections: In the order of the page.
        stamps: Every file with the stamp that it had as it was written.
    """

    found: Collection
    report: Path
    tables: list[Path]
    sections: list[Told]
    stamps: dict[Path, Stamp] = field(default_factory=dict)

    @property
    def out(self) -> str:
        """What the terminal shows: what was found, and where everything is."""
        figures = [
            f"figures  {folder}/  ({count} as PNG and SVG, and in tensorboard/)"
            for folder, count in self.figures.items()
        ]
        lines = [states(self.found.runs), *figures, f"tables   {', '.join(map(str, self.tables))}"]
        return self.text + "".join(f"{line}\n" for line in [*lines, f"report   {self.report}"])

    @property
    def figures(self) -> dict[Path, int]:
        """Folder of an experiment -> how many figures it holds."""
        return {self.report.parent / one.experiment: len(one.pictures) for one in self.sections}

    @property
    def text(self) -> str:
        """What the one experiment asked for has for the terminal; else empty."""
        return self.sections[0].text if len(self.sections) == 1 else ""

    @property
    def notes(self) -> list[str]:
        """Run directories that cannot be read, what was left out, what failed: a line each."""
        lines = [*interrupted(self.found.runs)]
        lines += [f"left out: {problem}" for problem in self.found.problems]
        for one in self.sections:
            lines += [f"{one.experiment}: {note}" for note in one.notes]
            if one.failed:
                log = self.report.parent / one.experiment / TRACE
                lines.append(f"{one.experiment} failed: {one.failed} (see {log})")
        return lines

    @property
    def failed(self) -> bool:
        """Whether an analysis raised."""
        return any(one.failed for one in self.sections)

    @property
    def lasting(self) -> bool:
        """Whether the same runs would be found to be the same again."""
        return all(one.lasting for one in self.sections)


def analyze(
    outputs: Path,
    wanted: Sequence[str] | None = None,
    dpi: int = 200,
    options: Options | None = None,
    processes: int = 1,
    folders: Sequence[str] = (),
    say: Say = lambda line: None,
    data: str | None = None,
) -> Written:
    """Analyse what lies under ``outputs``.

    Args:
        outputs: The folder of the studies.
        wanted: Experiments, studies or sections of the homework; none means all.
        dpi: Resolution of the PNGs.
        options: Experiment -> what its analysis is told; it has a default for each.
        processes: How many may draw, see ``drawn``; more than 1 only from a script whose main
            module other processes can import.
        folders: Of Python files that hold experiments of a user's own, see ``trusted``.
        say: Takes a line on what is being done.
        data: Where data sets are now; None: where the runs had them.

    Raises:
        AnalysisError: There is nothing to analyse, a wanted name or an option is not known, or a
            value is not allowed.
    """
    told = options or {}
    asked = {"experiment": wanted and [*wanted], "figures": {"dpi": dpi}, "options": told}
    paths = {"outputs": str(outputs), "data": data or ""}
    check({"paths": paths, "trust": {"folders": [*folders]}, **asked})
    there = known(folders)
    trees = freshness.trees(outputs) if outputs.is_dir() else {}
    folder = outputs / REPORT
    with Drawers(processes) as drawers, ThreadPoolExecutor(1) as aside:
        if not wanted:
            drawers.start(freshness.count(trees))
        found = _read(outputs, wanted, there)
        chosen = _choose(found, wanted, there, told)
        say(f"{len(found.runs)} runs read")
        studies = found.studies
        tasks = [
            Task(
                one,
                studies.get(one.study, []),
                told.get(one.name, {}),
                folder / one.name,
                dpi,
                data,
            )
            for one in chosen
        ]
        writing = aside.submit(write_tables, found.runs, folder)
        made = _drawn(tasks, trees, folders, drawers, say)
    sections = beside_one_another([one.told for one in made])
    say("writing tables and page")
    tables = [*writing.result()]
    page = freshness.page_of(folder, wanted)
    if not wanted:
        tables += write_findings(sections, folder)
    pages = [page, *([first] if wanted and _is_free(first := folder / "index.html") else [])]
    for path in pages:
        write_page(path, sections, found, tables, partial=bool(wanted))
    written = {path: stamp for one in made for path, stamp in one.files.items()}
    return Written(found, page, tables, sections, written | stamps([*tables, *pages]))


def _is_free(page: Path) -> bool:
    """Whether there is no page of all experiments there, which a folder has for a first one."""
    return not page.exists() or CHOSEN in page.read_text(encoding="utf-8")


def _drawn(
    tasks: Sequence[Task],
    trees: Mapping[str, list[Any]],
    folders: Sequence[str],
    drawers: Drawers,
    say: Say,
) -> list[Drawn]:
    """What is kept of each task, or else what it comes to now."""
    code = freshness.surroundings(folders)
    inputs = [
        freshness.checksum(
            [
                code,
                task.experiment.name,
                task.dpi,
                task.data,
                dict(task.options),
                freshness.named({"": task.options}),
                [run.path.name for run in task.runs],
                trees.get(task.experiment.study),
            ]
        )
        for task in tasks
    ]
    made: dict[int, Drawn] = {}
    for at, (task, key) in enumerate(zip(tasks, inputs, strict=True)):
        record, before = freshness.unchanged(task.folder / RECORD, key), read(task.folder)
        if record and before and _figures(task.folder) == {one.name for one in before.pictures}:
            files = {task.folder / name: stamp for name, stamp in record["drawn"].items()}
            made[at] = Drawn(before, files)
    if made:
        say(f"{len(made)} of {len(tasks)} experiments are as they were drawn before")
    new = [at for at in range(len(tasks)) if at not in made]
    for place, one in draw([tasks[at] for at in new], drawers, say):
        at = new[place]
        made[at] = one
        _remember(tasks[at], inputs[at], one)
    return [made[at] for at in range(len(tasks))]


def _figures(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.png")}


def _remember(task: Task, inputs: str, drawn: Drawn) -> None:
    """Keep what is worth it beside the figures, and where the analysis raised."""
    log = task.folder / TRACE
    log.unlink(missing_ok=True)
    if drawn.trace:
        log.write_text(drawn.trace, encoding="utf-8")
    if drawn.told.lasting:
        freshness.keep(task.folder / RECORD, inputs, drawn.files)


def _read(
    outputs: Path, wanted: Sequence[str] | None, there: Mapping[str, Experiment]
) -> Collection:
    """All runs; none are needed where none of the wanted experiments does."""
    runless = {name for name, one in there.items() if one.beside}
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
    found: Collection,
    wanted: Sequence[str] | None,
    there: Mapping[str, Experiment],
    options: Options,
) -> list[Experiment]:
    """The experiments that there is something to say of, in the order of the homework."""
    studies = found.studies
    chosen = {
        name: one
        for name, one in there.items()
        if one.study in studies
        or (name in (wanted or ()) and one.beside)
        or any(study in studies for study in one.beside)
        or options.get(name, {}).get("runs")  # named, of any study
    }
    explained = {one.study for one in chosen.values()}
    for study in studies:
        if study not in explained:
            title = f"Comparison: {study}"
            chosen[study] = Experiment(study, title, "", comparison.__name__)
    if not wanted:
        return [*chosen.values()]
    sections = {one.section for one in there.values() if one.section}
    names: list[str] = []
    for name in wanted:  # what the command line gave may be a number, and is then not there
        of_section = [one.name for one in chosen.values() if one.section == name]
        if name not in chosen and not of_section:
            what = "has no runs yet" if name in there or name in sections else "is not known"
            raise AnalysisError(f"experiment={name} {what}; there are: {', '.join(sorted(chosen))}")
        names += [name] if name in chosen else of_section
    return [chosen[name] for name in dict.fromkeys(names)]
