"""What a command says before anything is trained costs no import of what trains."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from finished import TINY

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "lightning", "torchvision", "torchmetrics", "scipy", "matplotlib", "pandas"}
# A script as the user starts it; at its end it says what it has imported.
WATCHED = """
import atexit, runpy, sys
atexit.register(lambda: print("\\nimported", *sorted(set(sys.modules)), file=sys.stderr))
script, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = script
sys.path.insert(0, script.rpartition("/")[0])
runpy.run_path(script, run_name="__main__")
"""


def start(script: str, *words: object):
    """Exit code, what it said, and what of the heavy it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(ROOT / script), *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    said, _, imported = done.stderr.rpartition("\nimported ")
    return done.returncode, done.stdout + said, HEAVY & set(imported.split())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["modle=deep"], "modle is not a key"),
        (["data=minst"], "not an option; did you mean mnist?"),
        (["+trainer.max_epoch=3"], "did you mean trainer.max_epochs?"),
        (["-m", "seed=0,-1"], "seed=-1 is not a whole number"),
        (["model.hidden=[a]"], "model.hidden=['a'] is not a list"),
        (["-m", "seed=1,1"], "jobs of this sweep are the same run"),
        (["paths.outputs=/dev/null"], "must be a folder"),
        (["model.hidden=[1"], "cannot be read as key=value"),
    ],
)
def test_a_typo_of_our_own_keys(words, says, outputs):
    where = [] if "paths." in words[0] else [f"paths.outputs={outputs}"]
    code, said, heavy = start("train.py", *words, *where)
    assert (code, heavy) == (2, set()), said
    assert says in said
    assert len(said.splitlines()) == 1
    assert not outputs.exists()


@pytest.mark.parametrize("words", [["--help"], ["--help", "model=cnn", "data=mnist"]])
def test_help(words):
    code, said, heavy = start("train.py", *words)
    assert (code, heavy) == (0, set())
    assert "python train.py -m model=deep,shallow data=mnist" in said


def test_a_composed_config():
    code, said, heavy = start("train.py", "--cfg", "job", "model=cnn", "data=mnist")
    assert (code, heavy) == (0, set())
    assert "max_epochs" in said


def test_a_typo_in_a_node_of_torchs_costs_no_lightning(outputs):
    code, said, heavy = start("train.py", "+optimizer.momentun=1", f"paths.outputs={outputs}")
    assert (code, heavy) == (2, {"torch"}), said
    assert said.startswith("optimizer.momentun is not a key; allowed: lr, betas")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """The words of a sweep that is finished, and what its first command had imported."""
    words = ["-m", "seed=0,1", *TINY, f"paths.outputs={tmp_path_factory.mktemp('sweep')}"]
    code, said, heavy = start("train.py", *words)
    assert code == 0, said
    return words, heavy


def test_training_what_is_ours_imports_no_more_of_lightning_than_it_needs(sweep):
    assert sweep[1] == {"torch", "lightning", "torchmetrics"}


def test_a_finished_sweep(sweep):
    code, said, heavy = start("train.py", *sweep[0])
    assert (code, heavy) == (0, set()), said
    assert said.splitlines()[0] == "2 runs: 2 finished before"
    assert said.count("skipped, finished before: ") == 2


def test_torchmetrics_has_all_it_can_have_afterwards():
    """Who imports it later is told the truth about what is installed."""
    asks = (
        "from dl_experiments._lean import import_lightning; import_lightning(); import sys;"
        "assert not {'scipy', 'matplotlib', 'torchvision'} & set(sys.modules);"
        "from torchmetrics.utilities import imports as i;"
        "print(bool(i._SCIPY_AVAILABLE), bool(i._MATPLOTLIB_AVAILABLE));"
        "import dl_experiments, torchvision, scipy.signal, matplotlib"
    )
    done = subprocess.run(
        [sys.executable, "-c", asks], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr
