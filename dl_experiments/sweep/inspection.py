"""What goes into the runs of a command, looked at before the first of them starts.

Each distinct data node is prepared and loaded once, one seed standing for the others; the whole of
it is held against the contract of its task, and ``trial.py`` lets each network see a few of its
samples. Then it is held against the records of the command's runs that are finished or go on.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from dl_experiments import attempt, build, record, run
from dl_experiments.build import Config
from dl_experiments.data.contract import ContractBroken
from dl_experiments.sweep import trial
from dl_experiments.sweep.unit import Cell


@final
@dataclass(frozen=True)
class Seen:
    """A cell that was looked at.

    Attributes:
        cell: With the record that its own data must agree with.
        decision: What there is to do.
        epoch: Where it starts.
        changed: What differs now from what a finished run was trained on, in words.
    """

    cell: Cell
    decision: run.Decision
    epoch: int
    changed: Sequence[str] = ()


def inspect(cells: Sequence[Cell]) -> list[Seen]:
    """Look at what the cells of a command are trained on; load nothing if none is to be trained.

    A data set whose ``load`` raises is no business of the other runs: its own will say why.

    Raises:
        ValueError: Data break the contract or cannot be prepared, a network does not fit them, or
            a run would go on with other data or code than it was begun with.
    """
    seen = [_decided(cell) for cell in cells]
    nodes = [_data_node(cell.config) for cell in cells]
    for node in dict.fromkeys(nodes):
        places = [place for place, other in enumerate(nodes) if other == node]
        todo = [seen[place] for place in places if seen[place].decision != "skip"]
        try:
            found = _look([seen[place] for place in places], todo) if todo else {}
            for place in places:
                seen[place] = _compared(seen[place], found)
        except ValueError as error:
            words = todo[0].cell.words if len(cells) > 1 else ""
            raise ValueError(f"{words}: {error}" if words else str(error)) from error
    return seen


def notes(seen: Sequence[Seen]) -> list[str]:
    """A line for each way in which finished runs contradict what there is now."""
    words = Counter(" and ".join(one.changed) for one in seen if one.changed)
    return [
        f"{count} of those finished before {'was' if count == 1 else 'were'} trained on something "
        f"else: {what} differ; put that back, or train anew with rerun=true"
        for what, count in words.items()
    ]


def _decided(cell: Cell) -> Seen:
    if cell.config["rerun"]:
        return Seen(cell, "start", 0)
    decision = run.decide(cell.config)
    return Seen(cell, decision, run.checkpoint_epoch(cell.config) if decision == "resume" else 0)


def _data_node(config: Config) -> str:
    return json.dumps([config["data"], config["label_noise"], config["task"]], sort_keys=True)


def _look(members: Sequence[Seen], todo: Sequence[Seen]) -> record.Record:
    """Load the data of one node, check them whole, and let the networks see some.

    Returns:
        Their record; empty where they cannot be loaded.
    """
    # Where seeds have data of their own, those of a run that has a record can be compared.
    known = [one for one in members if one.decision == "skip" or one.epoch]
    config = (known or todo)[0].cell.config
    module = build.data(config)
    build.prepare_data(module)
    try:
        module.setup()
    except ContractBroken:
        raise
    except Exception:
        return {}
    module.check(build.dtype(config))
    found = record.of(config, module)
    trial.networks([one.cell.config for one in todo], module)
    return found


def _compared(one: Seen, found: record.Record) -> Seen:
    """A cell, held against what there is now.

    Raises:
        ValueError: It would go on with other data or code.
    """
    config = one.cell.config
    own = {"data": found.get("data"), "code": record.code(config)}
    if one.decision == "start":
        return replace(one, cell=replace(one.cell, planned=own))
    files = run.directory(config)
    if one.epoch:
        attempt.check_unchanged(files, files.read_record(), own)
        return replace(one, cell=replace(one.cell, planned=own))
    return replace(one, changed=record.differences(files.read_record(), own))
