"""What a command says before anything is trained costs no import of what trains."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE

import pytest
from finished import TINY

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "lightning", "torchvision", "torchmetrics", "scipy", "matplotlib", "pandas"}
# Scripts as the user starts them, each in a fork of a process that has loaded what they begin with;
# at its end each says what is imported by then.
FORKING = """
import json, os, runpy, sys
import train, analyze

def run(script, *words):
    sys.argv = [script, *words]
    try:
        runpy.run_path(script, run_name="__main__")
        return 0
    except SystemExit as error:
        return error.code or 0
    finally:
        print("\\nimported", *sorted(sys.modules), file=sys.stderr, flush=True)
        sys.stdout.flush()

for line in sys.stdin:
    out, err, words = json.loads(line)
    if not (pid := os.fork()):
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY), number)
        os._exit(run(*words))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
Start = Callable[..., tuple[int, str, set[str]]]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """``start("train.py", words...)``: exit code, what it said, what of the heavy is imported."""
    folder = tmp_path_factory.mktemp("said")
    with subprocess.Popen(
        [sys.executable, "-c", FORKING], cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def call(script: str, *words: object) -> tuple[int, str, set[str]]:
            out, err = folder / "out", folder / "err"
            for path in (out, err):
                path.unlink(missing_ok=True)
            asked = [str(out), str(err), [str(ROOT / script), *map(str, words)]]
            print(json.dumps(asked), file=process.stdin, flush=True)
            code = int(process.stdout.readline())
            said, _, imported = err.read_text().rpartition("\nimported ")
            return code, out.read_text() + said, HEAVY & set(imported.split())

        yield call


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
def test_a_typo_of_our_own_keys(words, says, outputs, start):
    where = [] if "paths." in words[0] else [f"paths.outputs={outputs}"]
    code, said, heavy = start("train.py", *words, *where)
    assert (code, heavy) == (2, set()), said
    assert says in said
    assert len(said.splitlines()) == 1
    assert not outputs.exists()


@pytest.mark.parametrize("words", [["--help"], ["--help", "model=cnn", "data=mnist"]])
def test_help(words, start):
    code, said, heavy = start("train.py", *words)
    assert (code, heavy) == (0, set())
    assert "python train.py -m model=deep,shallow data=mnist" in said


def test_a_composed_config(start):
    code, said, heavy = start("train.py", "--cfg", "job", "model=cnn", "data=mnist")
    assert (code, heavy) == (0, set())
    assert "max_epochs" in said


def test_a_typo_in_a_node_of_torchs_costs_no_lightning(outputs, start):
    code, said, heavy = start("train.py", "+optimizer.momentun=1", f"paths.outputs={outputs}")
    assert (code, heavy) == (2, {"torch"}), said
    assert said.startswith("optimizer.momentun is not a key; allowed: lr, betas")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory, start):
    """The words of a sweep that is finished, and what its first command had imported."""
    words = ["-m", "seed=0,1", *TINY, f"paths.outputs={tmp_path_factory.mktemp('sweep')}"]
    code, said, heavy = start("train.py", *words)
    assert code == 0, said
    return words, heavy


def test_training_what_is_ours_imports_no_more_of_lightning_than_it_needs(sweep):
    assert sweep[1] == {"torch", "lightning", "torchmetrics"}


def test_a_finished_sweep(sweep, start):
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
