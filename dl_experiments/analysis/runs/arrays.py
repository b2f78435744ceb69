"""Array files, of which some may be damaged."""

import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

Arrays = dict[str, np.ndarray]

# Whatever NumPy and zipfile raise where bytes are missing or have changed.
UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, BadZipFile, zlib.error)


def read_arrays(path: Path) -> Arrays | None:
    """The arrays of a file, None where it is not there or cannot be read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except UNREADABLE:
        return None


def is_damaged(path: Path) -> bool:
    """Whether a file cannot be read, by its checksums; about a millisecond for a common one."""
    try:
        with ZipFile(path) as file:
            return file.testzip() is not None
    except UNREADABLE:
        return True
