"""What counts as a seed: one run of each science, all of one version of the data and the code.

What is left out of a study, each time named in a line:

- a second directory of the same science, such as a copy that was kept aside;
- runs whose data or code contradict those of later runs, by their records;
- of runs that differ only in what was written down, or in words (0.3 and 0.1 + 0.2, the full batch
  and its size, all samples and their number), all but the one with the most rows.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from dl_experiments.agreement import alike
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import canonical
from dl_experiments.analysis.runs.rows import Peers
from dl_experiments.analysis.runs.swept import RECORDING, stops_by_rows
from dl_experiments.artifacts import FINISHED
from dl_experiments.identity import run_id

NAMED = 8
"""Directories that a line names before it says how many more there are."""


def one_each(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs of a study that count, in their order, and a line for each reason to leave out."""
    lines: list[str] = []
    kept = list(runs)
    for leave_out in (_copies, _other_versions, _written_twice):
        out = leave_out(kept)
        for reason, left in _by_reason(out).items():
            lines.append(f"{left[0].study}: {reason}: {_names(left)}")
        gone = {run.path for run, _ in out}
        kept = [run for run in kept if run.path not in gone]
    return kept, lines


def _by_reason(out: Sequence[tuple[Run, str]]) -> dict[str, list[Run]]:
    groups: dict[str, list[Run]] = defaultdict(list)
    for run, reason in out:
        groups[reason].append(run)
    return groups


def _names(runs: Sequence[Run]) -> str:
    names = [run.path.name for run in runs]
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _copies(runs: Sequence[Run]) -> list[tuple[Run, str]]:
    """All but one directory of each id: of those finished its own name counts, else the last."""
    out = []
    for identity, same in _grouped(runs, lambda run: run_id(run.config)).items():
        first = max(
            same,
            key=lambda run: (
                run.status.state in FINISHED, run.path.name.endswith(f"-{identity}"), _ended(run)
            ),
        )  # fmt: skip
        out += [(run, "second directories of runs that count") for run in same if run != first]
    return out


def _other_versions(runs: Sequence[Run]) -> list[tuple[Run, str]]:
    """Runs that were trained on something else than the latest run that tells of it."""
    finished = sorted((run for run in runs if run.status.state in FINISHED), key=_ended)
    reasons: dict[Run | Any, list[str]] = defaultdict(list)
    for what, holders in _facts(finished):
        latest = holders[-1][1]
        for run, value in holders:
            if value != latest:
                reasons[run.path].append(what)
    return [
        (run, f"trained on something else than the latest runs ({' and '.join(words)} differ)")
        for run in runs
        if (words := list(dict.fromkeys(reasons.get(run.path, ()))))
    ]


def mixed(runs: Sequence[Run]) -> list[str]:
    """A line where runs of a study that differ in seed alone were computed in several ways.

    Alone or in a stack, and alone by how many processor threads: their last digits depend on it.
    """
    groups: dict[Hashable, set[str]] = defaultdict(set)
    for run in runs:
        if way := _way(run):
            groups[json.dumps({**run.science, "seed": None}, sort_keys=True, default=str)].add(way)
    several = [ways for ways in groups.values() if len(ways) > 1]
    if not several:
        return []
    words = " and ".join(sorted(set.union(*several)))
    return [
        f"{runs[0].study}: seeds of one setting were computed {words}, which changes last digits"
    ]


def compare(runs: Sequence[Run]) -> list[str]:
    """Let each record know those that it is compared with; a line where they differ.

    Compared are completed runs of a study that trained for equally many epochs; those that ended
    by themselves are read where they did.
    """
    lengths: dict[tuple[str, float], list[Run]] = defaultdict(list)
    for run in runs:
        if run.completed and run.rows and not run.stopped:
            lengths[run.study, run.rows[-1]["epoch"]].append(run)
    lines = []
    for (study, length), members in lengths.items():
        found = Peers([run.rows for run in members])
        for run in members:
            run.rows.peers = found
        shared = len(found.epochs("train/loss"))
        if any(len(run.rows.curve("train/loss")[0]) > shared for run in members):
            lines.append(
                f"in {study} runs of {length:,} epochs were recorded at different ones; what is "
                f"compared is read at the {shared} that all have"
            )
    return lines


def _way(run: Run) -> str:
    """How a finished run was computed, in words; empty where nothing tells."""
    facts = run.provenance
    if not run.rows or "stack" not in facts:
        return ""
    if "layout" in facts:
        return "in a stack"
    threads = facts.get("threads")
    return f"alone by {threads} thread{'' if threads == 1 else 's'}"


