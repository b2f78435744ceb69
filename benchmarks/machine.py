"""What a time depends on: the machine, its load, the versions."""

import os
import platform
from pathlib import Path

import lightning
import torch

from dl_experiments.machine import available_cores


def facts() -> dict[str, str]:
    """What the table is headed with."""
    return {
        "processor": processor(),
        "cores": str(available_cores()),
        "load average at the start": load(),
        "torch": torch.__version__,
        "torch threads by default": str(torch.get_num_threads()),
        "lightning": lightning.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def load() -> str:
    """Load averages over 1, 5 and 15 minutes."""
    return " ".join(f"{average:.2f}" for average in os.getloadavg())


def processor() -> str:
    """The processor's name."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16 products; False where it won't say."""
    flags = (_cpuinfo("flags") or _cpuinfo("features")).split()
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16", "bf16"))


def _cpuinfo(key: str) -> str:
    """The first value of a key that Linux tells of its processors; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip().lower() == key:
                return value.strip()
    return ""
