"""What it takes to plan a command: its configs alone, and its data looked at as well."""

import tempfile
import time
from collections.abc import Sequence

from benchmarks.harness import Contestant, NotMeasured, count
from benchmarks.ours import config
from dl_experiments import build, record
from dl_experiments.data.sources import DataUnavailable
from dl_experiments.job import Job
from dl_experiments.sweep import grouping, inspection
from dl_experiments.sweep.grouping import Planned


def planning(overrides: Sequence[str], seeds: int, look: bool) -> Contestant:
    """Seconds to plan a sweep over seeds whose data are in memory already.

    Args:
        overrides: What is trained.
        seeds: How many runs.
        look: Whether its data are looked at too.

    Raises:
        NotMeasured: The data cannot be had.
    """
    with tempfile.TemporaryDirectory() as outputs:
        first = config([*overrides, f"paths.outputs={outputs}"])
    jobs = [Job({**first, "seed": seed}, []) for seed in range(seeds)]
    try:
        build.data(first).setup()
    except DataUnavailable as error:
        raise NotMeasured(str(error)) from error

    def seconds() -> float:
        record._digests.clear()  # as in a process that has just begun
        started = time.perf_counter()
        planned = [Planned(job, *build.check(job.config), "start", 0) for job in jobs]
        if look:
            planned, _ = inspection.inspect(planned, [])
        else:
            planned = [grouping.with_key(one) for one in planned]
        grouping.units(planned)
        return time.perf_counter() - started

    return Contestant(seconds, count(seeds, "run"))
