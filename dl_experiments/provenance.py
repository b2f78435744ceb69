"""Where a run's numbers come from: code, versions, machine, and the command to make them again."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from dl_experiments import environment

_BEGUN = f"{datetime.now(UTC).isoformat(timespec='seconds')} {os.getpid()}"
"""Which command this is; workers are forks of it."""
_PACKAGES = ("torch", "lightning", "hydra-core", "torchmetrics", "numpy")


def describe(
    overrides: Sequence[str], seed: int, device: torch.device, record: Mapping[str, Any]
) -> dict[str, Any]:
    """What ``provenance.json`` holds.

    Args:
        overrides: The words that lead to this one run.
        seed: The run's seed.
        device: What it trains on.
        record: What it is trained on, see ``record``.
    """
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    return {
        "command": _command(overrides),
        "begun": _BEGUN,
        **_git(),
        "versions": _versions(),
        "platform": platform.platform(),
        "processor": _processor(),
        "device": str(device),
        **gpu,
        "threads": torch.get_num_threads(),
        "environment": environment.recorded(),
        "seed": seed,
        "argv": sys.argv,
        **record,
    }


def _command(words: Sequence[str]) -> str:
    """What makes the run again, given in the project's folder or, where that was another, there."""
    root, here = Path(__file__).resolve().parents[1], Path.cwd()
    script = "train.py" if here == root else os.path.relpath(root / "train.py", here)
    path = os.environ.get("PYTHONPATH")  # the user's own code may be found there
    where = [f"PYTHONPATH={path}"] if path else []
    command = shlex.join([*where, "python", script, *words])
    return command if here == root else f"cd {shlex.quote(str(here))} && {command}"


@cache
def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {p: version(p) for p in _PACKAGES}


@cache
def _git() -> dict[str, Any]:
    """Commit and whether tracked files differ from it; empty outside a checkout."""

    def ask(*words: str) -> str:
        where = Path(__file__).parent
        return subprocess.run(
            ["git", *words], cwd=where, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = ask("status", "--porcelain", "--untracked-files=no")
        return {"git_commit": ask("rev-parse", "HEAD"), "git_dirty": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        return {}


@cache
def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"
