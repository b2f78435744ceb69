"""Which runs of a sweep are trained together, and how many at once."""

import math
import os
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import final

import torch

from dl_experiments import build, machine, run
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.job import Job
from dl_experiments.schema import Config
from dl_experiments.sweep import choice
from dl_experiments.sweep.unit import Unit
from dl_experiments.tasks.task import Task

MOST_MEMBERS = {"cpu": 128, "cuda": 1024}
"""Beyond 128 the members of a stack leave a processor's cache and gain nothing more."""


@final
@dataclass(frozen=True)
class Planned:
    """A job that is to be trained, looked at while its command is planned.

    Attributes:
        job: With the record that its own data must agree with.
        module: Its data, to look at.
        task: Its task, to look at.
        decision: What there is to do.
        epoch: Where it starts.
        key: What it shares with those that it may be stacked with, see ``with_key``.
        alone: Why it is trained alone; empty: it is stacked.
    """

    job: Job
    module: InMemoryDataModule
    task: Task
    decision: run.Decision
    epoch: int
    key: Hashable = None
    alone: str = ""


def units(todos: Sequence[Planned]) -> list[Unit]:
    """Group what can be stacked and gains by it; split the groups so that all cores have work."""
    groups: dict[Hashable, list[Planned]] = defaultdict(list)
    for number, todo in enumerate(todos):
        groups[number if todo.alone else todo.key].append(todo)
    workers = worker_count(todos[0].job.config, len(todos))
    parts = workers // math.gcd(workers, len(groups))
    made = []
    for members in groups.values():
        own = workers if choice.measures_jointly(members[0].job.config) else parts
        for share in _split(members, own, workers):
            made.append(([todo.job for todo in share], members[0].alone))
    cores = max(1, machine.available_cores() // min(workers, len(made)))
    return [Unit(jobs, cores, why) for jobs, why in made]


def worker_count(config: Config, works: int) -> int:
    """Processes side by side: one a core, where there are works for them.

    Processes are forked, which a GPU's driver does not survive and only Linux does safely.
    """
    wanted = config["sweep"]["workers"]
    if build.device(config).type != "cpu" or os.uname().sysname != "Linux":
        return 1
    return min(wanted or machine.available_cores(), works)


def with_key(todo: Planned) -> Planned:
    """With what the run shares with its group, or why it is trained alone.

    Both follow from its config, its code and the machine, never from its neighbours.
    """
    try:
        key = choice.common(todo.job.config, todo.module, todo.task, todo.epoch)
    except choice.Alone as reason:
        return replace(todo, alone=str(reason))
    return replace(todo, key=key)


def _split(members: Sequence[Planned], parts: int, workers: int) -> list[Sequence[Planned]]:
    """Equal shares: as many as asked for, unless they got too small; more for want of memory."""
    first = members[0]
    config = first.job.config
    if len(members) == 1:
        return [members]
    each = choice.member_bytes(config, first.module, first.task)
    most = MOST_MEMBERS[build.device(config).type]
    largest = max(1, min(most, int(_memory(config) / workers / each)))
    width = choice.width(config, first.module, first.task.model)
    parts = min(parts, -(-len(members) // width))
    parts = max(parts, -(-len(members) // largest))
    bounds = [round(k * len(members) / parts) for k in range(parts + 1)]
    return [members[a:b] for a, b in pairwise(bounds)]


def _memory(config: Config) -> float:
    """Bytes that all stacks together may take."""
    wanted = config["sweep"]["memory_gib"]
    if wanted is not None:
        return float(wanted) * 2**30
    if build.device(config).type == "cuda":
        return torch.cuda.mem_get_info()[0] / 2
    return machine.available_memory() / 2
