"""The command line of the analysis, as a user types it."""

import runpy
import subprocess
from pathlib import Path

import pytest
from commands import command

ROOT = Path(__file__).resolve().parents[2]
SYNTHETIC = ROOT / "tests" / "unit" / "analysis" / "synthetic.py"


def analyze(where: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    return command(ROOT / "analyze.py", *overrides, cwd=where)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``outputs/``, in it a few runs, one of other data and a broken one."""
    where = tmp_path_factory.mktemp("workplace")
    synthetic = runpy.run_path(str(SYNTHETIC))
    write = synthetic["image_run"]
    for model in ("deep", "shallow"):
        for seed in range(2):
            write(where / "outputs", model, "mnist", seed)
    write(where / "outputs", "deep", "mnist", 2, state="diverged")
    synthetic["function_run"](where / "outputs", "deep", "sinc", 0, 0.1, 0.1, study="hw1_1_mnist")
    (where / "outputs" / "hw1_1_mnist" / "broken").mkdir()
    return where


def test_without_arguments_the_report_is_written_and_nothing_else(workplace: Path) -> None:
    done = analyze(workplace, "figures.dpi=30")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "6 runs read",
        "drawing hw1_1_mnist",
        "writing tables and page",
        "left out: outputs/hw1_1_mnist/broken: no config.yaml",
        "hw1_1_mnist: Left out: 1 run: 1 completed, not on images.",
    ]
    lines = done.stdout.splitlines()
    assert lines[0] == "6 runs: 5 completed, 1 diverged"
    assert lines[-1] == "report   outputs/report/index.html"
    assert {path.name for path in workplace.iterdir()} == {"outputs"}
    assert {path.name for path in (workplace / "outputs").iterdir()} == {"hw1_1_mnist", "report"}
    assert not list(workplace.rglob(".hydra"))
    assert {path.name for path in (workplace / "outputs" / "report").iterdir()} == {
        "index.html", "runs.csv", "runs.parquet", "curves.csv", "curves.parquet", "hw1_1_mnist",
        "claims.csv", "claims.parquet", "claims.json", "numbers.csv", "numbers.parquet",
        "numbers.json", ".index.json",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["experiment=[hw1_1_mnist,7]"], "experiment=7 is not known; there are: hw1_1_mnist\n"),
        (["paths.outputs=empty"], "no runs under empty: train something first\n"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(
    workplace: Path, tmp_path: Path, overrides: list[str], says: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "outputs").symlink_to(workplace / "outputs")
    done = analyze(tmp_path, *overrides)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", says)
