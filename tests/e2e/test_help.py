"""``train.py --help``: what it shows is what a command composes; it takes nothing heavy to show."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from dl_experiments import identity, schema
from dl_experiments.reference import screen

ROOT = Path(__file__).parents[2]
USERS = ROOT / "tests" / "users" / "conf"
CHOICES = {
    "": [],
    "images": ["data=mnist", "model=cnn", "optimizer=sgd", "schedule=step"],
    "values": ["trainer.max_epochs=3", "model.hidden=[4,4]", "~callbacks.snapshots", "study='a b'"],
    "an experiment": ["experiment=hw1_2_minimal_ratio", "scale=smoke"],
}


@pytest.fixture
def shown(lab):
    """What ``train.py --help ...`` prints."""

    def call(*words):
        done = lab("--help", *words)
        assert (done.code, done.err) == (0, "")
        return done.out

    return call


def composed(*words):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return OmegaConf.to_container(compose("train", [*words, "trainer.accelerator=cpu"]))


def values(text):
    """Dotted key -> the value that it is shown with."""
    return dict(re.findall(r"^  ([a-z_.]+\w)=(.*?)(?:  .*)?$", keys(text), re.MULTILINE))


def keys(text):
    return text.partition("\nKeys, ")[2]


@pytest.mark.parametrize("choice", CHOICES)
def test_the_words_shown_change_nothing(shown, outputs, choice):
    """Each key=default, given back to the command, is what it is without."""
    words = [*CHOICES[choice], f"paths.outputs={outputs}"]
    found = values(shown(*words))
    assert len(found) > 30
    # data of the user's home and of interpolations are shown as what they come to
    found = {key: one for key, one in found.items() if key not in ("paths.data", "data.root")}
    back = [f"{key}={repr(one) if ' ' in one else one}" for key, one in found.items()]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        both = [compose("train", [*words, "trainer.accelerator=cpu", *more]) for more in ([], back)]
    for key in found:
        assert OmegaConf.select(both[0], key) == OmegaConf.select(both[1], key), key


@pytest.mark.parametrize("choice", CHOICES)
def test_every_key_is_shown_but_those_of_callbacks_and_measurements(shown, choice):
    text = keys(shown(*CHOICES[choice]))
    config = composed(*CHOICES[choice])
    groups = ("experiment", "scale", "kind", "task._target_")
    for key, value in identity.flatten(config):
        last = key.rpartition(".")[2]
        if key.startswith(("callbacks.", "measurements.")):
            if value is None:  # left out
                continue
            assert re.search(rf"^  {'.'.join(key.split('.')[:2])}\s", text, re.MULTILINE), key
        elif not key.startswith("at.") and key not in groups and last not in ("_target_", "name"):
            assert f"  {key}=" in text, key
    for key, field in schema.fields(schema.Run).items():
        if key not in (*groups, "task"):
            assert key in text
            assert field.key.meaning.split()[0] in text


def test_it_fits_a_terminal_and_names_what_comes_next():
    text = screen.text(["--help"])
    assert max(map(len, text.splitlines())) <= 80
    assert "\n  python train.py -m model=deep,shallow data=mnist " in text
    assert "docs/keys.md" in text
    assert (ROOT / "docs/keys.md").exists()


def test_options_are_those_of_the_groups(shown):
    lines = shown("data=mnist").splitlines()
    rows = " ".join(
        line.strip() for line in lines[lines.index("") : lines.index("  * is chosen here")]
    )
    for group in ("data", "model", "optimizer", "experiment"):
        for path in (ROOT / "conf" / group).glob("*.yaml"):
            base = path.stem in ("function", "image")
            assert bool(re.search(rf" {path.stem}\*?( |$)", rows)) is not base, path
    assert " mnist* " in rows
    assert " sinc " in rows
    assert " network " not in rows


def test_of_a_sweep_the_first_is_shown(shown):
    found = values(shown("-m", "model=cnn,deep", "data=mnist", "seed=3,4"))
    assert found["model.blocks"] == "[[8],[16]]"
    assert found["seed"] == "3"


def test_the_grid_of_an_experiment_is_shown(shown):
    text = shown("experiment=hw1_3_sensitivity", "scale=smoke")
    grid = text.partition("Swept by hw1_3_sensitivity:\n")[2].partition("\nKeys")[0]
    assert grid.split() == [
        "arm=equal_epochs,equal_steps,equal_loss,scaled_rate",
        "data.batch_size=10,50,100",
        "seed=0,1",
    ]


@pytest.mark.parametrize(
    "where",
    [
        [f"--config-dir={USERS}", "hydra.searchpath=[]"],
        ["-cd", str(USERS)],
        [f"hydra.searchpath=[file://{USERS}]"],
    ],
)
def test_a_users_own_options_are_shown(shown, where):
    text = shown(*where, "model=mine", "data=mnist", "+model.width=3")
    assert {"mine*", "mine_values"} <= {*text.split()}
    assert values(text)["model.width"] == "3"


REFUSED = {
    "--cfg job": "--cfg says nothing beside --help; allowed: --config-dir FOLDER, and choices",
    "-x": "-x says nothing beside --help; allowed: ",
    "--config-dir nowhere": "--config-dir=nowhere: there is no such folder",
    "model=deeep": "model=deeep: not an option; did you mean deep?; allowed: cnn",
    "modle=deep": "modle is not a key; did you mean model?",
    "seed": "'seed' is not key=value",
    "model=[": "'model=[' cannot be read as key=value; ",
    "batch_size=32": "batch_size=32: 32 is not an option of batch_size; to set a number, say",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_not_understood_is_one_line(lab, words):
    outcome = lab("--help", *words.split())
    assert outcome.code == 2
    (line,) = outcome.err.splitlines()
    assert line.startswith(REFUSED[words])
    assert outcome.out == ""


def test_hydras_own_help_stays():
    assert not screen.asked(["--hydra-help"])
    assert not screen.asked(["--hydra-help", "--help"])
    assert not screen.asked(["--cfg", "job", "help=1"])


def test_nothing_heavy_is_imported(tmp_path):
    code = (
        "import sys; from dl_experiments.reference import screen; "
        "print(screen.asked(['-h', 'data=mnist']), screen.text(['-h', 'data=mnist'])[:6]); "
        "print({'torch', 'lightning', 'torchvision', 'numpy', 'pydantic'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("True Trains\nset()\n", "")


def test_a_reader_who_leaves_ends_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, str(ROOT / "train.py"), "--help"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
