"""What goes into the runs of a command, looked at before the first of them starts.

Each distinct data node is prepared and loaded once, one seed standing for the others; the whole of
it is held against the contract of its task, and ``trial.py`` lets each network see a few of its
samples. Then it is held against the records of the command's runs that are finished or go on. What
a stack does not know is tried, see ``proof.py``.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dl_experiments import agreement, build, folder, record, run
from dl_experiments.artifacts import RunDirectory
from dl_experiments.build import Config
from dl_experiments.callbacks.observer import Observer
from dl_experiments.data.contract import ContractBroken
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.identity import scientific
from dl_experiments.job import Job
from dl_experiments.problem import is_foreign
from dl_experiments.sweep import grouping, known, proof, trial, unit
from dl_experiments.sweep.grouping import Planned
from dl_experiments.tasks.task import Task

Parts = tuple[InMemoryDataModule, Task]


def inspect(jobs: Sequence[Job], parts: Sequence[Parts]) -> list[Planned]:
    """Look at what the jobs of a command are trained on; load nothing if none is to be trained.

    A data set whose ``load`` raises is no business of the other runs: its own will say why.

    Args:
        jobs: Their configs are checked.
        parts: Data and task of each, to look at.

    Raises:
        ValueError: Data break the contract or cannot be prepared, a network does not fit them, or
            a run would go on with other data or code than it was begun with.
    """
    planned = [_decided(job, *own) for job, own in zip(jobs, parts, strict=True)]
    nodes = [_data_node(job.config) for job in jobs]
    trains = any(one.decision != "skip" for one in planned)
    for node in dict.fromkeys(nodes):
        places = [place for place, other in enumerate(nodes) if other == node]
        members = [planned[place] for place in places]
        todo = [one for one in members if one.decision != "skip"]
        try:
            found = _look(members, todo) if todo or (trains and _may_change(members)) else {}
            for place in places:
                planned[place] = _compared(planned[place], found)
        except ValueError as error:
            words = (todo or members)[0].job.words if len(jobs) > 1 else ""
            raise ValueError(f"{words}: {error}" if words else str(error)) from error
    return _tried(planned)


def _may_change(members: Sequence[Planned]) -> bool:
    """Whether finished runs have a record of data that a user's module loads."""
    return is_foreign(members[0].job.config["data"]["_target_"]) and any(
        RunDirectory(one.job.path).read_provenance().get("data") for one in members
    )


def notes(planned: Sequence[Planned]) -> list[str]:
    """A line for each way in which finished runs contradict what there is now."""
    words = Counter(" and ".join(one.changed) for one in planned if one.changed)
    return [
        f"{count} of those finished before {'was' if count == 1 else 'were'} trained on something "
        f"else: {what} differ; put that back, or train anew with rerun=true"
        for what, count in words.items()
    ]


def _decided(job: Job, module: InMemoryDataModule, task: Task) -> Planned:
    if job.config["rerun"]:
        return Planned(job, module, task, "start", 0)
    decision = run.decide(job)
    if decision != "resume":
        return Planned(job, module, task, decision, 0)
    epoch = run.checkpoint_epoch(job)
    return Planned(folder.as_begun(job) if epoch else job, module, task, decision, epoch)


def _data_node(config: Config) -> str:
    return json.dumps([config["data"], config["label_noise"], config["task"]], sort_keys=True)


def _look(members: Sequence[Planned], todo: Sequence[Planned]) -> agreement.Record:
    """Load the data of one node, check them whole, and let the networks see some.

    Returns:
        Their record; empty where they cannot be loaded.
    """
    # Where seeds have data of their own, those of a run that has a record can be compared.
    known_ones = [one for one in members if one.decision == "skip" or one.epoch]
    config = (known_ones or todo)[0].job.config
    module = build.data(config)
    build.prepare_data(module)
    try:
        module.ready()
    except ContractBroken:
        raise
    except Exception:
        return {}
    module.check(build.dtype(config))
    found = record.of(config, module)
    trial.networks([one.job.config for one in todo], module)
    return found


def _compared(one: Planned, found: agreement.Record) -> Planned:
    """A job, held against what there is now.

    Raises:
        ValueError: It would go on with other data or code.
    """
    files = RunDirectory(one.job.path)
    own = {"data": found.get("data"), "code": record.code(one.job.config)}
    if one.decision == "skip":
        return replace(one, changed=agreement.differences(files.read_provenance(), own))
    if one.epoch:
        folder.check_unchanged(files, files.read_provenance(), own)
    return replace(one, job=replace(one.job, expected=own))


def _tried(planned: Sequence[Planned]) -> list[Planned]:
    """What shares a stack, and whether a stack computes it as it is alone, where that is tried.

    Once for all jobs that differ in seed alone: the others of a command have no say.
    """
    verdicts: dict[str, str] = {}
    found = []
    for one in planned:
        if one.decision != "skip":
            one = grouping.with_key(one)
            if not one.alone and (what := _unknown(one)):
                one = _judged(one, what, verdicts)
        found.append(one)
    return found


def _judged(one: Planned, what: list[str], verdicts: dict[str, str]) -> Planned:
    science: dict[str, Any] = {**scientific(one.job.config), "seed": None}
    key = json.dumps(science, sort_keys=True, default=str)
    if key not in verdicts:
        verdicts[key] = proof.equal(one.job.config, unit.train_members)
    if verdicts[key]:
        return replace(one, alone=f"{', '.join(what)}: {verdicts[key]}")
    return replace(one, job=replace(one.job, tried=what))


def _unknown(one: Planned) -> list[str]:
    """What a stack does not know of a run."""
    callbacks = build.chosen_callbacks(one.job.config, RunDirectory("/dev/null"))
    observers = [callback for callback in callbacks if isinstance(callback, Observer)]
    return known.unknown(one.task, one.module, observers)
