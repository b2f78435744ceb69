"""Matplotlib can be imported, and draws, whatever the variables, settings and folders around it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.font_manager import FontManager, fontManager

ROOT = Path(__file__).parents[2]
DRAWS = """
import os
import dl_experiments
before, here = dict(os.environ), os.getcwd()
import matplotlib
from matplotlib.figure import Figure
figure = Figure()
figure.subplots().set_title("drawn")
figure.savefig("drawn.png")
figure.savefig("drawn.svg")
print(matplotlib.rcParams["lines.linewidth"], matplotlib.rcParams._get_backend_or_none())
print(here == os.getcwd(), before.get("MPLBACKEND") == os.environ.get("MPLBACKEND"))
"""


def python(folder: Path, code: str = DRAWS, **more: str) -> list[str]:
    """What code said that was run in a folder, among more variables; its PYTHONPATH is ours."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("backend", ["GTK", "module://a.module.not_there"])
def test_a_backend_that_is_not_there(tmp_path, backend):
    assert python(tmp_path, MPLBACKEND=backend)[1] == "True True"
    assert (tmp_path / "drawn.png").stat().st_size > 1000


def test_a_backend_that_can_be_had_is_the_user_s(tmp_path):
    (tmp_path / "my_backend.py").write_text("from matplotlib.backends.backend_agg import *\n")
    assert python(tmp_path, MPLBACKEND="module://my_backend")[0].endswith("module://my_backend")


SETTINGS = {
    "unknown keys": (b"lines.linewidth: 7\nno.such.key: 1\nbackend: nonsense\n", "7.0"),
    "values that are not": (b"lines.linewidth: thick\nfont.family: No Such Font\n", "1.5"),
    "no text": (b"lines.linewidth: 7\n# \xff\xfe\n", "1.5"),
    "a locale": (b"axes.formatter.use_locale: True\nlines.linewidth: 7\n", "1.5"),
}


@pytest.mark.parametrize(
    ("kind", "place"), [*((kind, "work") for kind in SETTINGS), ("no text", "MATPLOTLIBRC")]
)
def test_a_matplotlibrc(tmp_path, kind, place):
    content, width = SETTINGS[kind]
    work, other = tmp_path / "work", tmp_path / "other"
    for folder in (work, other):
        folder.mkdir()
    (work if place == "work" else other).joinpath("matplotlibrc").write_bytes(content)
    more = {} if place == "work" else {place: str(other)}
    said = python(work, **more, LC_ALL="xx_NOWHERE.UTF-8")
    assert (said[0].split()[0], said[1]) == (width, "True True")


@pytest.mark.parametrize("variable", ["MPLCONFIGDIR", "HOME"])
@pytest.mark.parametrize("kind", ["a file", "a loop"])
def test_a_folder_that_cannot_be_written(tmp_path, kind, variable):
    folder = tmp_path / "folder"
    folder.symlink_to(folder) if kind == "a loop" else folder.touch()
    assert python(tmp_path, **{variable: str(folder)})[1] == "True True"


def test_a_command_draws_into_files(tmp_path):
    says = "from dl_experiments import _matplotlib; _matplotlib.draw_into_files()\n"
    says += (
        "import matplotlib.pyplot as plt; plt.figure().savefig('a.png'); print(plt.get_backend())"
    )
    assert python(tmp_path, says, MPLBACKEND="module://a.module.not_there") == ["agg"]


def test_a_list_of_fonts_without_ours(tmp_path):
    """As it was kept by another installation."""
    kept = json.loads(json.dumps(fontManager.__dict__, default=lambda entry: vars(entry)))
    others = [font for font in kept["ttflist"] if font["name"] == "STIXGeneral"]
    kept["ttflist"] = [font | {"__class__": "FontEntry"} for font in others]
    content = json.dumps({**kept, "__class__": "FontManager"})
    (tmp_path / f"fontlist-v{FontManager.__version__}.json").write_text(content)
    draws = "from dl_experiments.analysis.drawing import style\nwith style.applied():\n"
    draws += (
        " figure, _ = style.page('title', 'about', 1, 1, (5, 4)); figure.savefig('drawn.png')\n"
    )
    draws += " from matplotlib.font_manager import findfont; print(findfont(style.FONT))"
    (said,) = python(tmp_path, draws, MPLCONFIGDIR=str(tmp_path))
    assert Path(said).name == "DejaVuSans.ttf"
