"""What is slow to evaluate is kept beside the figures, in a file named by all it depends on."""

import hashlib
import json
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dl_experiments.analysis.runs.arrays import Arrays, read_arrays
from dl_experiments.artifacts import write_atomically


def kept_at(folder: Path, kind: str, depends: Any) -> Path:
    """The file of a kind, ``<kind>-<hash>.npz``, for all (JSON) that its numbers depend on."""
    digest = hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:12]
    return folder / f"{kind}-{digest}.npz"


def kept(path: Path, evaluate: Callable[[], Arrays]) -> Arrays:
    """The arrays of a file; evaluated and kept where it is not there or cannot be read."""
    there = read_arrays(path)
    if there is not None:
        return there
    found: Any = evaluate()
    with suppress(OSError):  # it only costs time
        write_atomically(path, lambda file: np.savez_compressed(file, **found))
    return dict(found)


def keep_only(folder: Path, kind: str, used: Collection[Path]) -> None:
    """Remove the kept files of a kind that are of other runs or other options."""
    for path in folder.glob(f"{kind}-*.npz"):
        if path not in used:
            path.unlink()
