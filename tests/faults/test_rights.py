"""Folders that cannot be written: by a second user, or from the middle of a run on."""

import multiprocessing
import os
import shutil
import tempfile
from importlib import import_module
from pathlib import Path

import pytest

from dl_experiments import build, claims
from dl_experiments.callbacks.recorder import Recorder

from .conftest import differing, of

NOBODY = 65534
TINY = ["-m", "model.hidden=[4]", "data.samples=16", "data.batch_size=8", "data.test_samples=5"]
TINY += ["seed=0,1,2", "trainer.max_epochs=6", "trainer.log_every=1", "logger=none"]
TINY += ["sweep.workers=1"]


@pytest.fixture
def shared():
    """A folder that others can reach."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def somebody(lab, shared):
    """``somebody(spoil, words)``: exit code, and what was said, of a command of another user."""
    if os.getuid() != 0:
        pytest.skip("only root can be somebody else")

    def child(spoil, words):
        os.environ["HOME"] = str(shared)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        os.umask(0o022)
        spoil()
        outcome = lab(*words, f"paths.outputs={shared}")
        (shared / "said").write_text(outcome.err)
        os._exit(outcome.code)

    def call(spoil, *words):
        import_module("dl_experiments.sweep.plan")  # which others may have no right to
        process = multiprocessing.get_context("fork").Process(target=child, args=(spoil, words))
        process.start()
        process.join()
        said = shared / "said"
        return process.exitcode, said.read_text() if said.exists() else ""

    return call


def test_a_study_that_another_user_has_closed_is_refused_in_one_line(lab, somebody, shared):
    words = [*TINY, "study=closed", f"paths.outputs={shared}"]
    assert lab(*words).code == 0
    (shared / "closed").chmod(0o700)
    code, said = somebody(lambda: None, *TINY, "study=closed")
    assert code == 2
    assert said.count("\n") == 1
    assert "cannot be read; who has made the study may do so" in said


def test_a_study_that_all_may_write_is_trained_by_all(lab, somebody, shared):
    words = [*TINY, "study=open"]
    (shared / "open").mkdir()
    (shared / "open").chmod(0o777)
    with claims.held(shared / "open" / "mine"):
        assert somebody(lambda: None, *words) == (0, "")
    assert len(list((shared / "open").glob("[!.]*/summary.json"))) == 3


@pytest.mark.parametrize("stack", ["always", "never"])
def test_a_folder_loses_its_rights_in_mid_run(somebody, shared, stack):
    """That run fails in one line, the others go on; put right, the same command ends it."""
    words = [*TINY, f"sweep.stack={stack}"]

    def spoil():
        build.CHECKPOINT_SECONDS = 0.0
        record = Recorder._record

        def recorded(self, task, data):
            record(self, task, data)
            if (task.epoch, task.seed) == (3, 1):
                self.directory.path.chmod(0o500)

        Recorder._record = recorded

    code, said = somebody(spoil, *words, "study=spoiled")
    assert code == 1
    head, line = said.splitlines()
    assert head == "1 of 3 runs failed:"
    assert "-s1-" in line
    assert "Permission denied" in line
    (path,) = (shared / "spoiled").glob("*-s1-*")
    path.chmod(0o755)
    assert somebody(lambda: None, *words, "study=spoiled") == (0, "")
    assert somebody(lambda: None, *words, "study=whole") == (0, "")
    assert differing(shared / "spoiled", shared / "whole") == []


def test_a_second_user_without_rights(somebody, lab, shared):
    """One line, and nothing of the first user's is touched."""
    words = [*TINY, "sweep.stack=never"]
    one = [word for word in words if not word.startswith("seed=")]
    assert lab(*one, "seed=0", f"paths.outputs={shared}").code == 0
    before = {p: p.stat().st_mtime_ns for p in shared.rglob("*")}
    code, said = somebody(lambda: None, *words)
    assert code == 2
    (line,) = said.splitlines()
    assert line.startswith(f"{shared}/adhoc/deep-sinc-s1-")
    assert "cannot be written" in line
    after = {p: p.stat().st_mtime_ns for p in shared.rglob("*") if p.name != "said"}
    assert after == before
    assert len(of(shared / "adhoc")) == 1
