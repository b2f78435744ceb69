import json
import pickle
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from processes import killed
from synthetic import config, function_run, image_run, write
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dl_experiments.analysis import comparison, pipeline
from dl_experiments.analysis.claims.many import corrected
from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena import known
from dl_experiments.analysis.pipeline import analyze
from dl_experiments.analysis.report import drawn, tables
from dl_experiments.analysis.runs.collect import AnalysisError, Run

DPI = 25


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    for seed in range(2):
        for model in ("deep", "shallow"):
            image_run(tmp_path, model, "cifar10", seed, 0.7)
    function_run(tmp_path, "deep", "sinc", 0, 0.1, 0.1, study="adhoc")
    error = "RuntimeError: <script>no memory & no hope</script>"
    write(tmp_path, config("adhoc", "deep", "sinc", 1), {}, np.empty(0), "failed", error)
    (tmp_path / "adhoc" / "empty").mkdir()
    return tmp_path


def test_every_known_experiment_says_what_it_is() -> None:
    assert [*known()][:6] == [
        "basics_parameter_count",
        "basics_activations",
        "basics_batch_size",
        "basics_learning_rate",
        "basics_regularization",
        "hw1_1_simulate",
    ]
    for name, one in known().items():
        assert one.name == name
        assert one.title
        assert one.question.endswith("?")
        assert one.section in ("basics", "1-1", "1-2", "1-3")
        assert callable(resolve_name(f"{one.analyse}:analyse"))


def test_everything_is_written_and_the_page_stands_alone(outputs: Path) -> None:
    written = analyze(outputs, dpi=DPI)
    report = outputs / "report"
    assert written.report == report / "index.html"
    assert written.figures == {report / "hw1_1_cifar10": 2, report / "adhoc": 3}
    for name in ("hw1_1_cifar10/curves", "adhoc/final-values"):
        with Image.open(report / f"{name}.png") as image:
            assert len(image.getcolors(1_000_000)) > 10  # not blank
        assert "<svg" in (report / f"{name}.svg").read_text()
    page = written.report.read_text()
    assert not re.search(r'(src|href)="(?!data:|#)(\w+:|/)', page)
    for link in re.findall(r'href="([^"#]+)"', page):
        assert (report / link).exists()
    shown = re.findall(
        r'<a href="([^"]+)\.svg"><img src="data:[^"]+" style="[^"]+" alt="(.*?)"', page
    )
    assert len(shown) == page.count("<img") == 5
    assert shown[0] == (
        "hw1_1_cifar10/curves", "Deep against shallow on CIFAR-10: loss and accuracy"
    )  # fmt: skip
    assert "<script" not in page
    assert "&lt;script&gt;no memory &amp; no hope" in page
    assert "6 runs: 5 completed, 1 failed, in 2 studies" in page
    assert "empty: no config.yaml" in page
    assert "inconclusive" in page


def test_again_replaces_and_does_not_pile_up(outputs: Path) -> None:
    """A figure of no section has it drawn again."""
    analyze(outputs, dpi=DPI)
    folder = outputs / "report" / "hw1_1_cifar10"
    before = {path.name: path.read_bytes() for path in folder.glob("*.*g")}
    (folder / "stale.png").write_bytes(b"of an arm that is no more")
    (folder / "mine.txt").write_text("kept")
    analyze(outputs, dpi=DPI)
    assert {path.name: path.read_bytes() for path in folder.glob("*.*g")} == before
    assert (folder / "mine.txt").exists()
    (events,) = (folder / "tensorboard").iterdir()
    reader = EventAccumulator(str(events), {"images": 0}).Reload()
    assert reader.Tags()["images"] == ["hw1_1_cifar10/curves", "hw1_1_cifar10/final-accuracy"]
    assert len(reader.Images("hw1_1_cifar10/curves")) == 1


