import os
import pickle
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic import config, function_run, image_run, write
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dl_experiments.analysis import drawn
from dl_experiments.analysis.collect import AnalysisError
from dl_experiments.analysis.phenomena import known
from dl_experiments.analysis.pipeline import analyze

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
    assert {"hw1_1_simulate", "hw1_1_mnist", "hw1_1_cifar10"} <= set(known())
    assert all(module.STUDY and module.TITLE for module in known().values())
    assert not any(name.startswith("_") for name in known())


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
    assert page.count("<img") == 5
    assert "<script" not in page
    assert "&lt;script&gt;no memory &amp; no hope" in page
    assert "6 runs: 5 completed, 1 failed, in 2 studies" in page
    assert "empty: no config.yaml" in page
    assert "inconclusive" in page


def test_again_replaces_and_does_not_pile_up(outputs: Path) -> None:
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
    written = analyze(outputs, ["adhoc"], DPI)
    assert list(written.figures) == [outputs / "report" / "adhoc"]
    page = written.report.read_text()
    assert "the chosen experiments only" in page
    assert 'id="hw1_1_cifar10"' not in page


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
        made = analyze(outputs, dpi=DPI, processes=processes)
        files = [path for folder in made.figures for path in folder.glob("*.*")]
        return {str(p): p.read_bytes() for p in [*files, *made.tables, made.report]}

    alone = written()
    monkeypatch.setattr(drawn, "MANY", 1)
    assert written(2) == alone
    monkeypatch.setattr(drawn, "_begin", killed)
    assert written(2) == alone
    error = pickle.loads(pickle.dumps(AnalysisError("one line")))  # what a process may hand back
    assert (type(error), str(error)) == (AnalysisError, "one line")


def killed() -> None:
    """In place of what a process begins with."""
    os.kill(os.getpid(), signal.SIGKILL)
