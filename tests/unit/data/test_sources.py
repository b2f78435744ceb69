"""Loading from the cache, and the data sets themselves."""

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import Tiny, left, never, use

from dl_experiments.data import fetch, stored
from dl_experiments.data.images import ImageData
from dl_experiments.data.sources import CLASSES, SHAPES, SIZES, load

SHARED = os.environ.get("DL_EXPERIMENTS_DATA") or "~/.cache/dl_experiments"


# The file format


@pytest.mark.parametrize("shape", [(7,), (50000, 3, 2, 2)])
def test_npy_is_what_numpy_writes_today(shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint64).astype(np.uint8).reshape(shape)
    buffer = io.BytesIO()
    np.save(buffer, array)
    assert stored.npy(array).tobytes() == buffer.getvalue()


# Loading


def test_load_reads_once_a_process(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny.place(tmp_path)
    use(monkeypatch, never=never)
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    images = load("mnist", tmp_path)
    assert images.train_images.shape == (3, 1, 28, 28)
    assert images.train_images.dtype == torch.uint8
    assert images.test_labels.tolist() == list(tiny.content["t10k-labels-idx1-ubyte"][8:])
    assert images.test_labels.dtype == torch.int64
    path.unlink()
    assert load("mnist", f"~/{tmp_path.name}") is images


@pytest.mark.parametrize("damage", ["truncated", "altered", "empty"])
def test_damaged_file_is_named_and_kept(
    damage: str, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, never=never)
    path = tiny.place(tmp_path)
    whole = path.read_bytes()
    bad = {"truncated": whole[:-9], "altered": whole[:-1] + b"\xff", "empty": b""}[damage]
    path.write_bytes(bad)
    (path.parent / tiny.files[3].name).unlink()  # damage comes before what is missing
    with pytest.raises(ValueError, match="is damaged") as caught:
        load("mnist", tmp_path)
    message = str(caught.value)
    for part in (str(path), hashlib.md5(bad).hexdigest(), str(tiny.files[0].md5), "delete it"):
        assert part in message
    assert "\n" not in message
    assert path.read_bytes() == bad


def test_only_what_is_missing_is_fetched(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny.place(tmp_path)
    other = path.parent / tiny.files[1].name
    other.unlink()
    before = path.stat()
    use(monkeypatch, good=tiny.deliver)
    load("mnist", tmp_path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert other.exists()


def test_folder_that_cannot_be_written_serves_when_it_has_the_data(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.place(tmp_path)
    monkeypatch.setattr(fetch, "FileLock", None)
    assert len(load("mnist", tmp_path).train_labels) == 3
    assert left(tmp_path) == {"mnist"}


@pytest.mark.parametrize("root", ["/proc", "/proc/nowhere", "/sys"])
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a read-only file system")
def test_folder_that_cannot_be_written(root: str) -> None:
    with pytest.raises(ValueError, match=f"^paths.data={root} cannot be written .* mnist is not"):
        load("mnist", root)


@pytest.mark.parametrize("root", ["~no-such-user/data", "~no-such-user"])
def test_a_home_folder_that_is_not_there(root: str) -> None:
    with pytest.raises(ValueError, match=f"^paths.data={root}: there is no such home folder"):
        load("mnist", root)
    digits = ImageData("digits", root, None, 8, 0)  # which needs no folder
    assert len(digits.read().train_labels) == 1437


@pytest.mark.parametrize("below", ["", "mnist", "deep/er"])
def test_root_is_a_file(below: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    file = root / below if below == "mnist" else tmp_path / "file"
    file.touch()
    asked = root if below == "mnist" else file / below
    with pytest.raises(ValueError, match=f"^paths.data={asked}[: ].*(must be a|give a) folder"):
        load("mnist", asked)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="'minst'; choose one of mnist, fashion_mnist, cifar10, d"):
        load("minst", "unused")


# The real sets


def test_digits(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    digits = load("digits", tmp_path / "unused")
    truth = load_digits()
    images = torch.cat([digits.train_images, digits.test_images])
    labels = torch.cat([digits.train_labels, digits.test_labels])
    assert images.dtype == torch.uint8
    assert labels.tolist() == truth.target.tolist()
    assert (images[:, 0].double() - torch.from_numpy(truth.images) * 255 / 16).abs().max() <= 0.5
    assert (images.min(), images.max()) == (0, 255)
    assert digits.test_labels.bincount().tolist() == [35, 36, 35, 37, 37, 37, 37, 36, 33, 37]
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("name", ["digits", "mnist", "cifar10"])
def test_tables_agree_with_the_data(name: str) -> None:
    images = load(name, SHARED)
    assert images.train_images.shape == (SIZES[name][0], *SHAPES[name])
    assert images.test_images.shape == (SIZES[name][1], *SHAPES[name])
    assert images.train_labels.shape == (SIZES[name][0],)
    assert images.test_labels.shape == (SIZES[name][1],)
    for labels in (images.train_labels, images.test_labels):
        assert labels.dtype == torch.int64
        assert sorted(set(labels.tolist())) == list(range(CLASSES[name]))


@pytest.mark.parametrize("name", list(stored.FILES))
def test_stored_shapes_agree_with_the_tables(name: str) -> None:
    (train, _, test, _), (channels, *size) = stored.FILES[name], SHAPES[name]
    channel = (channels,) if name == "cifar10" else ()
    assert (train.shape, test.shape) == tuple((n, *channel, *size) for n in SIZES[name])


def test_mnist_is_mnist() -> None:
    mnist = load("mnist", SHARED)
    assert mnist.train_labels.bincount().tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949
    ]  # fmt: skip
    assert mnist.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist.train_images.double().mean().item() / 255 == pytest.approx(0.1307, abs=5e-5)


def test_cifar10_is_cifar10() -> None:
    cifar10 = load("cifar10", SHARED)
    assert cifar10.train_labels.bincount().tolist() == [5000] * 10
    assert cifar10.test_labels.bincount().tolist() == [1000] * 10
    assert cifar10.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert cifar10.test_labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    assert cifar10.train_images[0, :, 0, :2].T.tolist() == [[59, 62, 63], [43, 46, 45]]
    means = cifar10.train_images.transpose(0, 1).flatten(1).double().mean(1) / 255
    assert means.tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
