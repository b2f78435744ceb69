"""Data sets as their authors publish them: addresses, checksums, what the files hold.

MNIST and Fashion-MNIST are four gzipped IDX files each, CIFAR-10 is an archive of pickles. A file
is not believed: no pickle is run, no member of an archive is written, and no more is unpacked than
a file of a set can hold.
"""

import gzip
import tarfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from dl_experiments.data import pickles, stored
from dl_experiments.data.stored import StoredFile

MIRRORS: dict[str, tuple[str, ...]] = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    "fashion_mnist": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    "cifar10": ("https://www.cs.toronto.edu/~kriz/",),
}
"""Data set -> the folders of the web that it lies in; torchvision knows the same."""

FILES: dict[str, dict[str, str]] = {
    "mnist": {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    "cifar10": {"cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a"},
}
"""Data set -> its files -> their md5."""

BATCHES_FOLDER = "cifar-10-batches-py"
BATCHES: dict[str, str] = {
    "data_batch_1": "74710dbc75fe0d368b1470a50f6b38d6",
    "data_batch_2": "de1e15e2b841ebf561e4560104e6f420",
    "data_batch_3": "752d9e5937e3dd6d623d83ef77d742b0",
    "data_batch_4": "41e705d4d61ad596d664eaec3663b745",
    "data_batch_5": "a633d74480810e93e2c6a34258377169",
    "test_batch": "e04629dc376c0034f75acdccb3643e5d",
}
"""Pickle of CIFAR-10 -> md5 of its pixels and its labels, a byte each; the last is the test set."""
MOST = 2**28
"""Bytes that no file of these sets, packed or not, exceeds."""
DAMAGE = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)
"""What unpacking damaged files raises."""


def read(name: str, path: Path) -> dict[StoredFile, np.ndarray]:
    """What a published file comes to in the cache: the bytes of each file that it makes there.

    Args:
        name: Of the data set.
        path: One of ``FILES``, an IDX file that was unpacked, or the folder of CIFAR-10's pickles.

    Raises:
        ValueError: It is damaged as far as reading shows, or asks for what it must not.
        OSError: It cannot be read.
    """
    if name == "cifar10":
        named = {f"{BATCHES_FOLDER}/{batch}": batch for batch in BATCHES}
        return _arrays(
            {batch: _start(path / batch) for batch in BATCHES}
            if path.is_dir()
            else {named[member]: content for member, content in members(path, named).items()}
        )
    file = next(file for file in stored.FILES[name] if file.name == path.name.removesuffix(".gz"))
    return {file: np.frombuffer(bytearray(_start(path, file.size + 1)), np.uint8)}  # writable


def members(tarball: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """The contents of the named members of a gzipped archive, which are plain files.

    Raises:
        ValueError: One is not there, or the archive is damaged.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for member in archive:
                if member.size > MOST:
                    raise ValueError(f"{member.name!r} is {member.size} bytes long")
                name = member.name.removeprefix("./")
                if name in wanted and member.isfile() and (file := archive.extractfile(member)):
                    found[name] = file.read()
                if len(found) == len(wanted):
                    break
    except DAMAGE as error:
        raise ValueError(f"no whole archive: {error}") from error
    if left := [name for name in wanted if name not in found]:
        raise ValueError(f"{tarball.name} has no {', '.join(left)}")
    return {name: found[name] for name in wanted}


def _start(path: Path, most: int = MOST) -> bytes:
    """What a file holds, gzipped or not, as far as so many bytes."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(most)
    except DAMAGE as error:
        raise ValueError(f"not whole: {error}") from error


def _arrays(batches: Mapping[str, bytes]) -> dict[StoredFile, np.ndarray]:
    """CIFAR-10's pickles, the test set's last, as its four files."""
    *train, test = (_batch(name, batches[name]) for name in BATCHES)
    arrays = [*map(np.concatenate, zip(*train, strict=True)), *test]
    return {
        file: stored.npy(array.reshape(-1, *file.shape[1:]))
        for file, array in zip(stored.FILES["cifar10"], arrays, strict=True)
    }


def _batch(name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The pixels, [n, 3072], and labels, [n], of a pickle of CIFAR-10, verified."""
    try:
        found = pickles.load(content)
        images, labels = found["data"], np.frombuffer(bytes([*found["labels"]]), np.uint8)
        pixels = images.view(np.uint8).reshape(len(labels), 3072)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{name}: {error}") from error
    if (found_sum := stored.digest(np.append(pixels, labels))) != BATCHES[name]:
        raise ValueError(
            f"{name}: the md5 of what it holds is {found_sum}, expected {BATCHES[name]}"
        )
    return pixels, labels
