"""A data set of five images, and ways to fetch it."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dl_experiments.data import fetch, routes
from dl_experiments.data.stored import StoredFile

Route = Callable[[str, Path], None]


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@dataclass
class Tiny:
    """A data set of five images in the four files of MNIST."""

    content: dict[str, bytes]
    files: tuple[StoredFile, ...]

    def deliver(self, name: str, work: Path) -> None:
        for file in self.files:
            (work / file.name).write_bytes(self.content[file.name])

    def place(self, root: Path, name: str = "mnist") -> Path:
        (root / name).mkdir(parents=True)
        self.deliver(name, root / name)
        return root / name / self.files[0].name


def use(monkeypatch: pytest.MonkeyPatch, **ways: Route) -> None:
    monkeypatch.setattr(fetch, "ROUTES", ways)


def refuse(name: str, work: Path) -> None:
    raise routes.RouteFailed("the host is\nmade of stone")


def never(name: str, work: Path) -> None:
    pytest.fail("nothing was to be fetched")


def left(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()} - {".mnist.lock"}


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder and what it holds."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
