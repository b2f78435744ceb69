"""What goes into the runs of a command, looked at before the first of them starts.

Each distinct data node is prepared and loaded once, one seed standing for the others; the whole of
it is held against the contract of its task, and ``trial.py`` lets each network see a few of its
samples. Then it is held against the records of the command's runs that are finished or go on. What
a stack does not know is tried, see ``proof.py``.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dl_experiments import agreement, build, folder, planning, record, run, source
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.observer import Observer
from dl_experiments.data.contract import ContractBroken
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.identity import scientific
from dl_experiments.job import Job
from dl_experiments.planning import Finished
from dl_experiments.schema import Config
from dl_experiments.sweep import grouping, known, proof, trial, unit, updates
from dl_experiments.sweep.grouping import Planned
from dl_experiments.targets import is_foreign
from dl_experiments.tasks.task import Task


def begun(job: Job, module: InMemoryDataModule, task: Task, decision: folder.Decision) -> Planned:
    """A job that is to be trained, with where it starts and as it was begun.

    Args:
        job: Its config is checked.
        module: Its data, to look at.
        task: Its task, to look at.
        decision: What there is to do.
    """
    epoch = run.checkpoint_epoch(job) if decision == "resume" else 0
    return Planned(folder.as_begun(job) if epoch else job, module, task, decision, epoch)


def inspect(
    todos: Sequence[Planned], finished: Sequence[Job]
) -> tuple[list[Planned], list[Finished]]:
    """Look at what the jobs of a command are trained on; load nothing if none is to be trained.

    A data set whose ``load`` raises is no business of the other runs: its own will say why.

    Args:
        todos: What is to be trained.
        finished: What is finished, and held against what there is now.

    Raises:
        ValueError: Data break the contract or cannot be prepared, a network does not fit them, or
            a run would go on with other data or code than it was begun with.
    """
    nodes = [_data_node(one.job.config) for one in todos]
    done = [_data_node(job.config) for job in finished]
    planned, compared = list(todos), [planning.compared(job) for job in finished]
    for node in dict.fromkeys([*nodes, *done]):
        places = [place for place, other in enumerate(nodes) if other == node]
        others = [place for place, other in enumerate(done) if other == node]
        own, jobs = [todos[place] for place in places], [finished[place] for place in others]
        if not own and not (todos and _may_change(jobs)):
            continue
        try:
            found = _look(own, jobs)
            for place in places:
                planned[place] = _expecting(todos[place], found)
            for place in others:
                compared[place] = planning.compared(finished[place], found.get("data"))
        except ValueError as error:
            first = own[0].job if own else jobs[0]
            raise planning.named(first, error, len(todos) + len(finished)) from error
    return _tried(planned), compared


def _may_change(finished: Sequence[Job]) -> bool:
    """Whether finished runs have a record of data that a user's module loads."""
    return is_foreign(finished[0].config["data"]["_target_"]) and any(
        RunDirectory(job.path).read_provenance().get("data") for job in finished
    )


def _data_node(config: Config) -> str:
    return json.dumps([config["data"], config["label_noise"], config["task"]], sort_keys=True)


def _look(todos: Sequence[Planned], finished: Sequence[Job]) -> agreement.Record:
    """Load the data of one node, check them whole, and let the networks see some.

    Returns:
        Their record; empty where they cannot be loaded.
    """
    # Where seeds have data of their own, those of a run that has a record can be compared.
    known_ones = [*(one.job for one in todos if one.epoch), *finished]
    config = (known_ones or [one.job for one in todos])[0].config
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
    trial.networks([one.job.config for one in todos], module)
    return found


def _expecting(one: Planned, found: agreement.Record) -> Planned:
    """A job with the record that its own data must agree with.

    Raises:
        ValueError: It would go on with other data or code.
    """
    own = {"data": found.get("data"), "code": source.code(one.job.config)}
    if one.epoch:
        files = RunDirectory(one.job.path)
        folder.check_unchanged(files, files.read_provenance(), own)
    return replace(one, job=replace(one.job, expected=own))


def _tried(planned: Sequence[Planned]) -> list[Planned]:
    """What shares a stack, and whether a stack computes it as it is alone, where that is tried.

    Once for all jobs that differ in seed alone: the others of a command have no say.
    """
    verdicts: dict[str, str] = {}
    looked: dict[tuple[Any, ...], tuple[Planned, list[str]]] = {}
    found = []
    for one in planned:
        # Jobs that differ in seed alone share their parts; one that goes on has its own way.
        config = one.job.config
        alike = id(one.task), one.epoch, config["sweep"]["stack"], config["trainer"]["threads"]
        if alike not in looked:
            known_as = grouping.with_key(one)
            looked[alike] = known_as, [] if known_as.alone else _unknown(known_as)
        first, what = looked[alike]
        one = replace(one, key=first.key, alone=first.alone)
        found.append(_judged(one, what, verdicts) if what else one)
    return found


def _judged(one: Planned, what: list[str], verdicts: dict[str, str]) -> Planned:
    science: dict[str, Any] = {**scientific(one.job.config), "seed": None}
    key = json.dumps(science, sort_keys=True, default=str)
    if key not in verdicts:
        wrong = updates.disagreement(one.task)
        verdicts[key] = wrong or proof.equal(one.job.config, unit.train_members)
    if verdicts[key]:
        return replace(one, alone=f"{', '.join(what)}: {verdicts[key]}")
    return replace(one, job=replace(one.job, tried=what))


def _unknown(one: Planned) -> list[str]:
    """What a stack does not know of a run."""
    callbacks = build.watching(one.job.config, RunDirectory("/dev/null")).values()
    observers = [callback for callback in callbacks if isinstance(callback, Observer)]
    return known.unknown(one.task, one.module, observers)
