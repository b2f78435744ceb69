"""What this machine, or the container that it is for a process, has for it to use.

Containers and schedulers (Docker's ``--cpus`` and ``--memory``, Kubernetes, Slurm) limit a process
by control groups, of which Linux has two versions, one beside the other on some machines. A limit
of a group holds for all groups below it. What cannot be read limits nothing.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
LIMITING = {"cpu", "cpuset", "memory"}
GROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def available_cores() -> int:
    """Processor cores this process may use; a part of one counts as one."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, min([cores, *(limit for at in _groups() for limit in _cores(at))]))


def available_memory() -> int:
    """Bytes this process may take still, what files have cached among them."""
    return max(0, min([_free(), *(left for at in _groups() for left in _memory(at))]))


def _free() -> int:
    """Of the whole machine; half of what is built in, where it does not say."""
    try:
        return int(_values(MEMINFO)["MemAvailable"]) * 1024
    except (KeyError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _groups() -> Iterator[Path]:
    """The folders of this process's groups and of those above them, in every hierarchy.

    In a container the topmost folder may be the container's own group, though the path that the
    process is told is that of the whole machine.
    """
    for line in _lines(OWN_GROUPS) or ["0::/", "1:cpu,cpuacct:/", "2:cpuset:/", "3:memory:/"]:
        names, _, path = line.partition(":")[2].partition(":")
        if not names:
            mounted = {"", "unified"}  # the second version
        else:
            mounted = {names, *names.split(",")} if LIMITING & {*names.split(",")} else set()
        for folder in (GROUPS / name for name in mounted):
            yield folder
            for part in path.split("/"):
                if part not in ("", ".."):
                    yield (folder := folder / part)


def _cores(group: Path) -> Iterator[int]:
    """Limits by time, in cores, and by which cores there are."""
    first = [_text(group / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
    for told in (_text(group / "cpu.max").split(), first):
        quota, period = [_number(word) for word in told] if len(told) == 2 else (None, None)
        if quota and period:
            yield -(-quota // period)
    for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
        with suppress(ValueError):
            ranges = [part.split("-") for part in _text(group / name).split(",")]
            yield sum(int(ends[-1]) - int(ends[0]) + 1 for ends in ranges)


def _memory(group: Path) -> Iterator[int]:
    """What is left of each limit; the cache of files that are not in use gives way."""
    stat = _values(group / "memory.stat")
    for used, cached, limits in (
        ("memory.current", "inactive_file", ("memory.max", "memory.high")),
        ("memory.usage_in_bytes", "total_inactive_file", ("memory.limit_in_bytes",)),
    ):
        held = (_number(_text(group / used)) or 0) - (_number(stat.get(cached, "")) or 0)
        for name in limits:
            if (limit := _number(_text(group / name))) is not None:
                yield limit - max(0, held)


def _values(path: Path) -> dict[str, str]:
    """Of a file of lines such as ``name: value kB`` or ``name value``."""
    lines = [line.replace(":", " ").split() for line in _lines(path)]
    return {words[0]: words[1] for words in lines if len(words) > 1}


def _lines(path: Path) -> list[str]:
    return _text(path).splitlines()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(text: str) -> int | None:
    """None where there is none, such as "max", which is no limit; nor is -1."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else None
