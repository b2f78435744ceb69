"""Real processes, real signals: what becomes of workers when somebody is interrupted or killed."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import PATIENCE, alive, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes need Linux")

ROOT = Path(__file__).parents[2]
SCRIPT = """
import atexit, fcntl, io, os, signal, sys, time
from pathlib import Path
from rich.console import Console
from dl_experiments.sweep.progress import Display
from dl_experiments.sweep.workers import Pool

signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
atexit.register(lambda: print("at exit", os.getpid()))
sys.stdout.write("begun ")  # stays in the buffer

def work(number):
    def call(reporter):
        lock = open(folder / f"lock-{number}", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        interrupts = 0
        while True:
            try:
                (folder / f"pid-{os.getpid()}").touch()
                while True:
                    reporter.advance(1.0)
                    if interrupts and time.monotonic() > over:
                        (folder / f"interrupts-{number}").write_text(str(interrupts))
                        raise KeyboardInterrupt
                    time.sleep(0.001)
            except KeyboardInterrupt:
                if interrupts and time.monotonic() > over:
                    raise
                interrupts += 1
                over = time.monotonic() + 1.0
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


@pytest.fixture
def script(tmp_path: Path) -> Any:
    """A process with two workers at work, leader of a group of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert eventually(lambda: len(pids(tmp_path)) == 2 or process.poll() is not None)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def pids(folder: Path) -> list[int]:
    return [int(path.name[4:]) for path in folder.glob("pid-*")]


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the parent", "to the group"])
def test_every_worker_is_interrupted_once_and_ends_in_peace(
    send: Callable[[int, int], None], script: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    for _ in range(3):  # somebody is impatient
        send(script.pid, signal.SIGINT)
        time.sleep(0.1)
    out, err = script.communicate(timeout=PATIENCE)
    assert err == ""
    # Once each of what was written, and said, before the fork; the works in the queue never ran.
    assert out == f"begun interrupted [True, True]\nat exit {script.pid}\n"
    written = {path.name: path.read_text() for path in tmp_path.glob("interrupts-*")}
    assert written == {"interrupts-0": "1", "interrupts-1": "1"}


def test_an_interrupted_worker_interrupts_the_sweep(
    script: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    os.kill(pids(tmp_path)[0], signal.SIGINT)
    out, err = script.communicate(timeout=PATIENCE)
    assert err == ""
    assert "interrupted [True, True]" in out
    written = {path.name: path.read_text() for path in tmp_path.glob("interrupts-*")}
    assert written == {"interrupts-0": "1", "interrupts-1": "1"}


def test_workers_die_with_their_parent_and_leave_no_lock(
    script: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    workers = pids(tmp_path)
    assert all(alive(pid) for pid in workers)
    script.kill()
    assert eventually(lambda: not any(alive(pid) for pid in workers))
    for number in (0, 1):
        with (tmp_path / f"lock-{number}").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not list(tmp_path.glob("interrupts-*"))
