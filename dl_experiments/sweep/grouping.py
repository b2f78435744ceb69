"""Which runs of a sweep are trained together, and how many at once."""

import math
import os
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import torch

from dl_experiments import build, run
from dl_experiments.build import Config
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.sweep import choice
from dl_experiments.sweep.unit import Cell, Unit
from dl_experiments.tasks.task import Task

MOST_MEMBERS = {"cpu": 128, "cuda": 1024}
"""Beyond 128 the members of a stack leave a processor's cache and gain nothing more."""


@final
@dataclass(frozen=True)
class Todo:
    """A run that is not finished.

    Attributes:
        cell: Its job.
        module: Its data, not loaded.
        task: Its task, to look at.
        epoch: Where it starts.
    """

    cell: Cell
    module: InMemoryDataModule
    task: Task
    epoch: int


def units(todos: Sequence[Todo]) -> list[Unit]:
    """Group what can be stacked and gains by it; split the groups so that all cores have work."""
    groups: dict[Hashable, list[Todo]] = defaultdict(list)
    reasons: dict[Hashable, str] = {}
    for number, todo in enumerate(todos):
        key, reason = _key(todo)
        groups[key if reason is None else number].append(todo)
        if reason is not None:
            reasons[number] = reason
    workers = worker_count(todos[0].cell.config, len(todos))
    parts = workers // math.gcd(workers, len(groups))
    made = []
    for key, members in groups.items():
        own = workers if choice.measures_jointly(members[0].cell.config) else parts
        for share in _split(members, own, workers):
            why = reasons.get(key, "") if len(todos) > 1 else ""
            # Rounding differs between a stack and a run alone; what was begun is ended alike.
            stacked = key not in reasons and any(
                todo.epoch > 0 and run.was_stacked(todo.cell.config) for todo in share
            )
            made.append(([todo.cell for todo in share], why, stacked))
    workers = min(workers, len(made))
    cores = max(1, build.available_cores() // workers)
    return [Unit(cells, cores, why, stacked) for cells, why, stacked in made]


def worker_count(config: Config, works: int) -> int:
    """Processes side by side: one a core, where there are works for them.

    Processes are forked, which a GPU's driver does not survive and only Linux does safely.
    """
    wanted = config["sweep"]["workers"]
    if build.device(config).type != "cpu" or os.uname().sysname != "Linux":
        return 1
    return min(wanted or build.available_cores(), works)


def _key(todo: Todo) -> tuple[Hashable, str | None]:
    """What a run shares with its group, and why it has none."""
    config = todo.cell.config
    wanted = config["sweep"]["stack"]
    if wanted == "never":
        return None, "sweep.stack=never"
    try:
        key = choice.common(config, todo.module, todo.task, todo.epoch)
    except choice.Alone as reason:
        return None, str(reason)
    if wanted == "auto" and not choice.faster(config, todo.module, todo.task.model):
        return None, "a stack of such networks is not faster here"
    return key, None


def _split(members: Sequence[Todo], parts: int, workers: int) -> list[Sequence[Todo]]:
    """Equal shares: as many as asked for, unless they got too small; more for want of memory."""
    first = members[0]
    config = first.cell.config
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
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            facts = dict(line.split(":") for line in file)
        return int(facts["MemAvailable"].split()[0]) * 1024 / 2
    except (OSError, KeyError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 4