def test_one_experiment_can_be_chosen(outputs: Path) -> None:
    index = outputs / "report" / "index.html"
    for name in ("hw1_1_cifar10", "adhoc"):  # a first page, until there is one of all
        page = analyze(outputs, [name], DPI).report
        assert index.read_bytes() == page.read_bytes()
    analyze(outputs, dpi=DPI)
    whole = index.read_bytes()
    written = analyze(outputs, ["adhoc"], DPI)
    assert list(written.figures) == [outputs / "report" / "adhoc"]
    assert written.report == outputs / "report" / "adhoc.html"
    assert index.read_bytes() == whole
    page = written.report.read_text()
    assert "the chosen experiments only" in page
    assert 'id="hw1_1_cifar10"' not in page


def test_a_section_of_the_homework_can_be_chosen(outputs: Path) -> None:
    image_run(outputs, "deep", "mnist", 0)
    written = analyze(outputs, ["1-1"], DPI)
    assert [one.experiment for one in written.sections] == ["hw1_1_mnist", "hw1_1_cifar10"]
    assert written.report.name == "1-1.html"
    with pytest.raises(AnalysisError, match="1-3 has no runs yet; there are"):
        analyze(outputs, ["1-3"], DPI)


def test_what_is_not_there_is_said_with_what_is(outputs: Path) -> None:
    with pytest.raises(AnalysisError, match="nope is not known; there are: adhoc, hw1_1_cifar10"):
        analyze(outputs, ["adhoc", "nope"])
    with pytest.raises(AnalysisError, match="hw1_1_mnist has no runs yet; there are"):
        analyze(outputs, ["hw1_1_mnist"])
    with pytest.raises(AnalysisError, match=r"figures\.dpi='big' is not a whole number from 10"):
        analyze(outputs, None, "big")  # type: ignore[arg-type]
    assert not (outputs / "report").exists()


def test_only_broken_runs_are_an_error_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "adhoc" / "broken").mkdir(parents=True)
    with pytest.raises(AnalysisError, match=r"no run under .* can be read:\n.*no config.yaml"):
        analyze(tmp_path)


