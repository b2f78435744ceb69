"""A word of analyze.py that is mistyped: one line with what is near, exit code 2, no file."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

import analyze as entry

ROOT = Path(__file__).parents[2]

# The words, and how their one line begins
TYPOS = {
    # keys
    "experimnt=x": "experimnt is not a key; did you mean experiment?\n",
    "+experiments=x": "experiments is not a key; did you mean experiment?\n",
    "optoins.hw1_2_trajectory.layer=dense1": "optoins is not a key; did you mean options?\n",
    "figures.dip=3": "figures.dip is not a key; did you mean figures.dpi?\n",
    "+figures.dip=3": "figures.dip is not a key; did you mean figures.dpi?\n",
    "figurs.dpi=3": "figurs is not a key; did you mean figures?\n",
    "dpi=30": "dpi is not a key; did you mean figures.dpi?\n",
    "+dpi=30": "dpi is not a key; did you mean figures.dpi?\n",
    "outputs=x": "outputs is not a key; did you mean paths.outputs?\n",
    "paths.output=x": "paths.output is not a key; did you mean paths.outputs?\n",
    "study=x": "study is not a key; allowed: paths, experiment, figures, trust, options\n",
    "options.hw1_3_interpolation.lo=1": "options.hw1_3_interpolation.lo is not a key; did you mean "
    "options.hw1_3_interpolation.low?\n",
    "+options.hw1_3_interpolation.step=1": "options.hw1_3_interpolation.step is not a key; allowed"
    ": low, high, points, samples, runs\n",
    "options.hw1_3_interpolaton.low=1": "options.hw1_3_interpolaton is not a key; did you mean "
    "options.hw1_3_interpolation?\n",
    "+options.hw1_1_mnist.layer=a": "options.hw1_1_mnist is not a key; ",
    "~figures": "figures is missing\n",
    "~foo": "~foo: there is no such key to leave out\n",
    "+figures.dpi=3": "+figures.dpi=3: figures.dpi is there already; leave out the +\n",
    "figures.dpi.x=3": "figures.dpi.x is not a key; ",
    # values
    "figures.dpi=": "figures.dpi='' is not a whole number from 10 to 1200\n",
    "figures.dpi=1e2": "figures.dpi=100.0 is not a whole number from 10 to 1200; write 100\n",
    "figures.dpi=5": "figures.dpi=5 is not a whole number from 10 to 1200\n",
    "paths.outputs='~no-such-user/x'": "paths.outputs=~no-such-user/x: there is no such home "
    "folder\n",
    "figures=3": "figures=3 is not a group of keys\n",
    "figures.dpi=${nowhere}": "figures.dpi: Interpolation key 'nowhere' not found\n",
    "+experiment.x=1": "experiment={'x': 1} is not an experiment, a study or a list of them or ",
    "options.hw1_2_error_surface.points=8": "options.hw1_2_error_surface.points=8 is not an odd "
    "number from 5 up\n",
    "options.hw1_3_interpolation=null": "options.hw1_3_interpolation=None is not a group of keys\n",
    # what cannot be read
    "=3": "'=3' is not key=value\n",
    "experiment": "'experiment' is not key=value\n",
    "experiment=[a": "'experiment=[a' cannot be read as key=value; put what holds any of ",
    "experiment=a,b": "experiment=a,b: several values are a list; write experiment=[a,b]\n",
    "-m experiment=a,b": "-m: this command is not swept; several names are a list, [a,b]\n",
}


@pytest.fixture
def refused(capsys, tmp_path, monkeypatch):
    """``refused("experiment=a,b")``: what ``python analyze.py ...`` says, without a new process."""

    def call(words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["analyze.py", *words.split()])
        monkeypatch.setenv("HYDRA_MAIN_MODULE", "__main__")  # as a script, not a module
        GlobalHydra.instance().clear()
        with pytest.raises(SystemExit) as ended:
            entry.main()
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (2, "")
        return said.err

    yield call
    GlobalHydra.instance().clear()


@pytest.mark.parametrize("words", TYPOS)
def test_a_typo_is_one_line_with_what_is_near(refused, tmp_path, words):
    said = refused(words)
    assert said.startswith(TYPOS[words])
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["experiment=7", "experiment=12e4567", "experiment=[a,7]"])
def test_a_study_may_be_called_by_a_number(refused, word):
    """``conf/`` has a folder called experiment, from which nothing is chosen here."""
    assert refused(word) == "there is no folder outputs (paths.outputs)\n"


def test_a_typo_is_told_before_anything_heavy_is_imported(tmp_path):
    script = f"""\
import runpy, sys
sys.argv = ["analyze.py", "+options.hw1_3_interpolation.lo=1"]
try:
    runpy.run_path({str(ROOT / "analyze.py")!r}, run_name="__main__")
except SystemExit as ended:
    print(ended.code, sorted({{"torch", "lightning", "matplotlib", "pandas"}} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "2 []\n"
    assert done.stderr.startswith("options.hw1_3_interpolation.lo is not a key; did you mean ")
