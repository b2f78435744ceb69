"""Works in processes of their own."""

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from processes import alive, eventually
from rich.console import Console

from dl_experiments.artifacts import Status
from dl_experiments.stop import Stopped
from dl_experiments.sweep.progress import Display, Reporter
from dl_experiments.sweep.workers import Died, Pool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes need Linux")


def quiet() -> Display:
    return Display(1000, Console(file=io.StringIO()))


def results(pool: Pool[Any], count: int) -> dict[int, Any]:
    return dict(pool.wait() for _ in range(count))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_work_comes_back_under_its_ticket(workers: int) -> None:
    with Pool[int](quiet(), workers) as pool:
        tickets = [pool.submit(lambda _, n=n: n * n) for n in range(12)]
        assert results(pool, 12) == {ticket: n * n for n, ticket in enumerate(tickets)}


def test_what_is_done_first_comes_first(tmp_path: Path) -> None:
    def slow(_: Reporter) -> str:
        assert eventually((tmp_path / "go").exists)
        return "slow"

    with Pool[str](quiet(), 2) as pool:
        first, second = pool.submit(slow), pool.submit(lambda _: "fast")
        assert pool.wait() == (second, "fast")
        (tmp_path / "go").touch()
        assert pool.wait() == (first, "slow")


def test_no_more_works_than_workers_run_at_once(tmp_path: Path) -> None:
    def work(_: Reporter) -> int:
        own = tmp_path / str(os.getpid())
        own.touch()
        time.sleep(0.05)
        together = len(list(tmp_path.iterdir()))
        own.unlink()
        return together

    with Pool[int](quiet(), 2) as pool:
        for _ in range(8):
            pool.submit(work)
        assert max(results(pool, 8).values()) <= 2


def test_one_worker_is_this_process() -> None:
    with Pool[int](quiet(), 1) as pool:
        pool.submit(lambda _: os.getpid())
        assert pool.wait()[1] == os.getpid()


def test_more_workers_are_a_process_for_each_work() -> None:
    with Pool[int](quiet(), 2) as pool:
        for _ in range(4):
            pool.submit(lambda _: os.getpid())
        assert len({os.getpid(), *results(pool, 4).values()}) == 5


class Unfaithful(Exception):
    """Says something else after a pickle: the text it gets is not the text it gives."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text}\n and more")


class Unreadable(Exception):
    """Cannot be read back from a pickle: it wants two arguments and pickles one."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def raising(error: Exception) -> Callable[[Reporter], None]:
    def work(_: Reporter) -> None:
        raise error

    return work


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_comes_back_as_it_was(workers: int) -> None:
    with Pool[None](quiet(), workers) as pool:
        pool.submit(raising(ValueError("data.size=0 must be positive")))
        error = pool.wait()[1]
    assert type(error) is ValueError
    assert str(error) == "data.size=0 must be positive"


def test_an_exception_from_a_process_tells_where_it_was_raised() -> None:
    with Pool[None](quiet(), 2) as pool:
        pool.submit(raising(ValueError("no")))
        error = pool.wait()[1]
    assert "in work\n" in error.__notes__[0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Unfaithful("this"), "Unfaithful: this and more"),
        (Unreadable("a", "b"), "Unreadable: ab"),
        (ValueError(threading.Lock()), "ValueError: <unlocked _thread.lock object"),
    ],
)
def test_an_exception_that_cannot_be_pickled_comes_as_its_text(error: Exception, text: str) -> None:
    with Pool[None](quiet(), 2) as pool:
        pool.submit(raising(error))
        came = pool.wait()[1]
    assert type(came) is RuntimeError
    assert str(came).startswith(text)


def test_a_result_that_cannot_be_pickled_is_an_error() -> None:
    with Pool[Any](quiet(), 2) as pool:
        pool.submit(lambda _: threading.Lock())
        came = pool.wait()[1]
    assert isinstance(came, Exception)
    assert "pickle" in str(came)


def test_a_killed_worker_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    def patient(_: Reporter) -> str:
        assert eventually((tmp_path / "go").exists)
        return "fine"

    with Pool[Any](quiet(), 2) as pool:
        other = pool.submit(patient)
        victim = pool.submit(lambda _: os.kill(os.getpid(), signal.SIGKILL))
        later = pool.submit(lambda _: "later")
        came = results(pool, 2)
        assert isinstance(came[victim], Died)
        assert came[victim].signal == signal.SIGKILL
        assert came[victim].exit_code is None
        assert "SIGKILL" in str(came[victim])
        assert came[later] == "later"
        (tmp_path / "go").touch()
        assert pool.wait() == (other, "fine")


