"""analyze.py where nothing is new: it says again what it said, draws nothing and loads no torch."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from holder import holding
from matplotlib.figure import Figure

from dl_experiments.analysis import command, pipeline
from dl_experiments.analysis.findings import Drawing, Finding, Passing, Row
from dl_experiments.analysis.report import freshness
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.artifacts import RunDirectory

ROOT = Path(__file__).parents[2]
SYNTHETIC = runpy.run_path(str(ROOT / "tests" / "unit" / "analysis" / "synthetic.py"))
HEAVY = ("torch", "lightning", "torchvision", "matplotlib", "pandas", "scipy")


@pytest.fixture(scope="module")
def _drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outputs = tmp_path_factory.mktemp("drawn") / "outputs"
    for seed in range(2):
        SYNTHETIC["image_run"](outputs, "deep", "mnist", seed, study="adhoc")
    (outputs / "adhoc" / "broken").mkdir()
    return outputs


@pytest.fixture
def outputs(_drawn: Path, tmp_path: Path) -> Path:
    """Two runs and a folder that is none, not drawn yet."""
    return Path(shutil.copytree(_drawn, tmp_path / "outputs"))


def asked(outputs: Path, **more: Any) -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "conf" / "analyze.yaml").read_text(encoding="utf-8"))
    figures = {"dpi": more.pop("dpi", 20)}
    return {
        "paths": {"outputs": str(outputs), "data": more.pop("data", "data")},
        "experiment": more.pop("experiment", None),
        "figures": figures,
        "trust": content["trust"],
        "options": content["options"] | more,
    }


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Path -> content and when it was last written, of all files."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def python(outputs: Path) -> tuple[str, str, list[str]]:
    """What a fresh ``python analyze.py`` says on either stream, and what heavy it has loaded."""
    script = f"""\
