"""What a process may use, in made-up trees of control groups."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dl_experiments import machine

ROOT = Path(__file__).parents[2]
GIB = 2**30
UNLIMITED = 9223372036854771712  # the first version's word for it


@pytest.fixture
def group(tmp_path, monkeypatch):
    """``group(own, {"folder/file": content})`` on a machine of 64 cores and 100 GiB."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    for name in ("GROUPS", "OWN_GROUPS", "MEMINFO"):
        monkeypatch.setattr(machine, name, tmp_path / name)
    (tmp_path / "MEMINFO").write_text(f"MemTotal: 1 kB\nMemAvailable:  {100 * 2**20} kB\n")

    def make(own, files):
        if own is not None:
            (tmp_path / "OWN_GROUPS").write_text(own)
        for name, content in files.items():
            path = tmp_path / "GROUPS" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")

    return make


V1 = "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n3:cpuset:/docker/ab\n1:name=systemd:/a\n"
CORES = {
    "no groups": ("", {}, 64),
    "a part of one": ("0::/\n", {"cpu.max": "20000 100000"}, 1),
    "one and a half": ("0::/\n", {"cpu.max": "150000 100000"}, 2),
    "three": ("0::/\n", {"cpu.max": "75000 25000"}, 3),
    "no limit": ("0::/\n", {"cpu.max": "max 100000"}, 64),
    "more than there are": ("0::/\n", {"cpu.max": "9900000 100000"}, 64),
    "nonsense": ("0::/\n", {"cpu.max": "many", "cpuset.cpus.effective": "a-b"}, 64),
    "of a group above": (
        "0::/kubepods/pod:7/main\n",
        {"kubepods/cpu.max": "800000 100000", "kubepods/pod:7/cpu.max": "250000 100000",
         "kubepods/pod:7/main/cpu.max": "max 100000"}, 3,
    ),
    "of a group beside": ("0::/a\n", {"b/cpu.max": "100000 100000"}, 64),
    "told the whole machine's path": ("0::/docker/ab\n", {"cpu.max": "400000 100000"}, 4),
    "outside of what is shown": ("0::/../../x\n", {"cpu.max": "400000 100000"}, 4),
    "cpuset": ("0::/s\n", {"s/cpuset.cpus.effective": "0-3,8,10-11"}, 7),
    "first version": (
        V1, {"cpu,cpuacct/docker/ab/cpu.cfs_quota_us": "250000",
             "cpu,cpuacct/docker/ab/cpu.cfs_period_us": "100000"}, 3,
    ),
    "first version, inside": (
        V1, {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 1,
    ),
    "first version, no limit": (
        V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64,
    ),
    "first version's cpuset": (V1, {"cpuset/docker/ab/cpuset.effective_cpus": "2,5"}, 2),
    "both versions": (f"{V1}0::/\n", {"unified/cpu.max": "500000 100000"}, 5),
    "who one is cannot be read": (None, {"cpu.max": "600000 100000"}, 6),
}  # fmt: skip
MEMORY = {
    "no groups": ("", {}, 100 * GIB),
    "a limit": ("0::/\n", {"memory.max": 2 * GIB}, 2 * GIB),
    "no limit": ("0::/\n", {"memory.max": "max", "memory.current": GIB}, 100 * GIB),
    "less what is used": ("0::/\n", {"memory.max": 8 * GIB, "memory.current": 3 * GIB}, 5 * GIB),
    "a cache gives way": (
        "0::/\n",
        {"memory.max": 8 * GIB, "memory.current": 3 * GIB,
         "memory.stat": f"anon 7\ninactive_file {2 * GIB}"}, 7 * GIB,
    ),
    "where it is slowed": ("0::/\n", {"memory.max": 8 * GIB, "memory.high": 6 * GIB}, 6 * GIB),
    "all is used": ("0::/\n", {"memory.max": GIB, "memory.current": 2 * GIB}, 0),
    "of a group above": (
        "0::/slurm/job_7/step\n",
        {"slurm/job_7/memory.max": 9 * GIB, "slurm/job_7/step/memory.max": "max"}, 9 * GIB,
    ),
    "first version": (
        V1, {"memory/docker/ab/memory.limit_in_bytes": 4 * GIB,
             "memory/docker/ab/memory.usage_in_bytes": 2 * GIB,
             "memory/docker/ab/memory.stat": f"total_inactive_file {GIB}"}, 3 * GIB,
    ),
    "first version, no limit": (V1, {"memory/memory.limit_in_bytes": UNLIMITED}, 100 * GIB),
    "who one is cannot be read": (None, {"memory/memory.limit_in_bytes": GIB}, GIB),
}  # fmt: skip


@pytest.mark.parametrize("kind", CORES)
def test_cores(group, kind):
    own, files, cores = CORES[kind]
    group(own, files)
    assert machine.available_cores() == cores


@pytest.mark.parametrize("kind", MEMORY)
def test_memory(group, kind):
    own, files, memory = MEMORY[kind]
    group(own, files)
    assert machine.available_memory() == memory


def test_what_cannot_be_read_limits_nothing(group, tmp_path):
    group("0::/\n", {"cpu.max/is a folder": "", "memory.max": "100"})
    (tmp_path / "GROUPS/memory.max").write_bytes(b"\xff\xfe")
    assert (machine.available_cores(), machine.available_memory()) == (64, 100 * GIB)


def test_affinity_is_a_limit(group, monkeypatch):
    group("0::/\n", {"cpu.max": "600000 100000"})
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(2))
    assert machine.available_cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.available_cores() == 1


def test_where_a_machine_does_not_say_what_is_free(group, monkeypatch, tmp_path):
    group("0::/\n", {})
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.get)
    for facts in ("MemTotal: 1 kB\n", "MemAvailable: much\n", None):
        (tmp_path / "MEMINFO").write_text(facts) if facts else (tmp_path / "MEMINFO").unlink()
        assert machine.available_memory() == 2_048_000


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_process_that_is_kept_to_one_core():
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    code += "from dl_experiments import machine; print(machine.available_cores())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr
