"""Who may write a run."""

import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import pytest
from holder import holding
from processes import eventually

from dl_experiments import claims, folder, leases, stop
from dl_experiments.claims import CLAIM, Lost, Taken

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes need Linux")

LEASES = ".leases"


@pytest.fixture
def path(tmp_path):
    """A run's folder, not there yet."""
    return tmp_path / "study" / "run"


def files(path):
    """Everything in a study's folder."""
    return sorted(str(file.relative_to(path.parent)) for file in path.parent.rglob("*"))


def elsewhere(path, touched=0.0, duration=leases.LEASE):
    """A claim of another machine, whose lease was touched so many seconds ago."""
    lease = path.parent / LEASES / "other-7-ab"
    lease.parent.mkdir(parents=True, exist_ok=True)
    lease.write_text(
        f"filelock/2\npid=7\nhost=other\nmode=lease\ntoken=ab\nduration={duration!r}\nstart=5\n"
    )
    os.utime(lease, (time.time() - touched,) * 2)
    path.mkdir(exist_ok=True)
    facts = {"version": 1, "token": "ab", "lease": lease.name, "host": "other 1 2", "pid": 7}
    (path / CLAIM).write_text(json.dumps({**facts, "start": "5"}))
    return lease


def test_who_gives_a_run_back_leaves_nothing(path):
    claim = claims.take(path)
    claim.look()
    assert len(files(path)) == 4
    claim.release()
    assert files(path) == ["run"]


def test_a_process_has_one_lease_for_all_its_runs(path):
    held = [claims.take(path.parent / str(number)) for number in range(20)]
    assert len(list((path.parent / LEASES).iterdir())) == 1
    for claim in held[:-1]:
        claim.release()
    held[-1].look()
    assert len(list((path.parent / LEASES).iterdir())) == 1
    held[-1].release()
    assert not (path.parent / LEASES).exists()


def test_a_run_is_one_claim_at_a_time(path):
    claim = claims.take(path)
    with pytest.raises(Taken, match=f"run: process {os.getpid()} on .* is training this run"):
        claims.take(path)
    claim.look()
    claim.release()
    claims.take(path).release()


def test_a_dead_process_of_this_machine_is_known_at_once(path):
    with holding(path) as holder:
        assert not claims.free(path)
        assert not claims.left(path)
        with pytest.raises(Taken, match=f"process {holder.process.pid} on"):
            claims.take(path)
        holder.kill()
        assert claims.left(path)
        assert claims.free(path)
        claim = claims.take(path)
    claim.look()
    claim.release()
    assert files(path) == ["run"]


def test_another_machine_is_dead_when_its_lease_has_not_been_touched(path, monkeypatch):
    monkeypatch.setattr(leases, "LEASE", 0.6)
    monkeypatch.setattr(leases, "HEARTBEAT", 0.2)
    lease = elsewhere(path, duration=0.6)
    for _ in range(10):  # it goes on being touched for longer than a lease
        os.utime(lease)
        assert not claims.free(path)
        assert not claims.left(path)
        time.sleep(0.1)
    assert eventually(lambda: claims.free(path))
    assert claims.left(path)
    claim = claims.take(path)
    claim.look()
    claim.release()
    assert files(path) == ["run"]


def test_a_run_of_a_dead_machine_is_moved_aside_when_its_lease_is_over(path, monkeypatch):
    monkeypatch.setattr(leases, "LEASE", 0.5)
    monkeypatch.setattr(leases, "HEARTBEAT", 0.2)
    lease = elsewhere(path, touched=0.6, duration=0.5)
    (path / "kept").touch()
    seen = []

    def pause(seconds):
        seen.append((path / "kept").exists())
        time.sleep(0.1)

    monkeypatch.setattr(stop, "pause", pause)
    folder.set_aside([path])
    assert len(seen) >= 3
    assert all(seen)
    assert files(path) == [".aside", ".aside/run-1", ".aside/run-1/kept"]
    lease = elsewhere(path, touched=0.0, duration=0.5)
    os.utime(lease, (time.time() + 5,) * 2)
    with pytest.raises(folder.RunTaken, match="process 7 on other is training this run"):
        folder.set_aside([path])  # it lives, and is not waited for


def test_who_may_write_a_study_may_make_leases_in_it(path):
    before = os.umask(0o022)
    try:
        path.parent.mkdir()
        path.parent.chmod(0o2777)
        claim = claims.take(path)
        assert (path.parent / LEASES).stat().st_mode & 0o7777 == 0o2777
        claim.release()
    finally:
        os.umask(before)


def test_a_process_that_does_not_show_itself_goes_by_its_lease(path, monkeypatch):
    """As another user's under hidepid: it may not be taken for dead."""
    with holding(path):
        monkeypatch.setattr(leases, "start", lambda pid: leases.HIDDEN)
        assert not claims.free(path)
        assert not claims.left(path)
        with pytest.raises(Taken):
            claims.take(path)


@pytest.mark.parametrize(("touched", "left"), [(0, False), (20, False), (40, True)])
def test_a_reader_goes_by_the_time_of_the_lease(path, touched, left):
    elsewhere(path, touched)
    assert claims.left(path) is left
    assert len(files(path)) == 4  # a reader leaves everything as it is


