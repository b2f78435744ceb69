"""Image sets that lie on disk as they are published, or as torchvision leaves them.

They are looked for under the cache folder, read where they lie, and verified as what is fetched;
nothing is written.
"""

import logging
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from dl_experiments.data import published, stored
from dl_experiments.data.published import BATCHES, BATCHES_FOLDER
from dl_experiments.data.routes import reason
from dl_experiments.data.stored import StoredFile

FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}
"""Data set -> what torchvision calls it."""

log = logging.getLogger(__name__)


def found(name: str, root: Path, wanted: Collection[StoredFile]) -> dict[StoredFile, np.ndarray]:
    """Those of the wanted files whose content is there, uint8 of ``file.shape`` each.

    Args:
        name: Of the data set.
        root: The cache folder, resolved.
        wanted: Of its files, those that the cache has not.

    Raises:
        ValueError: What is there is damaged, and nothing else there stands in for it.
        OSError: A folder cannot be looked into.
    """
    arrays: dict[StoredFile, np.ndarray] = {}
    damaged: dict[Path, str] = {}
    for path, files in _candidates(name, root, wanted):
        if all(file in arrays for file in files):
            continue
        try:
            made = published.read(name, path)
            arrays |= {file: stored.checked(file, made[file]) for file in files}
        except (ValueError, OSError) as error:
            damaged[path] = reason(error)
    said = ", ".join(f"{path} is damaged: {why}" for path, why in damaged.items())
    if said and any(file not in arrays for file in wanted):
        raise ValueError(f"{said}; remove it and {name} is fetched, or set paths.data")
    if said:
        log.warning("%s; %s is read from beside it", said, name)
    return arrays


def _candidates(
    name: str, root: Path, wanted: Collection[StoredFile]
) -> Iterator[tuple[Path, list[StoredFile]]]:
    """What is there, and the wanted files whose content it should have; unpacked before packed."""
    inside = [root, root / name, root / FOLDERS[name]]
    if name == "cifar10":
        folders = [place / BATCHES_FOLDER for place in [*inside, root.parent]]
        for folder in folders:
            if folder.is_relative_to(root) and all((folder / one).is_file() for one in BATCHES):
                yield folder, [*wanted]
        paths = {place / file: [*wanted] for place in inside for file in published.FILES[name]}
    else:
        raw = [place / FOLDERS[name] / "raw" for place in [*inside, *root.parents[:2]]]
        places = [place for place in [*raw, root / name] if place.is_relative_to(root)]
        paths = {
            place / f"{file.name}{end}": [file]
            for end in ("", ".gz")
            for place in places
            for file in wanted
        }
    yield from ((path, files) for path, files in paths.items() if path.is_file())
