"""A worker is killed just before some file operation; nothing is lost or different."""

import multiprocessing
import os
import signal
import sys

import pytest

from dl_experiments import build

from .conftest import differing, left_over

TINY = ["model.hidden=[4]", "data.samples=16", "data.batch_size=8", "data.test_samples=5"]
STACK = ["-m", *TINY, "seed=0,1,2", "trainer.max_epochs=4", "trainer.log_every=1"]
STACK += ["callbacks.snapshots.schedule=ends", "sweep.stack=always", "logger=none"]
MINIMAL = ["experiment=hw1_2_minimal_ratio", "scale=smoke", "seed=0,1,2,3", "logger=none"]
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.truncate")


class Killer:
    """An audit hook that counts what a worker does to files below a folder, and kills it once."""

    def __init__(self, folder, at, once, count):
        self.folder, self.at, self.once, self.count = str(folder), at, once, count
        self.main, self.seen = os.getpid(), 0

    def __call__(self, event, arguments):
        if event not in EVENTS or os.getpid() == self.main:
            return
        path = arguments[0]
        if not isinstance(path, str | os.PathLike) or not os.fspath(path).startswith(self.folder):
            return
        if event == "open" and isinstance(arguments[1], str) and "r" in arguments[1]:
            return
        self.seen += 1
        if self.at == 0:
            with open(self.count, "w") as file:
                file.write(str(self.seen))
        elif self.seen == self.at:
            try:
                os.close(os.open(self.once, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)


def child(lab, words, folder, at, tmp_path):
    build.CHECKPOINT_SECONDS = 0.0
    sys.addaudithook(Killer(folder, at, tmp_path / f"once-{folder.name}", tmp_path / "count"))
    outcome = lab(*words, f"study={folder.name}")
    (tmp_path / "said").write_text(outcome.out + outcome.err)
    os._exit(outcome.code)


@pytest.mark.parametrize(
    ("words", "each"), [(STACK, 1), (MINIMAL, 5)], ids=["stack", "minimal ratio"]
)
def test_a_kill_before_any_file_operation_of_a_worker(lab, outputs, tmp_path, words, each):
    """Before each of a stack, each fifth of a minimal ratio, which has some five hundred."""
    # A second unit, so that works have processes of their own.
    words = [*words, "sweep.workers=2", *(["model.hidden=[4],[5]"] if words is STACK else [])]

    def call(name, at):
        arguments = (lab, words, outputs / name, at, tmp_path)
        process = multiprocessing.get_context("fork").Process(target=child, args=arguments)
        process.start()
        process.join()
        assert process.exitcode == 0, (at, (tmp_path / "said").read_text())

    call("whole", 0)
    operations = int((tmp_path / "count").read_text())
    assert operations > 40
    wrong = {}
    for at in range(1, operations + 1, each):
        call(f"at{at}", at)
        found = differing(outputs / f"at{at}", outputs / "whole")
        if found := found + left_over(outputs / f"at{at}"):
            wrong[at] = found
    print(f"{operations} file operations")
    assert wrong == {}
