"""Who may write a run: a claim in its folder, which names a lease that its owner keeps alive.

A claim is a small file that is made only where there is none (``O_EXCL``), which works on every
file system, NFS included. It names its process's lease (``leases``), so that a process has one
heartbeat however many runs it holds; where nobody keeps that alive, whoever wants the run takes the
claim over. A lease does not exclude by itself: who comes back to life after it has expired might
write still. So a holder looks at its claim before it writes, and writes nothing once that is
another's.
"""

import errno
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, final

from dl_experiments import leases, stop
from dl_experiments.leases import Facts, Lease

_CUT = 2.0  # seconds after which a claim that cannot be read is not just being written
_VERSION = 1
CLAIM = ".claim"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


class Taken(Exception):
    """Another process has the run."""


class Lost(Exception):
    """Another process has taken the run over; nothing more is to be written."""


_own: dict[Path, Lease] = {}


@final
class Claim:
    """A run that this process may write; see ``take``.

    Args:
        path: The run's folder.
        lease: The process's.
        facts: What the file says.
    """

    def __init__(self, path: Path, lease: Lease, facts: Facts) -> None:
        self._path, self._lease = path, lease
        self._file, self._text = path / CLAIM, _as_text(facts)
        self._looked = time.monotonic()
        lease.holds += 1

    def look(self, seconds: float = 0.0) -> None:
        """Make sure that it is held still.

        Args:
            seconds: How old the last look may be.

        Raises:
            Lost: It is another's, or nobody's.
            OSError: The folder cannot be read.
        """
        if time.monotonic() - self._looked < seconds:
            return
        if self._lease.lost or not self._stands():
            raise Lost(f"{self._path}: another process has taken this run over")
        self._looked = time.monotonic()

    def _stands(self) -> bool:
        return _text(self._file) == self._text

    def release(self) -> None:
        """Give the run back."""
        with suppress(OSError):
            if self._stands():
                self._file.unlink()
        self._lease.holds -= 1
        if self._lease.holds == 0:
            folder = self._path.parent
            if _own.get(folder) is self._lease:
                del _own[folder]
            self._lease.release()


def take(path: Path) -> Claim:
    """Claim a run, whose folder is made where there is none.

    Raises:
        Taken: Another process has it.
        ValueError: Its claim is of another kind; names the file and what to do.
        OSError: The folder cannot be written.
    """
    path.mkdir(parents=True, exist_ok=True)
    lease = _own.get(path.parent)
    if lease is None or lease.process != os.getpid() or lease.lost:
        lease = _own[path.parent] = Lease(path.parent)
    facts = {
        "version": _VERSION,
        "token": secrets.token_hex(8),
        "lease": lease.name,
        "host": leases.host(),
        "pid": os.getpid(),
        "start": leases.start(os.getpid()),
    }
    try:
        while not _create(path, facts):
            _take_over(path, facts)
            if _read(path) == facts:
                break
    except BaseException:
        if lease.holds == 0:
            _own.pop(path.parent, None)
            lease.release()
        raise
    return Claim(path, lease, facts)


@contextmanager
def held(path: Path) -> Iterator[Claim]:
    """Hold a run, once nobody else does.

    Raises:
        Stopped: The command is to end.
        ValueError: See ``take``.
        OSError: See ``take``.
    """
    while True:
        try:
            claim = take(path)
            break
        except Taken:
            stop.pause(1.0)
    try:
        yield claim
    finally:
        claim.release()


def free(path: Path) -> bool:
    """Whether a run can be taken: nobody has it, or one who is gone.

    Ask again now and then: how long a lease has not been touched is seen only by watching it.
    """
    try:
        facts = _read(path)
        if facts is None:
            return True
        guard = path / f"{CLAIM}.{facts.get('token', 'cut')}"
        return leases.gone(path.parent, facts) and leases.untouched(guard)
    except (OSError, ValueError):
        return True  # whoever takes it will say what is wrong


def left(path: Path) -> bool:
    """Whether a run that is said to be running has nobody who trains it; a look, for readers."""
    try:
        facts = _read(path, patience=0)
        return facts is None or leases.left(path.parent, facts)
    except (OSError, ValueError):
        return False


def _create(path: Path, facts: Facts) -> bool:
    """Make the claim where there is none."""
    file = path / CLAIM
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    try:
        _write(handle, facts)
    except OSError:
        file.unlink(missing_ok=True)
        raise
    return True


def _write(handle: int, facts: Facts) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(_as_text(facts))


def _as_text(facts: Facts) -> bytes:
    return json.dumps(facts).encode()


def _take_over(path: Path, facts: Facts) -> None:
    """Put our claim in the place of one whose owner is gone; nothing where it has just changed.

    Raises:
        Taken: The owner is alive, or somebody else is just doing that.
    """
    found = _read(path)
    if found is None:
        return
    if not leases.gone(path.parent, found):
        machine = str(found["host"]).partition(" ")[0]
        raise Taken(f"{path}: process {found['pid']} on {machine} is training this run")
    guard = path / f"{CLAIM}.{found.get('token', 'cut')}"
    try:
        os.close(os.open(guard, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError as error:
        if leases.untouched(guard):  # who made it was killed or stopped meanwhile
            guard.unlink(missing_ok=True)
        raise Taken(f"{path}: another process is taking this run over") from error
    try:
        if _read(path) == found:
            beside = path / f"{CLAIM}.{facts['token']}.new"
            _write(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644), facts)
            os.replace(beside, path / CLAIM)
    finally:
        guard.unlink(missing_ok=True)


def _read(path: Path, patience: float = _CUT) -> Facts | None:
    """What a claim says; None where there is none, no lease where it was cut short.

    Args:
        path: The run's folder.
        patience: Seconds for which one that is cut may still be being written.

    Raises:
        ValueError: It is of another kind.
        OSError: It cannot be read.
    """
    file = path / CLAIM
    limit = time.monotonic() + patience
    while True:
        text = _text(file)
        if text is None:
            return None
        try:
            facts = json.loads(text)
            break
        except ValueError:
            if time.monotonic() >= limit:
                return {"lease": "", "cut": text.hex()}
            time.sleep(0.02)
    if not _is_ours(facts):
        raise ValueError(
            f"{file} is no claim of this version; where no process trains this run, remove the file"
        )
    return facts


def _text(file: Path) -> bytes | None:
    """What is in a file; None where there is none."""
    limit = time.monotonic() + _CUT
    while True:
        try:
            return file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.ESTALE or time.monotonic() >= limit:
                raise
            time.sleep(0.02)  # it was replaced while it was opened


def _is_ours(facts: Any) -> bool:
    """Whether these are facts as ``take`` writes them; its names become those of files."""
    return (
        isinstance(facts, dict)
        and facts.get("version") == _VERSION
        and all(isinstance(facts.get(name), str) for name in ("token", "lease", "host", "start"))
        and all(_NAME.fullmatch(facts[name]) for name in ("token", "lease"))
        and type(facts.get("pid")) is int
        and 0 < facts["pid"] < 2**31
    )
