"""The files of the data cache: what each is called, what it holds, how it is read and verified.

``<root>/<data set>/`` holds four files: training images, training labels, test images, test labels.
MNIST and Fashion-MNIST stay the IDX files they were published as; CIFAR-10 is decoded to ``.npy``.
The checksum is the md5 of the whole file, so ``md5sum`` shows the same. It guards against damage,
not against malice.
"""

import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class StoredFile:
    """One file of the cache: a header, then unsigned bytes of this shape in C order."""

    name: str
    shape: tuple[int, ...]
    md5: str

    @property
    def size(self) -> int:
        """Its bytes."""
        header = 128 if self.name.endswith(".npy") else 4 + 4 * len(self.shape)
        return header + math.prod(self.shape)


FILES: dict[str, tuple[StoredFile, ...]] = {
    "mnist": (
        StoredFile("train-images-idx3-ubyte", (60000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
        StoredFile("train-labels-idx1-ubyte", (60000,), "a25bea736e30d166cdddb491f175f624"),
        StoredFile("t10k-images-idx3-ubyte", (10000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
        StoredFile("t10k-labels-idx1-ubyte", (10000,), "27ae3e4e09519cfbb04c329615203637"),
    ),
    "fashion_mnist": (
        StoredFile("train-images-idx3-ubyte", (60000, 28, 28), "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
        StoredFile("train-labels-idx1-ubyte", (60000,), "9018921c3c673c538a1fc5bad174d6f9"),
        StoredFile("t10k-images-idx3-ubyte", (10000, 28, 28), "8181f5470baa50b63fa0f6fddb340f0a"),
        StoredFile("t10k-labels-idx1-ubyte", (10000,), "15d484375f8d13e6eb1aabb0c3f46965"),
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
    """The file's array, uint8 of ``file.shape``.

    Raises:
        ValueError: The file has another checksum.
        OSError: It cannot be read.
    """
    path = folder / file.name
    try:
        return checked(file, np.fromfile(path, np.uint8))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}; delete it and it is fetched again") from None


def checked(file: StoredFile, content: np.ndarray) -> np.ndarray:
    """The array, uint8 of ``file.shape``, in a file's bytes; a view of them.

    Raises:
        ValueError: They have another checksum.
    """
    if (found := digest(content)) != file.md5:
        raise ValueError(f"its md5 is {found}, expected {file.md5}")
    return content[-math.prod(file.shape) :].reshape(file.shape)


def digest(content: np.ndarray) -> str:
    """The md5 of bytes, in hexadecimal."""
    return hashlib.md5(content.data, usedforsecurity=False).hexdigest()


def npy(array: np.ndarray) -> np.ndarray:
    """The bytes of a ``.npy`` file, format 1.0, of uint8, the same under every version of numpy.

    What ``np.save`` pads its header with is numpy's own affair; a checksum needs it fixed.
    """
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {array.shape}, }}"
    start = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.ljust(117).encode() + b"\n"
    return np.concatenate([np.frombuffer(start, np.uint8), array.ravel()])
