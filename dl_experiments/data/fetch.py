"""Fetch a data set into the cache folder, once, and wholly or not at all.

The work happens in a temporary folder inside the cache; a file is renamed into place once all four
are there and verified, so a fetch that breaks off leaves nothing behind. One process fetches, the
others wait for it.
"""

import logging
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from dl_experiments.data import published, stored
from dl_experiments.data.routes import ROUTES, reason

log = logging.getLogger(__name__)


class DataUnavailable(ValueError):
    """A data set is not in the cache and every way to fetch it failed."""


def fetch(name: str, root: Path) -> None:
    """Bring the missing files of a data set into ``root / name``; files that are there stay.

    Raises:
        DataUnavailable: No way worked; says what was tried and how to place the files by hand.
        ValueError: The folder cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / f".{name}.lock")
        Path(lock.lock_file).touch()  # FileLock would wait forever for some folders it cannot write
        try:
            held = lock.acquire(timeout=0)
        except Timeout:
            log.info("waiting for another process that fetches %s", name)
            held = lock.acquire()
        with held:
            _fetch_locked(name, root)
    except OSError as error:
        raise ValueError(
            f"paths.data={root} cannot be written ({error.strerror or error}) and {name} is not in "
            "it: give a folder that can be written, or one that already holds the data"
        ) from error


def _fetch_locked(name: str, root: Path) -> None:
    """Try each route until one delivers."""
    if not stored.missing(name, root):
        return  # another process fetched it while this one waited
    for stale in root.glob(f".{name}.fetch-*"):  # a killed process left it: we hold the lock
        shutil.rmtree(stale, ignore_errors=True)
    failures = []
    for label, route in ROUTES.items():
        with tempfile.TemporaryDirectory(
            prefix=f".{name}.fetch-", dir=root, ignore_cleanup_errors=True
        ) as temporary:
            work = Path(temporary)
            try:
                route(name, work)
                for file in stored.FILES[name]:
                    stored.read(work, file)
            except Exception as error:  # whatever a third party's download raises
                failures.append(f"{label}: {reason(error)}")
                continue
            return _place(name, work, root / name)
    raise DataUnavailable(
        f"{name} is not in {root / name} and could not be fetched: {'; '.join(failures)}. "
        f"To place it by hand, put {', '.join(published.FILES[name])} into {root / name}"
    )


def _place(name: str, work: Path, folder: Path) -> None:
    """Rename the verified files into place."""
    folder.mkdir(exist_ok=True)
    for file in stored.missing(name, folder.parent):
        os.replace(work / file.name, folder / file.name)
