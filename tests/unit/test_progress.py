"""What a person sees of a sweep."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from dl_experiments.artifacts import Status
from dl_experiments.sweep.progress import Display


def shown(terminal: bool, runs: int = 2) -> str:
    text = io.StringIO()
    display = Display(runs, Console(file=text, force_terminal=terminal, width=120, highlight=False))
    display.say(f"{runs} runs")
    for number in range(runs):
        display.begin(f"net-{number}", max_epochs=10)
        display.heartbeat(2.5)
        display.row(40, 5, {"train/loss": 0.25, "test/loss": 0.5})
        display.end(f"net-{number}", Status("completed", "id", "now", epoch=5))
    return text.getvalue()


def test_without_a_terminal_there_is_a_plain_line_a_run() -> None:
    lines = shown(terminal=False).splitlines()
    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)
    assert lines[1].startswith("[1/2] net-0  completed at epoch 5")
    assert lines[2].endswith("train/loss 0.25  test/loss 0.5")


def test_on_a_terminal_there_are_bars_and_the_lines_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stops = []
    stop = Progress.stop
    monkeypatch.setattr(Progress, "stop", lambda self: (stops.append(1), stop(self)))
    text = shown(terminal=True)
    for part in ("sweep", "run 1 of 2", "run 2 of 2", "train/loss 0.25", "[1/2] net-0", "[2/2]"):
        assert part in text
    assert stops == [1]  # restarted bars would overwrite the lines above them


def test_a_failed_run_is_counted_and_named() -> None:
    text = io.StringIO()
    display = Display(1, Console(file=text, width=120))
    display.begin("net", max_epochs=1)
    display.fail("outputs/x/net: ValueError: no")
    assert text.getvalue() == "[1/1] failed  outputs/x/net: ValueError: no\n"
