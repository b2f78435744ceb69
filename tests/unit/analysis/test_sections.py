"""The loop over arms: figures numbered, claims and rows told apart, confounded arms undecided."""

from pathlib import Path

import numpy as np
from synthetic import config, worded, write

from dl_experiments.analysis.claims.claim import Region, claim
from dl_experiments.analysis.drawing.style import page
from dl_experiments.analysis.findings import Row
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.replicates import compare
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.analysis.sections import Section, over, put_together


def add(path: Path, seed: int, every: int = 1, **more: object) -> None:
    at = np.arange(0, 13, every)
    write(path, config("adhoc", "deep", "sinc", seed, **more), {"train/loss": 1.0 / (at + 1)}, at)


def section(arm: str, runs: Grid) -> Section:
    figure = page("title", arm, 1, 1, (3, 2))[0]
    estimate = Estimate(1.0, 0.5, 1.5, 5)
    found = [claim("it holds", "an effect", Region(above=0.0), estimate, note="as predicted")]
    drawings = {"curves": ("caption", figure), "nothing": None}
    return Section(drawings, [Row({"runs": f"{len(runs)}"})], found, ["look here."])


def test_one_arm_needs_no_words(tmp_path: Path) -> None:
    for seed in range(2):
        add(tmp_path, seed)
    runs = collect(tmp_path).runs
    found = put_together(runs, [over(arms(runs, []), section)], ["left out."])
    assert [drawing.name for drawing in found.drawings] == ["curves"]
    assert worded(found).to_dict("records") == [{"runs": "2"}]
    assert [(one.statement, one.verdict) for one in found.claims] == [("it holds", "supported")]
    assert found.notes == ["look here.", "left out."]


def test_several_are_told_apart(tmp_path: Path) -> None:
    for rate in (0.1, 0.01):
        add(tmp_path, 0, **{"optimizer.lr": rate})
    runs = collect(tmp_path).runs
    found = put_together(runs, [over(arms(runs, []), section)])
    assert [drawing.name for drawing in found.drawings] == ["curves-1", "curves-2"]
    assert worded(found)["arm"].tolist() == ["lr 0.01", "lr 0.1"]
    assert [one.statement for one in found.claims] == ["it holds (lr 0.01)", "it holds (lr 0.1)"]
    assert found.notes == ["look here."]


def test_where_two_keys_differ_together_there_is_no_verdict(tmp_path: Path) -> None:
    add(tmp_path, 0, **{"optimizer.lr": 0.1, "data.samples": 10})
    add(tmp_path, 0, **{"optimizer.lr": 0.2, "data.samples": 20})
    runs = collect(tmp_path).runs
    found = put_together(runs, [over({"": Grid(runs)}, section)])
    line = "Differing along with data.samples, not told apart: optimizer.lr."
    assert found.notes == [line, "look here."]
    (one,) = found.claims
    assert (one.verdict, one.estimate) == ("inconclusive", 1.0)
    assert one.note == f"{line.rstrip('.')}; as predicted"

    def known(arm: str, runs: Grid) -> Section:
        return Section(claims=section(arm, runs).claims, along=[])

    assert over({"": Grid(runs)}, known).claims[0].verdict == "supported"


def test_records_that_differ_are_compared_where_all_have_one(tmp_path: Path) -> None:
    for seed, every in enumerate((1, 4, 6)):
        add(tmp_path, seed, every)
    runs = collect(tmp_path).runs
    (line,) = compare(runs)
    assert line == (
        "in adhoc runs of 12 epochs were recorded at different ones; what is compared is read at "
        "the 2 that all have"
    )
    assert [run.shared("train/loss")[0].tolist() for run in runs] == [[0, 12]] * 3
    assert [len(run.curve("train/loss")[0]) for run in runs] == [13, 4, 3]


def test_a_run_that_stopped_by_itself_keeps_its_end(tmp_path: Path) -> None:
    target = {"trainer.target_loss": 0.08}
    for seed in range(2):
        add(tmp_path, seed, **target)
    write(
        tmp_path, config("adhoc", "deep", "sinc", 2, **target),
        {"train/loss": np.array([1.0, 0.5, 0.01])}, np.arange(3),
    )  # fmt: skip
    runs = collect(tmp_path).runs
    assert compare(runs) == []
    assert [run.stopped for run in runs] == [True, True, True]
    assert runs[2].shared("train/loss")[0].tolist() == [0, 1, 2]