def test_processes_draw_the_same_and_one_that_is_killed_costs_nothing(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(processes: int = 1) -> dict[str, bytes]:
        shutil.rmtree(outputs / "report", ignore_errors=True)
        made = analyze(outputs, dpi=DPI, processes=processes)
        files = [path for folder in made.figures for path in folder.glob("[!.]*.*")]
        return {str(p): p.read_bytes() for p in [*files, *made.tables, made.report]}

    alone = written()
    monkeypatch.setattr(drawn, "MANY", 1)
    assert written(2) == alone
    monkeypatch.setattr(drawn, "_begin", killed)
    assert written(2) == alone
    error = pickle.loads(pickle.dumps(AnalysisError("one line")))  # what a process may hand back
    assert (type(error), str(error)) == (AnalysisError, "one line")


def drawing(outputs: Path, **more: Any) -> tuple[pipeline.Written, list[str]]:
    """What was written, and of which experiments figures were drawn."""
    said: list[str] = []
    written = analyze(outputs, dpi=DPI, say=said.append, **more)
    return written, [line.removeprefix("drawing ") for line in said if line.startswith("drawing")]


def test_only_what_is_new_is_drawn(outputs: Path) -> None:
    first, drawn_first = drawing(outputs)
    again, drawn_again = drawing(outputs)
    assert (drawn_first, drawn_again) == (["hw1_1_cifar10", "adhoc"], [])
    assert again.sections == first.sections
    image_run(outputs, "deep", "cifar10", 2, 0.7)
    assert drawing(outputs)[1] == ["hw1_1_cifar10"]
    (outputs / "report" / "adhoc" / "section.json").write_text("{")
    assert drawing(outputs)[1] == ["adhoc"]
    assert drawing(outputs, data="elsewhere")[1] == ["hw1_1_cifar10", "adhoc"]
    assert drawing(outputs, data="elsewhere")[1] == []


def test_what_raises_is_told_and_the_others_are_drawn(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(runs: object) -> Finding:
        raise ZeroDivisionError("a <division>\nby zero")

    with monkeypatch.context() as patch:
        patch.setattr(comparison, "analyse", broken)
        written, _ = drawing(outputs)
    assert written.failed
    assert not written.lasting
    log = outputs / "report" / "adhoc" / "error.log"
    assert written.notes[-1] == (
        f"adhoc failed: ZeroDivisionError: a <division> by zero (see {log})"
    )
    assert "Traceback" in log.read_text()
    page = written.report.read_text()
    assert "The analysis failed: ZeroDivisionError: a &lt;division&gt; by zero" in page
    assert written.figures[outputs / "report" / "hw1_1_cifar10"] == 2
    mended, drawn_again = drawing(outputs)
    assert (mended.failed, drawn_again) == (False, ["adhoc"])
    assert not log.exists()


def test_a_name_that_looks_like_a_formula_is_a_name(outputs: Path) -> None:
    image_run(outputs, "deep", "cifar10", 7, study="adhoc", **{"model.name": "$x^2_{ $"})
    assert not drawing(outputs)[0].failed


def test_findings_are_tables_of_numbers(outputs: Path) -> None:
    written, _ = drawing(outputs)
    report = outputs / "report"
    assert {path.name for path in written.tables} == {
        f"{name}.{kind}" for name in ("claims", "numbers") for kind in ("parquet", "csv", "json")
    } | {f"{name}.{kind}" for name in ("runs", "curves") for kind in ("parquet", "csv")}
    for name, columns in (("claims", tables.CLAIMS), ("numbers", tables.NUMBERS)):
        binary = pd.read_parquet(report / f"{name}.parquet")
        text = pd.read_csv(report / f"{name}.csv", keep_default_na=False)
        rows = json.loads((report / f"{name}.json").read_text())
        assert list(binary) == list(text) == list(columns)
        assert len(binary) == len(text) == len(rows) > 0
        assert {str(binary[column].dtype) for column in ("estimate", "low", "high")} == {"Float64"}
    cells = json.loads((report / "claims.json").read_text())
    assert corrected(cells) == [cell["verdict_corrected"] for cell in cells]
    claims = pd.read_parquet(report / "claims.parquet")
    assert set(claims["experiment"]) == {"hw1_1_cifar10"}
    assert set(claims["section"]) == {"1-1"}
    numbers = pd.read_parquet(report / "numbers.parquet").set_index(["group", "metric"])
    deep = numbers.loc["model=deep, parameters=571", "final test/accuracy"]
    assert (deep["estimate"], deep["n"], deep["unit"]) == (pytest.approx(0.7, abs=1e-3), 2, "")
    analyze(outputs, ["adhoc"], DPI)
    assert len(pd.read_parquet(report / "claims.parquet")) == len(claims)  # of all experiments


MINE = """
from dl_experiments.analysis.experiments import Experiment
from dl_experiments.analysis.sections import put_together

def analyse(runs):
    return put_together(runs, [], ["mine"])

EXPERIMENTS = (Experiment({name!r}, "Mine", "What of it?", analyse),)
"""


def test_experiments_of_ones_own_come_from_trusted_folders(outputs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    code = folder / "own.py"
    code.write_text(MINE.format(name="adhoc"))
    (folder / "_shared.py").write_text("raise RuntimeError")
    shutil.move(folder, tmp_path.parent / f"{tmp_path.name}-mine")
    folder = tmp_path.parent / f"{tmp_path.name}-mine"
    written, _ = drawing(outputs, folders=[str(folder)])
    assert written.sections[-1].title == "Mine"
    assert "adhoc: mine" in written.notes
    assert drawing(outputs)[0].sections[-1].title == "Comparison: adhoc"  # not trusted any more
    refused = {
        MINE.format(name="hw1_1_mnist"): "hw1_1_mnist is the name of two experiments",
        "EXPERIMENTS = [1]": "own.py: 1 is no Experiment",
        "1 / 0": "own.py cannot be loaded: ZeroDivisionError: division by zero",
        "": "own.py cannot be loaded: AttributeError: .* no attribute 'EXPERIMENTS'",
    }
    for number, (text, message) in enumerate(refused.items()):
        there = folder / str(number)
        there.mkdir()
        (there / "own.py").write_text(text)
        with pytest.raises(AnalysisError, match=f"trust.folders: .*{message}"):
            drawing(outputs, folders=[str(there)])
    with pytest.raises(AnalysisError, match=r"trust\.folders=nowhere: there is no such folder"):
        drawing(outputs, folders=["nowhere"])


def test_a_users_own_analysis_is_drawn_however_many_runs_there_are(
    outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process could not find it, be it a function or a lambda."""
    monkeypatch.setattr(drawn, "MANY", 1)
    folder = tmp_path.parent / f"{tmp_path.name}-own"
    folder.mkdir()
    for analyse in ("analyse", "lambda runs: analyse(runs)"):
        code = MINE.format(name="adhoc").replace('"What of it?", analyse', f'"Why?", {analyse}')
        (folder / "own.py").write_text(code)
        for name in [name for name in sys.modules if name.startswith("trusted_")]:
            monkeypatch.delitem(sys.modules, name)
        written, _ = drawing(outputs, folders=[str(folder)], processes=2)
        assert not written.failed
        assert "adhoc: mine" in written.notes


def test_shared_code_of_one_name_in_two_folders_is_refused(outputs: Path, tmp_path: Path) -> None:
    folders = [tmp_path.parent / f"{tmp_path.name}-{name}" for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
        (folder / "_shared.py").write_text("")
        (folder / ".#own.py").symlink_to(folder / "nowhere")  # as an editor locks a file
    drawing(outputs, folders=[str(folders[0])] * 2)
    (folders[1] / "_shared.py").rename(folders[1] / "_other.py")
    for folder in folders:
        (folder / "__init__.py").write_text("")  # which is no shared code
    drawing(outputs, folders=[*map(str, folders)])
    (folders[1] / "_other.py").rename(folders[1] / "_shared.py")
    with pytest.raises(AnalysisError, match=r"a/_shared.py and .*b/_shared.py have one name"):
        drawing(outputs, folders=[*map(str, folders)])


def test_what_is_refused_leaves_the_figures_that_were_there(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing(outputs)

    def refuse(runs: object) -> Finding:
        raise AnalysisError("options.adhoc.low=3 is not allowed")

    figures = sorted((outputs / "report" / "adhoc").glob("*.png"))
    image_run(outputs, "deep", "cifar10", 3, 0.7)
    function_run(outputs, "deep", "sinc", 3, 0.1, 0.1, study="adhoc")
    with monkeypatch.context() as patch:
        patch.setattr(comparison, "analyse", refuse)
        with pytest.raises(AnalysisError, match="low=3"):
            drawing(outputs)
    assert sorted((outputs / "report" / "adhoc").glob("*.png")) == figures
    assert drawing(outputs)[1] == ["adhoc"]  # the other was kept as soon as it was drawn


def test_a_section_that_cannot_be_kept_is_told_as_failed(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(runs: Sequence[Run]) -> Finding:
        return Finding(runs, rows=[Row({"width": np.int64(3)})])  # type: ignore[dict-item]

    monkeypatch.setattr(comparison, "analyse", odd)
    written, _ = drawing(outputs)
    assert "adhoc failed: TypeError" in written.notes[-1]
    assert "The analysis failed: TypeError" in written.report.read_text()


def test_links_to_nothing_and_files_that_vanish_do_not_end_a_report(outputs: Path) -> None:
    (outputs / "adhoc" / "latest").symlink_to(outputs / "nowhere")
    assert drawing(outputs)[1] == ["hw1_1_cifar10", "adhoc"]
    assert drawing(outputs)[1] == []


def test_a_study_called_index_leaves_the_page_of_all(outputs: Path) -> None:
    function_run(outputs, "deep", "sinc", 0, 0.1, 0.1, study="index")
    drawing(outputs)
    page = (outputs / "report" / "index.html").read_bytes()
    written, _ = drawing(outputs, wanted=["index"])
    assert written.report != outputs / "report" / "index.html"
    assert (outputs / "report" / "index.html").read_bytes() == page
