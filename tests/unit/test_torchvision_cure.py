"""A torchvision whose compiled operators cannot be loaded, made for the purpose.

Each case runs in a process of its own with a small ``torchvision`` first on the path, which does
what the real one does when it is imported: load its extension, tolerate a failure, then register
a shape function for ``nms``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TORCHVISION = '''
"""The part of torchvision's import that breaks beside another flavour of torch."""
import glob, os
import torch

for extension in glob.glob(os.path.join(os.path.dirname(__file__), "_C.*")):
    try:
        torch.ops.load_library(extension)
    except OSError:
        pass


@torch.library.register_fake("torchvision::nms")
def meta_nms(dets, scores, iou_threshold):
    return dets
'''

# What a loadable extension does: it declares its operators.
LOADABLE = """
import torch

loaded = []


def load_library(path):
    if loaded:
        return  # as the dynamic linker does
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    loaded.append(library)


torch.ops.load_library = load_library
"""


@pytest.fixture
def python(tmp_path):
    """``python(code, extension)``: run code beside the small torchvision."""

    def run(code, extension=b"no shared object"):
        package = tmp_path / "torchvision"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text(TORCHVISION)
        if extension is not None:
            (package / "_C.so").write_bytes(extension)
        path = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n"
        return subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True)

    return run


@pytest.mark.parametrize("extension", [b"no shared object", None])
def test_without_the_cure_the_import_dies(python, extension):
    done = python("import torchvision", extension)
    assert done.returncode == 1
    assert "operator torchvision::nms does not exist" in done.stderr


@pytest.mark.parametrize("extension", [b"no shared object", None])
def test_with_the_cure_it_lives(python, extension):
    done = python(
        "import dl_experiments, torchvision, torch\n"
        "from dl_experiments import _torchvision\n"
        "print(torchvision.__file__, _torchvision.cure())\n"
        "boxes = torch.zeros(1, 4)\n"
        "try:\n"
        "    torch.ops.torchvision.nms(boxes, boxes[:, 0], 0.5)\n"
        "except NotImplementedError as error:\n"
        "    print('no kernel')\n",
        extension,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.endswith("torchvision/__init__.py False")  # a second call has nothing to do
    assert second == "no kernel"


def test_a_whole_torchvision_is_left_alone(python):
    done = python(
        LOADABLE + "import dl_experiments, torchvision\n"
        "from dl_experiments import _torchvision\n"
        "print(_torchvision._library, len(loaded))\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "None 1\n"


def test_without_torchvision_there_is_nothing_to_cure():
    code = (
        "import importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'torchvision' else found(name)\n"
        "from dl_experiments import _torchvision\n"
        "print(_torchvision._library)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("None\n", 0), done.stderr


def test_the_installed_one_can_be_imported():
    code = "import dl_experiments, torchvision.datasets, lightning, torchmetrics; print('fine')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "fine\n", done.stderr
