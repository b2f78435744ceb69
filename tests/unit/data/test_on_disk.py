"""Sets of MNIST's format on disk as torchvision leaves them, or as they are published."""

import gzip
from pathlib import Path

import pytest
from tiny import Tiny, never, tree, use

from dl_experiments.data import fetch
from dl_experiments.data.sources import DataUnavailable, ImageSet, load

FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}


@pytest.fixture(autouse=True)
def nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, never=never)


def lay(tiny: Tiny, folder: Path, packed: bool) -> None:
    folder.mkdir(parents=True)
    for name, content in tiny.content.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)


def is_tiny(images: ImageSet, tiny: Tiny) -> None:
    train, _, _, labels = (tiny.content[file.name] for file in tiny.files)
    assert images.train_images.numpy().tobytes() == train[16:]
    assert images.test_labels.tolist() == list(labels[8:])


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
@pytest.mark.parametrize("below", [".", "{name}", "{folder}"])
@pytest.mark.parametrize("name", FOLDERS)
def test_idx_files_of_torchvision(
    name: str, below: str, packed: bool, tiny: Tiny, tmp_path: Path
) -> None:
    folder = FOLDERS[name]
    lay(tiny, tmp_path / below.format(name=name, folder=folder) / folder / "raw", packed)
    before = tree(tmp_path)
    is_tiny(load(name, tmp_path), tiny)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("root", ["MNIST", "MNIST/raw"])
def test_root_may_be_torchvisions_own_folder(root: str, tiny: Tiny, tmp_path: Path) -> None:
    lay(tiny, tmp_path / "MNIST" / "raw", packed=True)
    is_tiny(load("mnist", tmp_path / root), tiny)


def test_folder_beside_the_root_is_not_looked_into(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tiny, tmp_path / "MNIST" / "raw", packed=True)
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(fetch, "ROUTES", {})
    with pytest.raises(DataUnavailable):
        load("mnist", tmp_path / "other")


def test_packed_files_placed_by_hand_as_the_message_asks(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "ROUTES", {})
    with pytest.raises(DataUnavailable) as caught:
        load("mnist", tmp_path)
    names = ", ".join(f"{name}.gz" for name in tiny.content)
    assert str(caught.value).endswith(f"put {names} into {tmp_path / 'mnist'}")
    lay(tiny, tmp_path / "mnist", packed=True)
    is_tiny(load("mnist", tmp_path), tiny)


def test_folder_that_cannot_be_written(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tiny, tmp_path / "MNIST" / "raw", packed=False)
    monkeypatch.setattr(fetch, "FileLock", None)
    monkeypatch.setattr(Path, "mkdir", None)
    is_tiny(load("mnist", tmp_path), tiny)


def test_cache_comes_first_and_the_rest_is_filled_up(tiny: Tiny, tmp_path: Path) -> None:
    path = tiny.place(tmp_path)
    lay(tiny, tmp_path / "MNIST" / "raw", packed=True)
    (tmp_path / "MNIST" / "raw" / f"{path.name}.gz").write_bytes(b"never looked at")
    (path.parent / tiny.files[1].name).unlink()
    is_tiny(load("mnist", tmp_path), tiny)


def test_only_what_is_nowhere_is_fetched(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tiny, tmp_path / "MNIST" / "raw", packed=True)
    (tmp_path / "MNIST" / "raw" / f"{tiny.files[2].name}.gz").unlink()
    use(monkeypatch, good=tiny.deliver)
    is_tiny(load("mnist", tmp_path), tiny)


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
@pytest.mark.parametrize("damage", ["cut short", "altered", "empty", "longer"])
def test_damaged_idx_file_is_named(damage: str, packed: bool, tiny: Tiny, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    lay(tiny, raw, packed)
    path = raw / (tiny.files[2].name + ".gz" * packed)
    whole = path.read_bytes()
    altered = whole[:-60] + bytes(byte ^ 1 for byte in whole[-60:-50]) + whole[-50:]
    bad = {"cut short": whole[:-9], "altered": altered, "empty": b"", "longer": whole + b"\0a"}
    path.write_bytes(bad[damage])
    with pytest.raises(ValueError, match="is damaged: ") as caught:
        load("mnist", tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{path} is damaged: ")
    assert message.endswith("; remove it and mnist is fetched, or set paths.data")
    assert "\n" not in message
    assert path.read_bytes() == bad[damage]


def test_whole_file_stands_in_for_a_damaged_one(
    tiny: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    lay(tiny, raw, packed=True)
    path = raw / tiny.files[0].name
    path.write_bytes(b"unpacked by half")
    is_tiny(load("mnist", tmp_path), tiny)
    (line,) = caplog.messages
    assert line.startswith(f"{path} is damaged: its md5 is ")


def test_no_more_is_unpacked_than_a_file_can_hold(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    lay(tiny, raw, packed=True)
    path = raw / f"{tiny.files[0].name}.gz"
    path.write_bytes(gzip.compress(bytes(2**24)))
    read: list[int] = []
    real = gzip.GzipFile.read

    def reads(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        content = real(self, size)
        read.append(len(content))
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", reads)
    with pytest.raises(ValueError, match="is damaged"):
        load("mnist", tmp_path)
    assert max(read) == tiny.files[0].size + 1