Holder = tuple[Run, Any]


def _facts(runs: Sequence[Run]) -> Iterator[tuple[str, list[Holder]]]:
    """What must be the same for some runs, in words, and what each of them has there."""
    exact: dict[Hashable, list[Holder]] = defaultdict(list)
    across: dict[Hashable, list[Holder]] = defaultdict(list)
    for run in runs:
        data: Mapping[str, Any] = run.recorded("data")
        for what in (name for name in data if name not in ("key", "seed")):
            exact[what, data["key"], data["seed"]].append((run, data[what]))
            across[what, data["key"]].append((run, data[what]))
        nodes: Mapping[str, Any] = run.config.get("callbacks", {})
        watching = [node.get("_target_") for node in nodes.values() if node]
        for target, checksum in run.recorded("code").items():
            if target in watching:  # what measures is no part of what is measured
                continue
            exact[f"the code of {target}", None].append((run, checksum))
    for (what, *_), holders in exact.items():  # type: ignore[misc]
        yield what, _rounded(holders)
    for (what, *_), holders in across.items():  # type: ignore[misc]
        if _are_versions(_rounded(holders)):
            yield what, _rounded(holders)


def _rounded(holders: Sequence[Holder]) -> list[Holder]:
    """The same, with one value for all that differ by rounding alone."""
    known: list[Any] = []
    rounded = []
    for run, value in holders:
        first = next((other for other in known if alike(value, other)), value)
        if first is value:
            known.append(value)
        rounded.append((run, first))
    return rounded


def _are_versions(holders: Sequence[Holder]) -> bool:
    """Whether runs that differ in seed have several versions of what does not depend on it.

    It does not where seeds agree with one another. Folds that seeds choose agree too: a command
    trains several of them, and versions come one after the other.
    """
    versions: dict[Any, list[Run]] = defaultdict(list)
    for run, value in holders:
        versions[value].append(run)
    if not any(len({run.seed for run in same}) > 1 for same in versions.values()):
        return False
    commands = [
        {run.provenance.get("begun") for run in same} - {None} for same in versions.values()
    ]
    if len(set().union(*commands)) < sum(map(len, commands)):
        return False
    spans = sorted(
        (min(run.status.started_at for run in same), max(run.status.started_at for run in same))
        for same in versions.values()
    )
    return all(before[1] < after[0] for before, after in pairwise(spans))


def _written_twice(runs: Sequence[Run]) -> list[tuple[Run, str]]:
    """Of runs that were trained alike and only written down otherwise, all but the fullest."""
    out = []
    finished = [run for run in runs if run.status.state in FINISHED and run.rows]
    for same in _grouped(finished, _trained).values():
        first = max(same, key=lambda run: (*_size(run), _words(run), _ended(run)))
        for run in same:
            if run != first:
                how = "in other words" if _size(run) == _size(first) else "with more rows"
                out.append((run, f"runs that count {how}"))
    return out


def _size(run: Run) -> tuple[int, int]:
    """Rows, and values in the last one."""
    return len(run.rows), len(run.rows[-1])


def _words(run: Run) -> str:
    """How its setting is worded, so that of all seeds the same wording counts."""
    return json.dumps({**run.science, "seed": None}, sort_keys=True, default=str)


def _went_through(run: Run) -> bool:
    """Whether it did all its epochs, whatever its rows said."""
    epochs = run.get("trainer.max_epochs")
    return (
        run.completed
        and not stops_by_rows(run)
        and bool(run.rows)
        and (run.rows[-1]["epoch"] == epochs)
    )


def _trained(run: Run) -> Hashable:
    """What a run computes, in whatever words and however it is written down.

    How often it is logged decides what a run comes to that may not have gone through.
    """
    science = {
        key: canonical(value)
        for key, value in run.science.items()
        if not key.startswith(RECORDING) or (key == "trainer.log_every" and not _went_through(run))
    }
    if science.get("data.batch_size") == "full":
        science["data.batch_size"] = run.batch_size
    if science.get("data.samples", 0) is None:
        science["data.samples"] = run.training_samples
    return json.dumps(science, sort_keys=True, default=str)


def _grouped(runs: Sequence[Run], key: Callable[[Run], Hashable]) -> dict[Any, list[Run]]:
    """Runs by what they share; those alone left out."""
    groups: dict[Any, list[Run]] = defaultdict(list)
    for run in runs:
        groups[key(run)].append(run)
    return {shared: same for shared, same in groups.items() if len(same) > 1}


def _ended(run: Run) -> str:
    return run.status.finished_at or run.status.started_at
