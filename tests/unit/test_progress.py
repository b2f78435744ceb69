"""What a person sees of a sweep."""

import io
import re
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.progress import Progress

from dl_experiments.artifacts import Status
from dl_experiments.sweep import progress
from dl_experiments.sweep.progress import Display, Reporter

DONE = Status("completed", "id", "now", epoch=400)


class Clock:
    """Stands in for the time module."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that a test moves; the display draws only when told."""
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(Display, "_tick", lambda _: None)
    return clock


@pytest.fixture
def displays(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Display]]:
    """Stops, at the end of the test, the displays it lists."""
    monkeypatch.setenv("TERM", "xterm")
    listed: list[Display] = []
    yield listed
    for display in listed:
        display.stop()


def made(displays: list[Display], runs: int, terminal: bool = True, width: int = 120) -> Display:
    console = Console(
        file=io.StringIO(),
        force_terminal=terminal,
        width=width,
        get_time=lambda: progress.time.monotonic(),
    )
    displays.append(Display(runs, console))
    return displays[-1]


def text(display: Display) -> str:
    file = display.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def rows(display: Display) -> list[str]:
    """The bars as they stand now."""
    file = display.console.file
    assert isinstance(file, io.StringIO)
    with display.lock:
        file.seek(0)
        file.truncate()
        display._draw()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())
    return [row.strip() for row in plain.split("\n")]


def run(unit: Reporter, name: str) -> None:
    unit.begin(name, 1, 400, 10)
    unit.advance(200.5, 0.3)
    unit.ended(name, DONE, 12.34, {"train/loss": 0.25, "test/loss": 0.123456})
    unit.close()


def test_without_a_terminal_there_is_a_plain_line_a_run(displays: list[Display]) -> None:
    display = made(displays, 3, terminal=False)
    display.say("3 runs")
    for number in range(2):
        run(display.unit(), f"net-{number}")
    display.unit().failed("outputs/x/net-2: ValueError: no")
    display.stop()
    ended = "completed at epoch 400  12.3 s  train/loss 0.25  test/loss 0.1235"
    assert text(display).splitlines() == [
        "3 runs",
        f"[1/3] net-0  {ended}",
        f"[2/3] net-1  {ended}",
        "[3/3] failed  outputs/x/net-2: ValueError: no",
    ]


def test_without_a_terminal_a_stack_is_named_when_it_begins(displays: list[Display]) -> None:
    display = made(displays, 2, terminal=False)
    unit = display.unit()
    unit.begin("model=[deep]", 2, 10, 4)
    unit.ended("net", Status("diverged", "id", "now", epoch=3), 1.0, {})
    unit.close()
    assert text(display).splitlines() == [
        "stack of 2: model=[deep]",
        "[1/2] net  diverged at epoch 3  1.0 s",
    ]


def test_long_lines_are_left_whole_and_as_they_are(displays: list[Display]) -> None:
    display = made(displays, 2, terminal=False, width=20)
    line = "[bold]model=deep[/bold] " * 9
    display.say(line)
    assert text(display) == line + "\n"


def test_on_a_terminal_the_lines_stand_above_the_bars(displays: list[Display]) -> None:
    display = made(displays, 2)
    run(display.unit(), "net-0")
    assert "[1/2] net-0  completed" in text(display)
    assert "sweep" in text(display)
    assert "stack of" not in text(display)


@pytest.mark.usefixtures("clock")
def test_there_is_a_bar_for_the_sweep_and_one_for_each_unit(displays: list[Display]) -> None:
    display = made(displays, 40)
    stack, single = display.unit(), display.unit()
    stack.begin("[deep] lr=0.1", 32, 400, 10)
    single.begin("convnet", 1, 30, 469)
    stack.advance(120.7, 0.0123456)
    sweep, first, second = rows(display)
    assert re.match(r"sweep .* 0/40 runs +0:00:00 elapsed", sweep)
    assert re.match(r"32 × \[deep\] lr=0.1 .* 120/400 epochs .*loss 0.0123$", first)
    assert re.match(r"convnet .* 0/30 epochs +-:--:-- left$", second)
    stack.close()
    stack.close()
    assert [row.split()[0] for row in rows(display)] == ["sweep", "convnet"]


@pytest.mark.usefixtures("clock")
def test_a_single_run_has_one_bar(displays: list[Display]) -> None:
    display = made(displays, 1)
    display.unit().begin("net", 1, 30, 469)
    assert [row.split()[0] for row in rows(display)] == ["net"]


def test_speed_counts_the_updates_of_all_members(displays: list[Display], clock: Clock) -> None:
    display = made(displays, 40)
    unit = display.unit()
    unit.begin("net", 32, 400, 10)
    for second in range(5):  # resumed at epoch 100; 20 epochs a second
        clock.now = 1000.0 + second
        unit.advance(100 + 20 * second)
        row = rows(display)[1]
    assert "180/400 epochs 6.4k steps/s" in row  # 20 · 10 · 32
    assert "0:00:11 left" in row  # 220 / 20


def test_time_left_follows_the_work_of_all_runs(displays: list[Display], clock: Clock) -> None:
    display = made(displays, 80)
    stack, single = display.unit(), display.unit()
    stack.begin("stack", 32, 100, 10)
    single.begin("single", 8, 50, 10)
    clock.now += 60
    stack.advance(50)
    # 1600 of 3600 epochs begun; 40 runs have begun of 80, so 7200 in all
    assert re.search(r"0:01:00 elapsed +0:03:30 left$", rows(display)[0])
    stack.close()
    single.advance(25)
    # 3200 + 200 of 7200
    assert re.search(r"0:01:00 elapsed +0:01:08 left$", rows(display)[0])


def test_what_is_not_known_yet_is_left_open(displays: list[Display], clock: Clock) -> None:
    display = made(displays, 80)
    display.unit().begin("stack", 32, 100, 10)
    clock.now += 60
    assert "-:--:-- left" in rows(display)[0]


@pytest.mark.usefixtures("clock")
def test_on_a_narrow_terminal_titles_give_way_and_numbers_stay(displays: list[Display]) -> None:
    display = made(displays, 40, width=80)
    unit = display.unit()
    unit.begin("a-very-long-name " * 9, 32, 400, 10)
    unit.advance(120, 0.5)
    for row in rows(display):
        assert len(row) <= 80
    assert re.match(r"32 × a.*… .* 120/400 epochs .* left loss 0.5$", rows(display)[1])


def test_bars_stop_once_and_with_the_last_run(
    displays: list[Display], monkeypatch: pytest.MonkeyPatch
) -> None:
    stops: list[int] = []
    stop = Progress.stop
    monkeypatch.setattr(Progress, "stop", lambda self: (stops.append(1), stop(self)))
    display = made(displays, 2)
    run(display.unit(), "net-0")
    assert stops == []
    run(display.unit(), "net-1")
    assert stops == [1]  # restarted bars would overwrite the lines above them
    display.unit().begin("late", 1, 10, 1)
    display.stop()
    display.stop()
    assert stops == [1]
    assert text(display).count("\x1b[?25l") == text(display).count("\x1b[?25h") == 1  # the cursor


def test_bars_move_by_themselves(displays: list[Display]) -> None:
    display = made(displays, 2)
    unit = display.unit()
    unit.begin("net", 1, 10, 1)
    unit.advance(7)
    while "7/10 epochs" not in text(display):
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [(0.5, "0.5"), (999.4, "999"), (999.6, "1k"), (61_234, "61.2k"), (4.5e6, "4.5M"), (2e9, "2G")],
)
def test_speeds_have_three_digits(number: float, words: str) -> None:
    assert progress._short(number) == words
