"""The files of the data cache: what each is called, what it holds, how it is read and verified.

``<root>/<data set>/`` holds four files: training images, training labels, test images, test labels.
MNIST and Fashion-MNIST stay the IDX files they were published as; CIFAR-10 is decoded to ``.npy``.
The checksum is the md5 of the whole file, so ``md5sum`` shows the same. It guards against damage,
not against malice.

Fashion-MNIST's checksums are not built in. What torchvision downloads it compares with the
compressed files' own; the decoded files' checksums are then recorded in ``checksums.md5`` beside
them, so that later damage is noticed. Files placed there by hand, without that record, are checked
for header and size alone.
"""

import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RECORD = "checksums.md5"


@dataclass(frozen=True)
class StoredFile:
    """One file of the cache. ``md5`` is None where it is recorded when the file is fetched."""

    name: str
    shape: tuple[int, ...]
    md5: str | None = None


FILES: dict[str, tuple[StoredFile, ...]] = {
    "mnist": (
        StoredFile("train-images-idx3-ubyte", (60000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
        StoredFile("train-labels-idx1-ubyte", (60000,), "a25bea736e30d166cdddb491f175f624"),
        StoredFile("t10k-images-idx3-ubyte", (10000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
        StoredFile("t10k-labels-idx1-ubyte", (10000,), "27ae3e4e09519cfbb04c329615203637"),
    ),
    "fashion_mnist": (
        StoredFile("train-images-idx3-ubyte", (60000, 28, 28)),
        StoredFile("train-labels-idx1-ubyte", (60000,)),
        StoredFile("t10k-images-idx3-ubyte", (10000, 28, 28)),
        StoredFile("t10k-labels-idx1-ubyte", (10000,)),
    ),
    "cifar10": (
        StoredFile("train-images.npy", (50000, 3, 32, 32), "ff3359cdc5a218bbddd44fe64cdae3bd"),
        StoredFile("train-labels.npy", (50000,), "d8a79c8333fefa2cd9199b5600e31a11"),
        StoredFile("test-images.npy", (10000, 3, 32, 32), "1b3b31618d482b78b3f0d66c044b77c3"),
        StoredFile("test-labels.npy", (10000,), "4d74f74122593901101910f6a0b5d403"),
    ),
}


def missing(name: str, root: Path) -> list[StoredFile]:
    """The files of a data set that are not in its folder (a dangling link counts as there)."""
    return [file for file in FILES[name] if not os.path.lexists(root / name / file.name)]


def read(folder: Path, file: StoredFile) -> np.ndarray:
    """The file's content, verified.

    Returns:
        uint8, of ``file.shape``.

    Raises:
        ValueError: The file has another checksum, or (where none is known) is of another format
            or shape.
        OSError: It cannot be read.
    """
    path = folder / file.name
    expected, remedy = file.md5, "delete it and it is fetched again"
    if expected is None and (expected := recorded(folder).get(file.name)) is not None:
        remedy = f"delete it and {RECORD} and both are fetched again"
    if expected is not None and (found := digest(path)) != expected:
        raise ValueError(f"{path} is damaged: its md5 is {found}, expected {expected}; {remedy}")
    try:
        array = np.load(path) if path.suffix == ".npy" else parse_idx(np.fromfile(path, np.uint8))
        if array.shape != file.shape:
            raise ValueError(f"its shape is {array.shape}, expected {file.shape}")
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}; {remedy}") from error
    return array


def digest(path: Path) -> str:
    """The md5 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def parse_idx(raw: np.ndarray) -> np.ndarray:
    """The array in an IDX file of unsigned bytes; a view of ``raw``.

    Two zero bytes, the element type (8: unsigned byte), the number of dimensions, each dimension as
    a big-endian 32-bit integer, then the elements in C order.

    Args:
        raw: The file's bytes, uint8.

    Raises:
        ValueError: The header is none, names another type, or does not fit the number of bytes.
    """
    if raw.size < 4 or raw[0] or raw[1]:
        raise ValueError("it has no IDX header")
    if raw[2] != 8:
        raise ValueError(f"its IDX element type is {raw[2]:#04x}, expected 0x08 (unsigned byte)")
    start = 4 + 4 * int(raw[3])
    if raw.size < start:
        raise ValueError("its IDX header is cut short")
    shape = tuple(int(size) for size in raw[4:start].view(">u4"))
    if raw.size - start != math.prod(shape):
        raise ValueError(
            f"its IDX header says {shape}, which is {math.prod(shape)} bytes, "
            f"and {raw.size - start} follow"
        )
    return raw[start:].reshape(shape)


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write uint8 as ``.npy`` format 1.0, byte for byte the same under every version of numpy.

    What ``np.save`` pads its header with is numpy's own affair; a checksum needs it fixed.
    """
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {array.shape}, }}"
    with path.open("wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little"))
        file.write(header.ljust(117).encode() + b"\n")
        file.write(np.ascontiguousarray(array, dtype=np.uint8).data)


def recorded(folder: Path) -> dict[str, str]:
    """File name -> checksum as recorded when it was fetched; empty without a record.

    Raises:
        ValueError: The record is there and is no list of checksums.
    """
    path = folder / RECORD
    if not path.exists():
        return {}
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        return {name: md5 for md5, name in lines}
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged: its lines are no 'md5 name' pairs; delete it and the data set's "
            "files and they are fetched again"
        ) from error


def write_record(source: Path, name: str, target: Path) -> None:
    """Record the checksums of a data set's files in ``source`` as the file ``target``."""
    lines = [f"{digest(source / file.name)}  {file.name}\n" for file in FILES[name]]
    target.write_text("".join(lines), encoding="utf-8")
