"""A tiny data set in the place of two large ones."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pytest
from tiny import Tiny, idx

from dl_experiments.data import sources, stored
from dl_experiments.data.stored import StoredFile


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tiny]:
    random = np.random.default_rng(0)
    shapes = [(3, 28, 28), (3,), (2, 28, 28), (2,)]
    arrays = [random.integers(0, 10, shape, dtype=np.uint8) for shape in shapes]
    names = [file.name for file in stored.FILES["mnist"]]
    content = {name: idx(array) for name, array in zip(names, arrays, strict=True)}
    files = tuple(
        StoredFile(name, shape, hashlib.md5(content[name]).hexdigest())
        for name, shape in zip(names, shapes, strict=True)
    )
    monkeypatch.setitem(stored.FILES, "mnist", files)
    monkeypatch.setitem(stored.FILES, "fashion_mnist", files)
    sources._load.cache_clear()
    yield Tiny(content, files)
    sources._load.cache_clear()