def test_whose_run_was_taken_over_sees_it_before_he_writes(path):
    claim = claims.take(path)
    others = json.loads((path / CLAIM).read_text()) | {"token": "another"}
    (path / CLAIM).write_text(json.dumps(others))
    claim.look(60.0)  # a look a moment ago will do
    for spoil in (lambda: None, (path / CLAIM).unlink):
        spoil()
        with pytest.raises(Lost, match="another process has taken this run over"):
            claim.look()
    (path / CLAIM).write_text(json.dumps(others))
    claim.release()
    assert json.loads((path / CLAIM).read_text()) == others


def test_a_lease_that_is_gone_loses_its_runs(path):
    claim = claims.take(path)
    (lease,) = (path.parent / LEASES).iterdir()
    lease.unlink()
    other = claims.take(path)  # nobody keeps the first alive
    other.look()
    with pytest.raises(Lost):
        claim.look()
    claim.release()
    other.look()
    other.release()


@pytest.mark.parametrize("text", ["", '{"version": 1, "tok'])
def test_a_claim_that_was_cut_is_nobodys(path, monkeypatch, text):
    monkeypatch.setattr(claims, "_CUT", 0.1)
    path.mkdir(parents=True)
    (path / CLAIM).write_text(text)
    assert claims.left(path)
    claim = claims.take(path)
    claim.look()
    claim.release()
    assert files(path) == ["run"]


WHOLE = {"version": 1, "token": "ab", "lease": "c-1", "host": "d", "pid": 2**22 + 9, "start": "5"}


@pytest.mark.parametrize(
    "value",
    [
        *([], "x", {}, {"version": 1}, {"version": 2, "token": "a", "lease": "b"}, None),
        *({**WHOLE, "lease": "../run/kept"}, {**WHOLE, "lease": "/etc/passwd"}),
        *({**WHOLE, "token": "../../x"}, {**WHOLE, "lease": ""}, {**WHOLE, "lease": ".."}),
        *({**WHOLE, "pid": "7"}, {**WHOLE, "pid": -1}, {**WHOLE, "pid": True}),
        *({**WHOLE, "start": None}, {**WHOLE, "host": ["d"]}, {**WHOLE, "version": "1"}),
    ],
)
def test_a_claim_of_another_kind_is_refused_in_one_line(path, value):
    path.mkdir(parents=True)
    (path / "kept").touch()
    (path / CLAIM).write_text(json.dumps(value))
    with pytest.raises(ValueError, match=r"\.claim is no claim of this version") as caught:
        claims.take(path)
    assert "\n" not in str(caught.value)
    assert not claims.left(path)
    assert files(path) == ["run", "run/.claim", "run/kept"]
    assert json.loads((path / CLAIM).read_text()) == value


def _often(path, seconds, results):
    """Take a run again and again; nobody else may be in it meanwhile."""
    limit, taken, clashes = time.monotonic() + seconds, 0, 0
    while time.monotonic() < limit:
        try:
            claim = claims.take(path)
        except Taken:
            continue
        taken += 1
        try:
            mark = os.open(path / "inside", os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            clashes += 1
        else:
            os.close(mark)
            claim.look()
            (path / "inside").unlink()
        claim.release()
    results.put((taken, clashes))


def test_of_many_only_one_is_inside(path):
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()
    processes = [fork.Process(target=_often, args=(path, 2.0, results)) for _ in range(4)]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    assert sum(taken for taken, _ in found) > 20
    assert [clashes for _, clashes in found] == [0] * 4
    assert files(path) == ["run"]


def _once(path, start, results):
    start.wait()
    try:
        claims.take(path).look()
        results.put(os.getpid())
    except Taken:
        results.put(None)
    start.wait()  # nobody leaves before all have tried


def test_of_many_who_find_a_dead_owner_one_takes_over(path):
    fork = multiprocessing.get_context("fork")
    for _ in range(4):
        with holding(path) as holder:
            holder.kill()
        start, results = fork.Barrier(4), fork.SimpleQueue()
        processes = [fork.Process(target=_once, args=(path, start, results)) for _ in range(4)]
        for process in processes:
            process.start()
        winners = [results.get() for _ in processes]
        for process in processes:
            process.join()
        assert len([winner for winner in winners if winner]) <= 1
    claims.take(path).release()
    assert files(path) == ["run"]


def test_a_folder_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "study").write_text("no folder")
    with pytest.raises(OSError, match="study"):
        claims.take(tmp_path / "study" / "run")


def test_waiting_for_a_run_ends_when_it_is_given_back(path, monkeypatch):
    with holding(path) as holder:
        monkeypatch.setattr(claims.stop, "pause", lambda seconds: holder.release())
        with claims.held(path) as claim:
            claim.look()
    assert files(path) == ["run"]


def test_it_needs_no_torch():
    code = "import sys; from dl_experiments import claims, stop; assert 'torch' not in sys.modules"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0
    assert Path(claims.__file__).exists()
