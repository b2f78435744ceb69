"""Which pairs of a study's nets there is a line between, and what each pair tells apart.

Two settings are compared when they differ in one thing alone: the batch size, the learning rate, or
the optimizer with all its keys (with the smallest, where there are several learning rates of one).
Nets of one seed share their initial weights. For the batch size there are pairs of different
initial weights too: each seed's first net with the next seed's second, where they share their data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import final

from dl_experiments.analysis.runs.collect import Run, read_run
from dl_experiments.analysis.runs.grid import Grid, order, value
from dl_experiments.analysis.runs.quantities import Quantity, of_runs
from dl_experiments.analysis.runs.scales import LINEAR, Scale
from dl_experiments.analysis.runs.swept import RECORDING, label, swept_keys
from dl_experiments.artifacts import FINISHED

BATCH, RATE, OPTIMIZER, CHOSEN = "batch size", "learning rate", "optimizer", "chosen pair"


@final
@dataclass(frozen=True)
class Comparison:
    """Pairs of nets that differ in one thing.

    Attributes:
        what: One of the words above.
        shared: Whether the nets of a pair have the same initial weights.
        context: What the nets have in common, in words; may be empty.
        ends: What tells the first nets of the pairs from the second, in words.
        pairs: First and second net, one pair a seed of the first.
        sides: All finished runs of the first setting and of the second, in pairs or not.
    """

    what: str
    shared: bool
    context: str
    ends: tuple[str, str]
    pairs: tuple[tuple[Run, Run], ...]
    sides: tuple[Sequence[Run], Sequence[Run]] = ((), ())

    @property
    def name(self) -> str:
        """For a row of a table."""
        start = "" if self.what == CHOSEN else f", {'same' if self.shared else 'different'} start"
        return f"{self.ends[0]} and {self.ends[1]}{start}"

    @property
    def runs(self) -> list[Run]:
        """Every net once."""
        return list({run.path: run for pair in self.pairs for run in pair}.values())

    @property
    def finished(self) -> list[Run]:
        """Every finished run of both settings: what a claim on lines takes of each seed."""
        return [run for side in self.sides for run in side]

    @property
    def asked(self) -> list[Run]:
        """Whom claims on lines are about: the first net of each pair, and those that diverged."""
        lost = [run for run in self.finished if not run.completed]
        return [*(first for first, _ in self.pairs), *lost]

    def quantity(
        self, name: str, values: Sequence[float], scale: Scale = LINEAR, unit: str = ""
    ) -> Quantity:
        """A number that each pair has, in their order, of its first net."""
        firsts = [first for first, _ in self.pairs][: len(values)]
        return of_runs(name, firsts, values, scale, unit)


def comparisons(runs: Sequence[Run]) -> list[Comparison]:
    """All there are among finished runs; the batch size first, then in order of the settings."""
    finished = Grid(runs).only(lambda run: run.status.state in FINISHED)
    keys = swept_keys(finished)
    settings = finished.cells(keys).values()
    found: dict[object, list[Comparison]] = {}
    for number, (first, second) in enumerate(combinations(settings, 2)):
        if not (shared := {run.seed for run in first} & {run.seed for run in second}):
            continue
        seed = min(shared)  # the data may go with it
        one, other = (next(run for run in side if run.seed == seed) for side in (first, second))
        if (what := _difference(one, other)) and (made := _compare(what, first, second, keys)):
            names = (made[0].context, one.get("optimizer.name"), other.get("optimizer.name"))
            found.setdefault(names if what == OPTIMIZER else number, made)
    rank = [BATCH, RATE, OPTIMIZER]
    flat = [comparison for made in found.values() for comparison in made]
    return sorted(flat, key=lambda comparison: rank.index(comparison.what))


def chosen(folders: Sequence[Path]) -> Comparison:
    """The pair that a user names; the nets may differ in anything but their architecture.

    Args:
        folders: Of two runs.

    Raises:
        ValueError: They are not two runs that are finished.
        OSError: A file cannot be read.
    """
    if folders[0] == folders[1]:
        raise ValueError("the same run twice")
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"there is no folder {folder}")
    first, second = runs = [read_run(folder) for folder in folders]
    for run in runs:
        if run.status.state not in FINISHED:
            raise ValueError(f"{run.path.name} is {run.status.state}, not finished")
    return Comparison(CHOSEN, False, "", ("first", "second"), ((first, second),))


def _compare(what: str, one_side: Grid, other_side: Grid, keys: Sequence[str]) -> list[Comparison]:
    sides = (one_side, other_side)
    if order(other_side[0], _KEYS[what]) < order(one_side[0], _KEYS[what]):
        sides = (other_side, one_side)
    first, second = ({run.seed: run for run in side if run.completed} for side in sides)
    seeds = sorted(set(first) & set(second))
    if not seeds:
        return []
    one, other = first[seeds[0]], second[seeds[0]]
    common = [key for key in keys if value(one, key) == value(other, key)]
    if what == OPTIMIZER:  # the ends say the learning rates
        common = [key for key in common if not key.startswith("optimizer.")]
    context = label(common, [value(one, key) for key in common])
    ends = (_end(what, one), _end(what, other))
    pairs = tuple((first[seed], second[seed]) for seed in seeds)
    made = [Comparison(what, True, context, ends, pairs, sides)]
    same_data = len({value(first[seed], "data.seed") for seed in seeds}) == 1
    if what == BATCH and len(seeds) > 1 and same_data:
        crossed = tuple((first[a], second[b]) for a, b in pairwise([*seeds, seeds[0]]))
        made.append(Comparison(what, False, context, ends, crossed, sides))
    return made


_KEYS = {BATCH: ["data.batch_size"], RATE: ["optimizer.lr"], OPTIMIZER: ["optimizer.name"]}


def _difference(one: Run, other: Run) -> str | None:
    """The one thing that two nets differ in, None where it is none or more."""
    differing = {
        key
        for key in {**one.science, **other.science}
        if key != "seed" and not key.startswith(RECORDING) and value(one, key) != value(other, key)
    }
    for what in (BATCH, RATE):
        if differing == set(_KEYS[what]):
            return what
    by_optimizer = all(key.startswith("optimizer.") for key in differing)
    return OPTIMIZER if by_optimizer and "optimizer.name" in differing else None


def _end(what: str, run: Run) -> str:
    if what == BATCH:
        return f"batch {value(run, 'data.batch_size')}"
    rate = f"lr {value(run, 'optimizer.lr')}"
    return rate if what == RATE else f"{run.get('optimizer.name')}, {rate}"