@pytest.mark.parametrize(("leave", "code"), [(os._exit, 3), (sys.exit, 4)])
def test_a_worker_that_exits_is_told(leave: Callable[[int], None], code: int) -> None:
    with Pool[None](quiet(), 2) as pool:
        pool.submit(lambda _: leave(code))
        died = pool.wait()[1]
    assert isinstance(died, Died)
    assert (died.exit_code, died.signal) == (code, None)


def test_a_worker_killed_in_the_middle_of_a_message_is_told() -> None:
    def work(reporter: Reporter) -> None:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
        while True:
            reporter.say("x" * 10_000_000)  # more than a pipe holds, so mostly under way

    with Pool[None](quiet(), 2) as pool:
        pool.submit(work)
        assert isinstance(pool.wait()[1], Died)


class Recorder:
    """Stands in for a display's unit."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values: self.said.append((name, *values))


@pytest.mark.parametrize("workers", [1, 2])
def test_reports_arrive_in_order_and_at_their_own_unit(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = Status("completed", "id", "now", epoch=200)

    def work(number: int) -> Callable[[Reporter], None]:
        def call(reporter: Reporter) -> None:
            values: Mapping[str, float] = {"train/loss": number}
            reporter.begin(f"unit {number}", number, 200, 7)
            for epoch in range(1, 201):
                reporter.advance(epoch, number / epoch)
            reporter.ended("run", status, 1.5, values)
            reporter.say("a line")
            reporter.failed("another")
            reporter.advance(200.5)

        return call

    units: list[Recorder] = []
    monkeypatch.setattr(Display, "unit", lambda _: units.append(Recorder()) or units[-1])
    with Pool[None](quiet(), workers) as pool:
        for number in (1, 2, 3):
            pool.submit(work(number))
        assert list(results(pool, 3).values()) == [None] * 3
    for number, unit in enumerate(units, start=1):
        others = [words for words in unit.said if words[0] != "advance"]
        assert others == [
            ("begin", f"unit {number}", number, 200, 7),
            ("ended", "run", status, 1.5, {"train/loss": number}),
            ("say", "a line"),
            ("failed", "another"),
            ("close",),
        ]
        epochs = [words[1] for words in unit.said if words[0] == "advance"]
        assert epochs == sorted(epochs)
        before = unit.said[unit.said.index(others[1]) - 1]
        assert before == ("advance", 200, number / 200)  # nothing said before is kept back
        assert unit.said[-2][:2] == ("advance", 200.5)
        if workers > 1:
            assert len(epochs) < 100  # a pipe is not filled with what nobody can see


def test_a_unit_is_closed_however_its_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    units: list[Recorder] = []
    monkeypatch.setattr(Display, "unit", lambda _: units.append(Recorder()) or units[-1])
    with Pool[Any](quiet(), 2) as pool:
        pool.submit(lambda _: os.kill(os.getpid(), signal.SIGKILL))
        pool.submit(raising(ValueError("no")))
        results(pool, 2)
    assert [unit.said for unit in units] == [[("close",)], [("close",)]]


def test_workers_print_while_bars_are_drawn(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Streams are redirected and a thread draws: neither may hang or garble a worker."""
    monkeypatch.setenv("TERM", "xterm")
    display = Display(41, Console(file=io.StringIO(), force_terminal=True, width=120))
    bar = display.unit()
    bar.begin("in this process", 1, 10, 1)

    def work(reporter: Reporter) -> bool:
        reporter.begin("unit", 1, 10, 1)
        print("to stdout")
        print("to stderr", file=sys.stderr)
        return True

    with Pool[bool](display, 4) as pool:
        for _ in range(40):
            pool.submit(work)
        assert all(value is True for value in results(pool, 40).values())
    bar.close()
    display.stop()
    out, err = capfd.readouterr()
    assert out.split("\n") == ["to stdout"] * 40 + [""]
    assert err.split("\n") == ["to stderr"] * 40 + [""]


def test_no_process_survives_the_pool(tmp_path: Path) -> None:
    def work(reporter: Reporter) -> None:
        try:
            (tmp_path / str(os.getpid())).touch()
            while True:
                reporter.advance(1.0)
        except Stopped:
            (tmp_path / f"{os.getpid()}-stopped").touch()
            raise

    with Pool[None](quiet(), 2) as pool:
        for _ in range(4):
            pool.submit(work)
        assert eventually(lambda: len(list(tmp_path.iterdir())) == 2)
        pids = [int(path.name) for path in tmp_path.iterdir()]
    assert not any(alive(pid) for pid in pids)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        name for pid in pids for name in (str(pid), f"{pid}-stopped")
    )
