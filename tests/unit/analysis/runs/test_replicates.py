"""What counts as a seed, of studies whose every run is written here."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from synthetic import image_run

from dl_experiments.analysis.pipeline import analyze
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.replicates import mixed, one_each
from dl_experiments.analysis.runs.swept import swept_keys
from dl_experiments.artifacts import RunDirectory, write_json

TENSORS = ("training inputs", "training targets", "test inputs", "test targets")


def trained(path: Path, seed: int, at: int = 0, model: str = "deep", **more: Any) -> RunDirectory:
    """A run of the study; ``at``: the minute of the hour at which it began and ended."""
    more = {"epochs": 3, "study": "mine", "trainer.max_epochs": 3} | more
    record = more.pop("record", None)
    files = image_run(path, model, "mnist", seed, **more)
    status = json.loads(files.status.read_text())
    time = f"2026-01-01T00:{at:02d}:00"
    write_json(files.status, status | {"started_at": time, "finished_at": time})
    if record is not None:
        write_json(files.provenance, record)
    return files


def record(data: str = "a", by: int | None = None, targets: str | None = None, code: str = "c"):
    """As ``dl_experiments.record`` writes it: all tensors of version ``data``."""
    tensors = dict.fromkeys(TENSORS, data) | {"training targets": targets or data}
    return {"data": {"key": "k", "seed": by} | tensors, "code": {"my.Net": code}}


def counted(path: Path) -> tuple[list[int], list[str]]:
    """The seeds that count, and the lines on those that do not."""
    kept, lines = one_each(collect(path).runs)
    return sorted(run.seed for run in kept), lines


def test_a_copy_is_named_and_the_folder_of_its_own_name_counts(tmp_path):
    files = trained(tmp_path, 0)
    trained(tmp_path, 1)
    copy = files.path.with_name(files.path.name + "-old")
    shutil.copytree(files.path, copy)
    kept, lines = one_each(collect(tmp_path).runs)
    assert [run.path.name for run in kept if run.seed == 0] == [files.path.name]
    assert lines == [f"mine: second directories of runs that count: {copy.name}"]


def test_of_copies_under_other_names_the_later_counts(tmp_path):
    files = trained(tmp_path, 0, at=1)
    for name, at in (("first", 5), ("second", 9), ("third", 7)):
        copy = RunDirectory(shutil.copytree(files.path, files.path.with_name(name)))
        status = json.loads(copy.status.read_text())
        write_json(copy.status, status | {"finished_at": f"2026-01-01T00:{at:02d}:00"})
    shutil.rmtree(files.path)
    kept, _ = one_each(collect(tmp_path).runs)
    assert [run.path.name for run in kept] == ["second"]


@pytest.mark.parametrize("by", [None, 3])
def test_runs_of_other_data_are_left_out_where_they_must_be_the_same(tmp_path, by):
    seeds = (0, 1) if by is None else (3,)
    for seed in seeds:
        trained(tmp_path, seed, at=1, record=record("old", by))
    trained(tmp_path, 3, at=9, model="shallow", record=record("new", by))
    found, lines = counted(tmp_path)
    assert found == [3]
    (line,) = lines
    assert "trained on something else than the latest runs" in line
    assert all(tensor in line for tensor in TENSORS)
    assert line.count("deep-mnist-s") == len(seeds)


def test_seeds_that_load_data_of_their_own_do_not_contradict_one_another(tmp_path):
    for seed in range(4):
        trained(tmp_path, seed, at=seed, record=record(str(seed), by=seed))
    assert counted(tmp_path) == ([0, 1, 2, 3], [])


def test_seeds_that_agree_in_one_version_contradict_those_of_another(tmp_path):
    """Labels are drawn by seed, the images are not: they tell."""
    for seed in range(4):
        version, at = ("old", 1) if seed < 2 else ("new", 9)
        trained(tmp_path, seed, at, record=record(version, by=seed, targets=f"drawn {seed}"))
    found, (line,) = counted(tmp_path)
    assert found == [2, 3]
    assert "training inputs" in line
    assert "training targets" not in line


def test_folds_that_seeds_choose_are_no_versions(tmp_path):
    for seed in range(10):
        trained(tmp_path, seed, at=seed, record=record(f"fold {seed % 5}", by=seed))
    assert counted(tmp_path) == (list(range(10)), [])


def test_runs_of_other_code_are_left_out(tmp_path):
    trained(tmp_path, 0, at=1, record=record(code="old"))
    trained(tmp_path, 1, at=9, record=record(code="new"))
    found, (line,) = counted(tmp_path)
    assert found == [1]
    assert "the code of my.Net" in line


def test_what_differs_by_rounding_alone_is_the_same(tmp_path):
    """As another processor computes it: other checksums, sums within what each may differ by."""
    near = ["a1:1.0:-2.5:0.25:1e-13", "b2:1.00000000000005:-2.5:0.25:1e-13"]
    for seed, data in enumerate(near):
        trained(tmp_path, seed, at=seed, record=record(data))
    assert counted(tmp_path) == ([0, 1], [])
    trained(tmp_path, 2, at=9, record=record("c3:1.1:-2.5:0.25:1e-13"))
    assert counted(tmp_path)[0] == [2]


def test_folds_of_one_command_are_no_versions(tmp_path):
    for seed in range(6):
        facts = record(f"fold {seed // 2}", by=seed) | {"begun": "one command"}
        trained(tmp_path, seed, at=seed, record=facts)
    assert counted(tmp_path) == (list(range(6)), [])


def test_code_that_only_measures_leaves_nobody_out(tmp_path):
    own = {"callbacks": {"mine": {"_target_": "my.Net"}}}
    for seed, code in enumerate(("old", "new")):
        trained(tmp_path, seed, at=seed, record=record(code=code), **own)
    assert counted(tmp_path) == ([0, 1], [])


def test_a_copy_counts_where_the_folder_of_the_own_name_has_failed(tmp_path):
    files = trained(tmp_path, 0)
    shutil.copytree(files.path, files.path.with_name("kept"))
    status = json.loads(files.status.read_text())
    write_json(files.status, status | {"state": "failed"})
    kept, _ = one_each(collect(tmp_path).runs)
    assert [run.path.name for run in kept] == ["kept"]


WAYS = [
    {"stack": 3, "layout": "members innermost", "threads": 1},
    {"stack": 1, "threads": 2},
    {"stack": 1, "threads": 1},
]


def test_a_report_says_where_seeds_were_computed_in_several_ways(tmp_path):
    for seed, way in enumerate(WAYS):
        trained(tmp_path, seed, record=way)
    trained(tmp_path, 0, model="shallow", record=WAYS[1])
    (line,) = mixed(collect(tmp_path).runs)
    words = "alone by 1 thread and alone by 2 threads and in a stack"
    assert line == f"mine: seeds of one setting were computed {words}, which changes last digits"
    assert line in analyze(tmp_path, dpi=40).found.notes
    assert not mixed([run for run in collect(tmp_path).runs if run.seed == 0])


def test_a_run_that_has_not_ended_decides_nothing(tmp_path):
    trained(tmp_path, 0, at=1, record=record("old"))
    files = trained(tmp_path, 1, at=9, record=record("new"), state="interrupted")
    files.metrics.unlink()
    assert counted(tmp_path) == ([0, 1], [])


def test_runs_without_a_record_count_and_the_report_says_how_many(tmp_path):
    trained(tmp_path, 0)
    trained(tmp_path, 1)
    trained(tmp_path, 2, record=record())
    assert counted(tmp_path) == ([0, 1, 2], [])
    written = analyze(tmp_path, dpi=40)
    words = "2 runs have no record of the data and code behind them, and count as they are"
    assert written.found.notes == [words]
    assert words in written.report.read_text()


LOGGED = [
    {"trainer.log_every": 1, "epochs": 3},
    {"trainer.log_every": 3, "epochs": 3},
]


def test_runs_that_are_only_logged_otherwise_are_one_seed_the_fullest(tmp_path):
    full = trained(tmp_path, 0, **{"trainer.log_every": 1})
    for more in ({"trainer.log_every": 3}, {"callbacks": {"norm": {"_target_": "my.Norm"}}}):
        sparse = trained(tmp_path, 0, **{"trainer.log_every": 1} | more)
        lines = sparse.metrics.read_text().splitlines(keepends=True)
        sparse.metrics.write_text("".join([lines[0], lines[1], lines[-1]]))
    kept, (line,) = one_each(collect(tmp_path).runs)
    assert [run.path for run in kept] == [full.path]
    assert line.startswith("mine: runs that count with more rows: ")


@pytest.mark.parametrize(
    "more", [{"trainer.target_loss": 0.1}, {"trainer.max_epochs": 9}, {"state": "diverged"}]
)
def test_where_rows_may_have_decided_they_stay_apart(tmp_path, more):
    for every in (1, 3):
        trained(tmp_path, 0, **more, **{"trainer.log_every": every})
    assert counted(tmp_path) == ([0, 0], [])


def test_how_often_is_logged_is_compared_where_rows_end_a_run(tmp_path):
    for every in (1, 3):
        trained(tmp_path, 0, **{"trainer.log_every": every, "trainer.target_loss": 0.1})
    assert swept_keys(collect(tmp_path).runs) == ["trainer.log_every"]


def test_a_full_batch_and_one_of_its_size_are_one_seed(tmp_path):
    for size in (100, "full", 60_000):
        trained(tmp_path, 0, **{"data.batch_size": size, "data.samples": None})
    runs = collect(tmp_path).runs
    assert sorted(run.batch_size for run in runs) == [100, 60_000, 60_000]
    kept, _ = one_each(runs)
    assert sorted(run.batch_size for run in kept) == [100, 60_000]


def test_the_size_of_a_users_data_is_in_the_record(tmp_path):
    facts = record()
    facts["data"]["training samples"] = 77
    trained(
        tmp_path,
        0,
        record=facts,
        **{"data.batch_size": "full", "data.samples": None, "data.name": "own"},
    )
    (run,) = collect(tmp_path).runs
    assert run.batch_size == 77
