"""Real processes, real signals: what becomes of workers when somebody is interrupted or killed."""

import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import Running
from processes import PATIENCE, alive, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes need Linux")

SCRIPT = """
import atexit, fcntl, io, os, signal, sys, time
from pathlib import Path
from rich.console import Console
from dl_experiments import stop
from dl_experiments.stop import Stopped
from dl_experiments.sweep.progress import Display
from dl_experiments.sweep.workers import Pool

signal.signal(signal.SIGINT, signal.default_int_handler)
folder, kind = Path(sys.argv[1]), sys.argv[2]
atexit.register(lambda: print("at exit", os.getpid()))
sys.stdout.write("begun ")  # stays in the buffer

class Slow:
    def __del__(self):
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            pass

def work(number):
    def call(reporter):
        lock = open(folder / f"lock-{number}", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / f"pid-{os.getpid()}").touch()
        try:
            while True:
                Slow()  # nothing may be raised in there, where it would be lost
                if kind == "patient":
                    reporter.advance(1.0)
                elif stop.asked():
                    (folder / f"asked-{number}").touch()
        except Stopped:
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                reporter.say("the last thing to be done")
            (folder / f"stopped-{number}").touch()
            raise
    return call

with Pool(Display(4, Console(file=io.StringIO())), 2) as pool:
    try:
        for number in range(4):
            pool.submit(work(number))
        pool.wait()
    except KeyboardInterrupt:
        gone = [not Path(f"/proc/{p.name[4:]}").exists() for p in folder.glob("pid-*")]
        print("interrupted", gone)
"""
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
TO = pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the parent", "to the group"])


@pytest.fixture
def script(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    """A process with two workers at work, leader of a group of its own."""
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    running = Running(file, str(tmp_path), getattr(request, "param", "patient"), cwd=tmp_path)
    try:
        assert eventually(lambda: len(pids(tmp_path)) == 2 or not running.is_alive())
        yield running
    finally:
        running.close()


def pids(folder: Path) -> list[int]:
    return [int(path.name[4:]) for path in folder.glob("pid-*")]


def stopped(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("stopped-*"))


@TO
@pytest.mark.parametrize("sent", SIGNALS)
def test_a_signal_ends_every_worker_in_peace(
    send: Callable[[int, int], None],
    sent: int,
    script: Running,
    tmp_path: Path,
) -> None:
    send(script.pid, sent)
    said = script.end(PATIENCE)
    assert said.stderr == ""
    # Once each of what was written, and said, before the fork; the works in the queue never ran.
    assert said.stdout == f"begun interrupted [True, True]\nat exit {script.pid}\n"
    assert stopped(tmp_path) == ["stopped-0", "stopped-1"]


@TO
@pytest.mark.parametrize("script", ["deaf"], indirect=True)
def test_a_second_signal_ends_workers_that_come_to_no_point(
    send: Callable[[int, int], None], script: Running, tmp_path: Path
) -> None:
    send(script.pid, signal.SIGINT)
    assert eventually(lambda: len(list(tmp_path.glob("asked-*"))) == 2)
    assert all(alive(pid) for pid in pids(tmp_path))
    send(script.pid, signal.SIGINT)
    said = script.end(PATIENCE)
    assert said.stderr == ""
    assert "interrupted [True, True]" in said.stdout
    assert stopped(tmp_path) == []


def test_an_interrupted_worker_interrupts_the_sweep(script: Running, tmp_path: Path) -> None:
    os.kill(pids(tmp_path)[0], signal.SIGTERM)
    said = script.end(PATIENCE)
    assert said.stderr == ""
    assert "interrupted [True, True]" in said.stdout
    assert stopped(tmp_path) == ["stopped-0", "stopped-1"]


def test_workers_die_with_their_parent_and_leave_no_lock(script: Running, tmp_path: Path) -> None:
    workers = pids(tmp_path)
    assert all(alive(pid) for pid in workers)
    os.kill(script.pid, signal.SIGKILL)
    assert eventually(lambda: not any(alive(pid) for pid in workers))
    for number in (0, 1):
        with (tmp_path / f"lock-{number}").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert stopped(tmp_path) == []
