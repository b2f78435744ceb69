"""All jobs of a command; what trains is imported only where something is to be trained."""

import json
from collections.abc import Sequence
from types import ModuleType

from dl_experiments import _lean, planning
from dl_experiments.job import Job


def check(jobs: Sequence[Job]) -> None:
    """Refuse a command that cannot be trained.

    Raises:
        ValueError: One line that names the job, the key, the value and what is allowed.
    """
    planning.check(jobs)
    if not planning.nothing_to_do(jobs):
        _what_trains(jobs).check(jobs)


def plan(jobs: Sequence[Job]) -> list[planning.Call]:
    """Check a command whole, then say for each job what to call, see ``plan.plan``.

    Raises:
        ValueError: See ``check``.
    """
    planning.check(jobs)
    if planning.nothing_to_do(jobs):
        return planning.skipped(jobs)
    calls: list[planning.Call] = _what_trains(jobs).plan(jobs)
    return calls


def _what_trains(jobs: Sequence[Job]) -> ModuleType:
    """The module that plans what is to be trained, imported once the configs' nodes are checked."""
    from dl_experiments import targets

    seen = set()
    for job in jobs:
        nodes = json.dumps(list(targets.nodes(job.config)))
        if nodes not in seen:
            seen.add(nodes)
            try:
                targets.check(job.config)
            except ValueError as error:
                raise planning.named(job, error, len(jobs)) from error
    if not any(targets.has_foreign(job.config) for job in jobs):
        _lean.import_lightning()
    from dl_experiments.sweep import plan

    return plan
