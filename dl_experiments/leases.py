"""Which processes live: each touches a file of its own in a folder that all of them see.

A process of this machine that is gone is known at once, by its number and the time it began. One of
another machine, one that was stopped, or one that does not show itself, is given up when its file
has not been touched for ``LEASE`` seconds, on the clock of whoever waits for it.
"""

import os
import re
import secrets
import socket
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, final

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

LEASE, HEARTBEAT = 30.0, 10.0
"""Seconds: how long a lease lives untouched, and how often it is touched."""
FOLDER = ".leases"
HIDDEN = "unknown"  # when a process began that lives, but does not show it

Facts = Mapping[str, Any]

_watched: dict[Path, tuple[tuple[int, ...], float]] = {}  # what others have, since when it stays


@final
class Lease:
    """This process's lease in a folder of runs, while it holds any of them.

    Args:
        folder: Of the runs.

    Raises:
        OSError: The folder cannot be written.

    Attributes:
        name: Of its file.
        process: Whose it is; a fork has none.
        holds: How many runs it stands for.
        lost: Whether it could not be kept alive.
    """

    def __init__(self, folder: Path) -> None:
        machine = re.sub(r"[^A-Za-z0-9]+", "_", socket.gethostname())[:60]
        self.name = f"{machine}-{os.getpid()}-{secrets.token_hex(4)}"
        self._folder = folder / FOLDER
        self.process, self.holds, self.lost = os.getpid(), 0, False
        self._lock = _lease(self._folder / self.name, self._compromised)
        for attempt in range(5):  # who leaves removes the folder when it is empty
            try:
                _make(self._folder)
                self._lock.acquire(timeout=0)
                return
            except (FileNotFoundError, FileExistsError):
                if attempt == 4:
                    raise

    def _compromised(self, _: object) -> None:
        self.lost = True

    def release(self) -> None:
        """Leave, and remove what the dead have left."""
        with suppress(OSError):
            self._lock.release()
        sweep(self._folder.parent)


def _make(leases: Path) -> None:
    """The folder, for everybody who may write the one it lies in."""
    if not leases.is_dir():
        leases.mkdir(parents=True)
        with suppress(OSError):
            leases.chmod(stat.S_IMODE(leases.parent.stat().st_mode))


def sweep(folder: Path) -> None:
    """Remove the leases of this machine's processes that died; their folder, if it is empty.

    Args:
        folder: Of the runs.
    """
    leases = folder / FOLDER
    with suppress(OSError):
        for other in leases.iterdir():
            with suppress(OSError, Timeout, LeaseSettingsMismatch):
                lock = _lease(other)
                lock.acquire(timeout=0)
                lock.release()
        leases.rmdir()


def _lease(path: Path, on_compromise: Any = None) -> SoftFileLease:
    return SoftFileLease(
        path,
        lease_duration=LEASE,
        heartbeat_interval=HEARTBEAT,
        on_compromise=on_compromise,
        thread_local=False,
    )


def gone(folder: Path, facts: Facts) -> bool:
    """Whether an owner is: its lease is not there, or nobody keeps it alive.

    Ask again now and then: how long a lease has not been touched is seen only by watching it.

    Args:
        folder: Of the runs.
        facts: ``lease``, ``host``, ``pid`` and ``start`` of the owner; an empty lease is nobody's.
    """
    if not facts["lease"]:
        return True
    lease = folder / FOLDER / str(facts["lease"])
    ours = facts["host"] == host()
    if (ours and start(facts["pid"]) not in (facts["start"], HIDDEN)) or untouched(lease):
        with suppress(OSError):
            lease.unlink(missing_ok=True)
            lease.parent.rmdir()
        return True
    return False


def left(folder: Path, facts: Facts) -> bool:
    """The same at a glance, for readers, who leave everything as it is."""
    if not facts["lease"]:
        return True
    try:
        touched = (folder / FOLDER / str(facts["lease"])).stat().st_mtime
    except FileNotFoundError:
        return True
    if facts["host"] == host() and (began := start(facts["pid"])) != HIDDEN:
        return began != facts["start"]
    return time.time() - touched > LEASE


def untouched(file: Path) -> bool:
    """Whether a file is gone, or has been seen to stay as it is for as long as a lease lives.

    Timed on this process's own clock, so that no machine's clock matters; opened each time, as NFS
    tells the truth only then.
    """
    try:
        with suppress(PermissionError):  # another user's is seen all the same
            os.close(os.open(file, os.O_RDONLY))
        found = os.stat(file)
    except FileNotFoundError:
        return True
    key, now = (found.st_mtime_ns, found.st_ctime_ns, found.st_ino), time.monotonic()
    if file not in _watched or _watched[file][0] != key:
        _watched[file] = key, now
    return now - _watched[file][1] >= LEASE


@cache
def host() -> str:
    """This machine as processes see one another: its name, and the namespace of their numbers."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()} {boot[:8]} {namespace}"


def start(pid: int) -> str | None:
    """When a process of this machine began, in words of its own; None where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]  # proc(5): 22 starttime
    except (OSError, IndexError):  # gone, or hidden from this user
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return HIDDEN
