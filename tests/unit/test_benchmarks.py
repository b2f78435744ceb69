"""The statistics and the table; never a time."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from benchmarks import command, ours, table
from benchmarks.__main__ import main
from benchmarks.curvature import Problem
from benchmarks.harness import (
    Comparison,
    Contestant,
    NotMeasured,
    Result,
    Row,
    Target,
    measure,
    select,
)
from benchmarks.ours import by_difference, start_and_epoch
from benchmarks.rows import COMPARISONS
from benchmarks.stack import stack
from benchmarks.words import SINC, logged
from dl_experiments.measures import gradients


def row(name: str = "fast", upper: str = "ours", lower: str = "theirs", **more: object) -> Row:
    return Row(name, "ours over theirs", upper, lower, **more)  # type: ignore[arg-type]


def scripted(journal: list[str], **times: list[float]) -> Callable[[bool], dict[str, Contestant]]:
    """Contestants that report given times and note when it was their turn."""

    def contestant(label: str, values: Iterator[float]) -> Contestant:
        def seconds() -> float:
            journal.append(label)
            return next(values)

        return Contestant(seconds, f"{label}'s detail")

    return lambda quick: {key: contestant(key, iter(values)) for key, values in times.items()}


def test_contestants_take_turns_and_a_row_is_the_median_of_the_turns_ratios() -> None:
    journal: list[str] = []
    contestants = scripted(journal, ours=[1.0, 9.0, 3.0], theirs=[2.0, 3.0, 2.0], idle=[])
    (result,) = measure(Comparison([row()], contestants), repetitions=3)
    assert journal == ["ours", "theirs"] * 3  # and who is in no row has no turn
    assert result.ratios == [0.5, 3.0, 1.5]
    assert result.ratio == 1.5
    assert {label: len(shares) for label, shares in result.cores.items()} == {
        "ours": 3,
        "theirs": 3,
    }
    assert (result.median("ours"), result.median("theirs")) == (3.0, 2.0)


def test_a_comparison_may_allow_fewer_turns_and_keeps_them_when_rows_are_selected() -> None:
    comparison = Comparison([row(), row("other")], scripted([], ours=[1.0], theirs=[2.0]), turns=1)
    (chosen,) = select([comparison], ["fast"])
    (result,) = measure(chosen, repetitions=3)
    assert result.ratios == [0.5]


def test_what_comes_once_has_columns_of_its_own() -> None:
    made = {
        "ours": Contestant(lambda: 0.1, "8 models", lambda: {"start-up": 2.0, "compiling": 1.5}),
        "basic": Contestant(lambda: 0.4, "2 models", lambda: {"start-up": 3.0}),
        "loop": Contestant(lambda: 0.2, "1 thread"),
    }
    rows = [row("sweep", "basic", "ours"), row("loop", "loop", "ours")]
    sweep, loop = measure(Comparison(rows, lambda quick: made), repetitions=1)
    assert table.once(sweep) == ["basic 3 s / ours 2 s", "ours 1.5 s"]
    assert table.once(loop) == ["ours 2 s", "ours 1.5 s"]
    assert "| ours 2 s | ours 1.5 s |" in table.markdown([loop], {})
    assert loop.once == {"ours": {"start-up": 2.0, "compiling": 1.5}}
    assert "cores, start-up 2 s, compiling 1.5 s)" in table.notes([loop])[0]
    kept = json.loads(table.as_json([loop], {}, "now"))
    assert kept["rows"][0]["once"] == {"ours": {"start-up": 2.0, "compiling": 1.5}}


def test_rows_of_one_comparison_share_its_measurements() -> None:
    contestants = scripted([], ours=[1.0], theirs=[2.0], fused=[4.0])
    rows = [row(), row("fused", "fused", "ours")]
    first, second = measure(Comparison(rows, contestants), repetitions=1)
    assert (first.ratio, second.ratio) == (0.5, 4.0)


@pytest.mark.parametrize(
    ("target", "ratio", "met"),
    [
        (Target("at most", 1.3), 1.3, True),
        (Target("at most", 1.3), 1.31, False),
        (Target("at least", 4), 4.0, True),
        (Target("at least", 4), 3.9, False),
        (None, 1.0, None),
    ],
)
def test_a_target_is_met_up_to_its_limit(
    target: Target | None, ratio: float, met: bool | None
) -> None:
    assert Result(row(target=target), {"ours": [ratio], "theirs": [1.0]}).met is met


def test_what_cannot_be_measured_says_why() -> None:
    def refuse(quick: bool) -> dict[str, Contestant]:
        raise NotMeasured("there is one core")

    (result,) = measure(Comparison([row(target=Target("at most", 1))], refuse), repetitions=2)
    assert (result.ratio, result.met, result.ratios) == (None, None, [])
    assert "not measured" in table.cells(result)
    assert table.notes([result]) == ["fast: ours over theirs. Not measured: there is one core."]


def test_select_keeps_the_named_rows_and_refuses_an_unknown_name() -> None:
    comparisons = [Comparison([row("a"), row("b")], dict), Comparison([row("c")], dict)]
    assert [r.name for c in select(comparisons, []) for r in c.rows] == ["a", "b", "c"]
    assert [r.name for c in select(comparisons, ["b"]) for r in c.rows] == ["b"]
    with pytest.raises(ValueError, match="no row 'd'; choose of a, b, c"):
        select(comparisons, ["d"])


def test_registered_rows_have_names_of_their_own() -> None:
    names = [row.name for comparison in COMPARISONS for row in comparison.rows]
    assert len(set(names)) == len(names)


def test_the_difference_of_two_trainings_takes_off_what_comes_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0

    def train(epochs: int) -> None:
        nonlocal now
        now += 100.0 + 0.5 * epochs

    monkeypatch.setattr("benchmarks.ours.time.perf_counter", lambda: now)
    assert math.isclose(by_difference(train, 2, 10), 0.5)
    start, epoch = start_and_epoch(train, 2, 10)
    assert math.isclose(start, 100.0)
    assert math.isclose(epoch, 0.5)


def test_a_longer_training_that_took_less_time_is_no_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([0.0, 3.0, 3.0, 5.0])
    monkeypatch.setattr("benchmarks.ours.time.perf_counter", lambda: next(times))
    with pytest.raises(NotMeasured, match=r"10 epochs took 2.00 s and 2 took 3.00 s"):
        by_difference(lambda epochs: None, 2, 10)


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (0.0421, "42.1 ms"), (0.0001234, "123 µs")]
)
def test_durations_have_three_digits_and_a_unit(seconds: float, text: str) -> None:
    assert table.duration(seconds) == text


def test_notes_say_how_many_cores_a_contestant_got() -> None:
    seconds = {"ours": [1.0] * 3, "theirs": [1.0] * 3}
    details = {"ours": "2 threads", "theirs": "1 thread"}
    cores = {"ours": [0.6, 0.9, 0.7], "theirs": [1.0] * 3}
    (note,) = table.notes([Result(row(), seconds, details, cores)])
    assert note.endswith("(ours: 2 threads, got 0.70 cores; theirs: 1 thread, got 1.00 cores)")


def test_the_table_shows_ratio_spread_target_and_times() -> None:
    seconds = {"ours": [0.001, 0.003, 0.002], "theirs": [0.001, 0.001, 0.001]}
    result = Result(row(target=Target("at most", 1.3)), seconds, {"ours": "1 thread"})
    expected = ["fast", "2.00", "1.00–3.00", "≤ 1.3", "no", "ours 2 ms / theirs 1 ms"]
    assert table.cells(result) == expected
    assert "| " + " | ".join(expected) + " | " in table.markdown([result], {"cores": "2"})
    console = Console(width=80)
    with console.capture() as capture:
        console.print(table.terminal([result]))
    assert all(cell in capture.get() for cell in expected)


@pytest.fixture
def threads() -> Iterator[None]:
    """Trainings choose the process's number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_the_command_measures_prints_and_keeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sinc-step", "sinc-fused", "--quick", "--repetitions", "1"]
    main([*arguments, "--results", str(tmp_path)])
    printed = capsys.readouterr().out
    (kept,) = tmp_path.glob("*.json")
    content = json.loads(kept.read_text(encoding="utf-8"))
    assert [r["name"] for r in content["rows"]] == ["sinc-step", "sinc-fused"]
    assert {"processor", "cores", "torch"} <= set(content["machine"])
    assert "sinc-step" in printed
    assert "| sinc-step |" in (tmp_path / "latest.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("epochs", "every"), [(1, 1), (200, 1), (201, 2), (1000, 5), (1400, 7)])
def test_logged_keeps_about_two_hundred_rows(epochs: int, every: int) -> None:
    assert logged(epochs) == f"trainer.log_every={every}"


def test_a_sweep_is_a_command_and_its_time_is_shared_by_models_and_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, calls = 0.0, []

    def python(arguments: list[str], **environment: str) -> str:
        nonlocal now
        if arguments[0] == "-c":
            assert Path(environment["XDG_CACHE_HOME"]).is_dir()
            return "True 1.5\n"
        calls.append(arguments)
        said = dict(word.split("=", 1) for word in arguments[2:])
        now += 5.0 + 0.25 * int(said["trainer.max_epochs"])
        for number in range(4):
            run = Path(said["paths.outputs"]) / "adhoc" / str(number)
            run.mkdir(parents=True)
            (run / "summary.json").touch()
        return ""

    monkeypatch.setattr(command, "_python", python)
    monkeypatch.setattr(ours.time, "perf_counter", lambda: now)
    sweep = command.command(SINC, 4, 2, 10, compiles=True)
    assert math.isclose(sweep.seconds(), 0.25 / 8 / 4)  # 8 batches
    assert sweep.once() == {"start-up": 5.0, "compiling": 1.5}
    assert calls[0][:2] == ["train.py", "-m"]
    assert set(SINC) < set(calls[0])
    assert "seed=range(0,4)" in calls[0]
    assert "trainer.max_epochs=10" in calls[1]


def test_a_command_that_fails_says_what_it_said() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)exited with 1: .*ValueError: no"):
        command._python(["-c", "raise ValueError('no')"])


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("members", [1, 2])
def test_a_stack_is_timed_between_two_epochs(members: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([3.0, 3.5])
    monkeypatch.setattr("benchmarks.stack.time", SimpleNamespace(perf_counter=clock.__next__))
    timed = stack([*SINC, "trainer.log_every=1"], members, 1, 3)
    assert math.isclose(timed.seconds(), 0.5 / 2 / 8 / members)
    assert next(clock, None) is None


def test_the_command_refuses_an_unknown_row(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fast"])
    assert "there is no row 'fast'" in capsys.readouterr().err


def test_plain_autograd_differentiates_the_same_loss() -> None:
    problem = Problem([*SINC, "data.samples=20", "batch_size=full"], 2)
    parameters, gradient = problem.gradient_by_autograd()
    assert len(parameters) == 16
    flat = torch.cat([part.flatten() for part in gradient])
    ours_ = gradients.gradient(problem.loss, problem.thetas[-1])
    assert (flat - ours_).abs().max() <= 1e-12 * ours_.abs().max()