import runpy, sys
sys.argv = ["analyze.py", "figures.dpi=20"]
runpy.run_path({str(ROOT / "analyze.py")!r}, run_name="__main__")
print("loaded", *(name for name in {HEAVY!r} if name in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=outputs.parent, capture_output=True, text=True,
        check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    out, _, loaded = done.stdout.rpartition("loaded")
    return out, done.stderr, loaded.split()


def test_again_it_says_the_same_and_loads_and_touches_nothing(outputs: Path) -> None:
    out, err, loaded = python(outputs)
    assert "torch" in loaded  # it would be seen
    *doing, said = err.splitlines(keepends=True)
    assert doing == ["2 runs read\n", "drawing adhoc\n", "writing tables and page\n"]
    assert said == "left out: outputs/adhoc/broken: no config.yaml\n"
    before = files(outputs)
    for _ in range(2):
        again, notes, loaded = python(outputs)
        assert loaded == []
        first_out, new = again.removesuffix("\n").rsplit("\n", 1)
        assert (f"{first_out}\n", notes) == (out, said)
        assert new.startswith("nothing is new since 2")
        assert new.endswith("; remove outputs/report to draw it anew")
        assert files(outputs) == before


def plain(runs: Sequence[Run]) -> Finding:
    """An analysis that takes no time."""
    drawing = Drawing("plain", "Nothing.", Figure((1, 1)))
    return Finding(runs, [drawing], [Row({"runs": f"{len(runs)}"})])


class Draws:
    """``draws(**asked)``: whether a command draws."""

    def __init__(self, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outputs, self.count, analyze = outputs, 0, pipeline.analyze

        def counted(*args: Any) -> pipeline.Written:
            self.count += 1
            return analyze(*args)

        monkeypatch.setattr(pipeline, "analyze", counted)
        monkeypatch.setattr(pipeline.comparison, "analyse", plain)

    def __call__(self, **more: Any) -> bool:
        before = self.count
        out = command.said(asked(self.outputs, **more), lambda line: None).out
        assert ("nothing is new since" in out) is (self.count == before)
        return self.count > before


@pytest.fixture
def draws(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Draws:
    """Of a report that is as it was drawn."""
    once = Draws(outputs, monkeypatch)
    assert once()
    assert not once()
    return once


def first(outputs: Path) -> RunDirectory:
    return RunDirectory(min((outputs / "adhoc").glob("deep-*")))


def rewrite(path: Path) -> None:
    """The same bytes, but written anew."""
    path.write_bytes(path.read_bytes())


NEW = {
    "a run": lambda o: SYNTHETIC["image_run"](o, "deep", "mnist", 7, study="adhoc"),
    "a study": lambda o: SYNTHETIC["image_run"](o, "deep", "mnist", 7, study="other"),
    "no run": lambda o: shutil.rmtree(first(o).path),
    "a folder": lambda o: (o / "adhoc" / "another").mkdir(),
    "another row": lambda o: first(o).metrics.write_text(first(o).metrics.read_text() + "40,21,"),
    "metrics of one size": lambda o: rewrite(first(o).metrics),
    "a config": lambda o: rewrite(first(o).config),
    "a status": lambda o: rewrite(first(o).status),
    "a summary": lambda o: rewrite(first(o).summary),
    "no summary": lambda o: first(o).summary.unlink(),
    "provenance": lambda o: first(o).write_json(first(o).provenance, {}),
    "a measure": lambda o: first(o).write_measure("sharpness", {"x": np.zeros(1)}),
    "weights": lambda o: first(o).write_weights(0, {}),
    "a claim": lambda o: (first(o).path / ".claim").touch(),
    "a missing figure": lambda o: (o / "report/adhoc/plain.png").unlink(),
    "another figure": lambda o: rewrite(o / "report/adhoc/plain.svg"),
    "a missing table": lambda o: (o / "report/runs.parquet").unlink(),
    "another page": lambda o: rewrite(o / "report/index.html"),
    "no events": lambda o: shutil.rmtree(o / "report/adhoc/tensorboard"),
    "no report": lambda o: shutil.rmtree(o / "report"),
    "half a record": lambda o: (o / "report/.index.json").write_text('{"inputs": '),
    "another record": lambda o: (o / "report/.index.json").write_text("[1]"),
    "no record": lambda o: (o / "report/.index.json").unlink(),
}


@pytest.mark.parametrize("what", NEW)
def test_what_is_new_is_drawn(draws: Draws, outputs: Path, what: str) -> None:
    NEW[what](outputs)
    assert draws()
    assert not draws()


def test_other_settings_are_drawn(draws: Draws, outputs: Path) -> None:
    for more in (
        {"dpi": 21},
        {"experiment": ["adhoc"]},
        {"data": "elsewhere"},
        {"hw1_2_trajectory": {"layer": "output"}},
    ):
        assert draws(**more), more
        assert not draws(**more), more
    assert draws()  # what lies there is of the last settings


def test_other_code_is_drawn(draws: Draws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dl_experiments", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.setattr(freshness, "PROJECT", tmp_path)
    assert draws()
    assert not draws()
    for name in (
        "analysis/drawing/style.py",
        "measures/surface.py",
        "models/mlp.py",
        "../conf/model/mlp.yaml",
    ):
        os.utime(tmp_path / "dl_experiments" / name)
        assert draws(), name
        assert not draws(), name


def test_other_libraries_are_drawn(draws: Draws, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name.partition("-")[0] for name in freshness._versions()} == {*freshness.LIBRARIES}
    monkeypatch.setattr(freshness, "_versions", lambda: ["matplotlib-0.1.dist-info"])
    assert draws()


def test_a_run_of_elsewhere_is_looked_at_too(outputs: Path, tmp_path: Path) -> None:
    shutil.copytree(outputs, tmp_path / "elsewhere")
    there = first(tmp_path / "elsewhere")
    told = {"hw1_3_interpolation": {"runs": [str(there.path)] * 2}}
    before = freshness.checksum(freshness.named(told))
    assert before == freshness.checksum(freshness.named(told))
    rewrite(there.metrics)
    assert before != freshness.checksum(freshness.named(told))


def test_a_run_whose_process_dies_is_drawn_as_interrupted(outputs: Path, draws: Draws) -> None:
    files = first(outputs)
    status = files.read_status()
    assert status is not None
    files.write_status(replace(status, state="running"))
    with holding(files.path) as holder:
        assert draws()
        assert not draws()
        holder.kill()
        assert draws()
        assert not draws()
    assert "1 interrupted" in command.said(asked(outputs), lambda line: None).out


def test_what_could_not_be_had_is_tried_again(
    outputs: Path, draws: Draws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*args: Any) -> Finding:
        return replace(plain(*args), notes=[Passing("no data here")])

    monkeypatch.setattr(pipeline.comparison, "analyse", lacking)
    assert draws(dpi=21)
    assert draws(dpi=21)


def test_a_command_that_is_killed_vouches_for_nothing(
    outputs: Path, draws: Draws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_tables", killed)
        rewrite(first(outputs).metrics)
        with pytest.raises(KeyboardInterrupt):
            draws()
    assert not (outputs / "report/.index.json").exists()
    assert draws()


def test_of_two_commands_at_once_neither_vouches_for_what_the_other_drew(
    outputs: Path, draws: Draws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One begins and ends while the other is between its figures and its tables."""
    write, inner = pipeline.write_tables, Draws(outputs, monkeypatch)

    def late(*args: Any) -> Any:
        monkeypatch.setattr(pipeline, "write_tables", write)
        assert inner(dpi=22)
        return write(*args)

    monkeypatch.setattr(pipeline, "write_tables", late)
    assert draws(dpi=21)
    for dpi in (21, 22):
        assert draws(dpi=dpi), dpi


def test_a_record_is_of_what_was_read(
    outputs: Path, draws: Draws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that changes while its report is drawn is new at the next command."""
    write = pipeline.write_tables

    def changing(*args: Any) -> Any:
        rewrite(first(outputs).metrics)
        return write(*args)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_tables", changing)
        assert draws(dpi=21)
    assert draws(dpi=21)
    assert not draws(dpi=21)


def test_the_record_holds_each_file_of_the_report(outputs: Path, draws: Draws) -> None:
    record = json.loads((outputs / "report/.index.json").read_text())
    there = {path.relative_to(outputs / "report").as_posix() for path in files(outputs / "report")}
    assert record["drawn"].keys() == there - {".index.json", "adhoc/.drawn.json"}
