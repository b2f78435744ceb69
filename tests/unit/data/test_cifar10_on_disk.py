"""CIFAR-10 on disk as torchvision leaves it, or as it is published: pickles, or their archive."""

import gzip
import hashlib
import io
import os
import pickle
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import never, tree, use

from dl_experiments.data import published, sources, stored
from dl_experiments.data.sources import ImageSet, load
from dl_experiments.data.stored import StoredFile

FOLDER, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"


@pytest.fixture(autouse=True)
def nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, never=never)


class Cifar:
    """A set of six small batches."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        draw = np.random.default_rng(1)
        self.pixels = {one: draw.integers(0, 256, (2, 3072), np.uint8) for one in published.BATCHES}
        self.labels = {one: draw.integers(0, 10, 2, np.uint8) for one in published.BATCHES}
        sums = {
            one: hashlib.md5(self.pixels[one].tobytes() + self.labels[one].tobytes()).hexdigest()
            for one in published.BATCHES
        }
        train = [one for one in published.BATCHES if one != "test_batch"]
        self.arrays = [
            np.concatenate([self.pixels[one] for one in train]).reshape(-1, 3, 32, 32),
            np.concatenate([self.labels[one] for one in train]),
            self.pixels["test_batch"].reshape(-1, 3, 32, 32),
            self.labels["test_batch"],
        ]
        files = []
        for file, array in zip(stored.FILES["cifar10"], self.arrays, strict=True):
            buffer = io.BytesIO()
            np.save(buffer, array)
            md5 = hashlib.md5(buffer.getvalue()).hexdigest()
            files.append(StoredFile(file.name, array.shape, md5))
        monkeypatch.setitem(stored.FILES, "cifar10", tuple(files))
        for one, md5 in sums.items():
            monkeypatch.setitem(published.BATCHES, one, md5)

    def batch(self, name: str, **more: Any) -> bytes:
        whole = {"data": self.pixels[name], "labels": self.labels[name].tolist(), **more}
        return pickle.dumps(whole)

    def folder(self, root: Path) -> Path:
        (root / FOLDER).mkdir(parents=True)
        for name in published.BATCHES:
            (root / FOLDER / name).write_bytes(self.batch(name, filenames=["a.png", "b.png"]))
        return root / FOLDER

    def archive(self, root: Path, prefix: str = "") -> Path:
        made = self.folder(root / "packing")
        with tarfile.open(root / ARCHIVE, "w:gz") as archive:
            archive.add(made, f"{prefix}{FOLDER}")
        shutil.rmtree(made.parent)
        return root / ARCHIVE

    def check(self, images: ImageSet) -> None:
        found = [images.train_images, images.train_labels, images.test_images, images.test_labels]
        for one, array in zip(found, self.arrays, strict=True):
            np.testing.assert_array_equal(one.numpy(), array)


@pytest.fixture
def cifar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cifar]:
    sources._load.cache_clear()
    yield Cifar(monkeypatch)
    sources._load.cache_clear()


@pytest.mark.parametrize("below", [".", "cifar10", "CIFAR10"])
@pytest.mark.parametrize("lay", [Cifar.folder, Cifar.archive], ids=["folder", "archive"])
def test_cifar10_of_torchvision(
    lay: Callable[[Cifar, Path], Path], below: str, cifar: Cifar, tmp_path: Path
) -> None:
    (tmp_path / below).mkdir(exist_ok=True)
    lay(cifar, tmp_path / below)
    before = tree(tmp_path)
    cifar.check(load("cifar10", tmp_path))
    assert tree(tmp_path) == before


def test_cifar10_otherwise_packed_or_named(cifar: Cifar, tmp_path: Path) -> None:
    cifar.archive(tmp_path, prefix="./")
    cifar.check(load("cifar10", tmp_path))
    folder = cifar.folder(tmp_path / "elsewhere")
    cifar.check(load("cifar10", folder))


def test_archive_stands_in_for_a_damaged_batch(
    cifar: Cifar, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cifar.archive(tmp_path)
    path = cifar.folder(tmp_path) / "data_batch_3"
    path.write_bytes(path.read_bytes()[:-100])
    cifar.check(load("cifar10", tmp_path))
    (line,) = caplog.messages
    assert line.startswith(f"{path.parent} is damaged: data_batch_3: no pickle of arrays: ")


class Hostile:
    """Makes a folder where it is unpickled as pickles usually are."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("lay", [Cifar.folder, Cifar.archive], ids=["folder", "archive"])
def test_hostile_pickle_is_refused(
    lay: Callable[[Cifar, Path], Path],
    cifar: Cifar,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, real = tmp_path / "made", Cifar.batch

    def batch(self: Cifar, name: str, **more: Any) -> bytes:
        return real(self, name, **more, meta=Hostile(made)) if "4" in name else real(self, name)

    monkeypatch.setattr(Cifar, "batch", batch)
    path = lay(cifar, tmp_path)
    with pytest.raises(ValueError, match=r"data_batch_4: .* asks for .*mkdir.* refused") as caught:
        load("cifar10", tmp_path)
    assert str(caught.value).startswith(f"{path} is damaged: ")
    assert not made.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.zeros((2, 3072), np.uint8)}, "the md5 of what it holds is "),
        ({"data": np.zeros((2, 3071), np.uint8)}, "cannot reshape"),
        ({"data": [1, 2]}, "no attribute"),
        ({"labels": 10**9}, "must be an iterable"),
        ({"labels": [1, 256]}, "range"),
        ({"labels": [1, "2"]}, "cannot be interpreted as an integer"),
        ({"labels": [1] * 3}, "cannot reshape"),
    ],
)
def test_batch_of_something_else_is_refused(
    change: dict[str, Any], message: str, cifar: Cifar, tmp_path: Path
) -> None:
    path = cifar.folder(tmp_path) / "test_batch"
    path.write_bytes(cifar.batch("test_batch", **change))
    with pytest.raises(ValueError, match=f"{path.parent} is damaged: test_batch: .*{message}"):
        load("cifar10", tmp_path)


def pack(path: Path, *members: tuple[str, bytes | str]) -> None:
    """A content is a file, a text is what a link points to."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def test_archive_writes_nothing(cifar: Cifar, tmp_path: Path) -> None:
    secret = cifar.folder(tmp_path / "secret") / "test_batch"
    root = tmp_path / "root"
    root.mkdir()
    train = [name for name in published.BATCHES if name != "test_batch"]
    pack(
        root / ARCHIVE,
        ("../escaped", b"1"),
        (str(tmp_path / "absolute"), b"1"),
        *((f"{FOLDER}/{name}", cifar.batch(name)) for name in train),
        (f"{FOLDER}/test_batch", str(secret)),
        (f"{FOLDER}/../{FOLDER}/test_batch", cifar.batch("test_batch")),
    )
    with pytest.raises(ValueError, match=f"{ARCHIVE} has no {FOLDER}/test_batch; remove it"):
        load("cifar10", root)
    assert [path.name for path in root.iterdir()] == [ARCHIVE]
    assert {path.name for path in tmp_path.iterdir()} == {"root", "secret"}


@pytest.mark.parametrize("damage", ["cut short", "no gzip", "empty", "no archive", "altered"])
def test_damaged_archive_is_named(damage: str, cifar: Cifar, tmp_path: Path) -> None:
    path = cifar.archive(tmp_path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    bad = {
        "cut short": whole[:middle],
        "no gzip": b"<html>404</html>",
        "empty": b"",
        "no archive": gzip.compress(b"a" * 5000),
        "altered": whole[:middle] + bytes(9) + whole[middle + 9 :],
    }
    path.write_bytes(bad[damage])
    with pytest.raises(ValueError, match=f"^{path} is damaged: ") as caught:
        load("cifar10", tmp_path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == bad[damage]


def test_member_that_is_too_long_is_refused(
    cifar: Cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "MOST", 20_000)
    pack(tmp_path / ARCHIVE, ("bomb", bytes(20_001)))
    with pytest.raises(ValueError, match="'bomb' is 20001 bytes long"):
        load("cifar10", tmp_path)
