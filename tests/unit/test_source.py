"""What a dotted name means: the same for a change of layout, another for a change of substance."""

import ast
import importlib
import sys
from itertools import count

import pytest

from dl_experiments import source

NUMBER = count()

NETS = '''
"""Nets."""
import math
from {package} import parts
from {package}.helpers import width, unused_one
from . import constants

SCALE = 2

class Base:
    """Common."""
    def size(self):
        # how large
        return width(3) * SCALE

class Net(Base):
    def forward(self, x):
        return parts.twist(x) + constants.SHIFT

def unused():
    return 1
'''
HELPERS = """
def width(n):
    return deeper(n)

def deeper(n):
    return n + 1

def unused_one():
    return 2
"""
FILES = {
    "__init__.py": "from .nets import Net\n",
    "nets.py": NETS,
    "helpers.py": HELPERS,
    "parts.py": "def twist(x):\n    return -x\n",
    "constants.py": "SHIFT = 1\n",
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """``written(("old", "new"), target="nets.Net")``: what that name means, without importing it.

    The package has a new name each time; in the text it is called "p".
    """

    def statements(*replace, target="nets.Net"):
        name = f"some_nets_{next(NUMBER)}"
        (tmp_path / name).mkdir()
        for file, text in FILES.items():
            for old, new in replace:
                text = text.replace(old, new)
            (tmp_path / name / file).write_text(text.replace("{package}", name))
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        found = source.closure(f"{name}.{target}")
        assert source.digest(f"{name}.{target}") is not None
        assert name not in sys.modules
        return [ast.unparse(statement).replace(name, "p") for _, statement in found]

    return statements


SAME = [
    ("# how large", "# how very large"),
    ('"""Common."""', '"""Other words."""'),
    ('"""Nets."""', ""),
    ("return width(3) * SCALE", "return (\n            width(3)   * SCALE\n        )"),
    ("def unused():\n    return 1", "def unused():\n    return 100"),
    ("def unused_one():\n    return 2", "def unused_one():\n    return 200"),
    ("def unused():", "UNUSED = 3\n\ndef unused():"),
    ("import math", "import math\nif __name__ == '__main__':\n    print(1)"),
    ("def forward(self, x):", "def forward(self, x: int) -> int:"),
    ("def unused():", "class Another:\n    pass\n\ndef unused():"),
]
OTHER = [
    ("width(3)", "width(4)"),
    ("SCALE = 2", "SCALE = 3"),
    ("return n + 1", "return n + 2"),
    ("return -x", "return x"),
    ("SHIFT = 1", "SHIFT = 2"),
    ("import math", "import math\nprint(1)"),
]


@pytest.mark.parametrize("replace", SAME)
def test_what_is_not_used_or_not_code_means_nothing(written, replace):
    assert written(replace) == written()


@pytest.mark.parametrize("replace", OTHER)
def test_what_is_used_counts_wherever_it_stands(written, replace):
    assert written(replace) != written()


def test_a_name_that_a_package_hands_on_is_followed(written):
    assert written(target="Net") == written(target="nets.Net")


def test_star_imports_are_followed(written):
    star = ("from .nets import Net", "from .nets import *")
    assert written(star, target="Net") == written(target="Net")


@pytest.mark.parametrize(
    "target", ["torch.optim.Adam", "dl_experiments.models.mlp.MLP", "math.sin", "nowhere.Net"]
)
def test_what_is_no_source_of_a_users_has_no_digest(target):
    assert source.digest(target) is None


def test_an_installed_package_counts_by_its_version():
    assert source.digest("sklearn.datasets.load_iris").startswith("scikit-learn ")


SEEDED = """
class Folds:
    def __init__(self, run_seed):
        super().__init__(run_seed=run_seed)
    def load(self):
        return self.label_noise.train(1, 2, self.run_seed){more}
"""


@pytest.mark.parametrize(
    ("more", "mentioned"),
    [
        ("", False),
        (" + self.run_seed", True),
        (
            "\n    def __len__(self):\n        return seed_of(self)\n\n"
            "def seed_of(it):\n    return it.run_seed",
            True,
        ),
        (" + getattr(self, 'run_seed')", True),
        ("\n    def more(self, **keys):\n        pass", True),
    ],
)
def test_whether_loading_may_use_the_seed(tmp_path, monkeypatch, more, mentioned):
    name = f"some_folds_{next(NUMBER)}"
    (tmp_path / f"{name}.py").write_text(SEEDED.format(more=more))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    but_for = ("super().__init__", "label_noise.train")
    assert source.mentions(f"{name}.Folds", "run_seed", but_for) is mentioned


def test_without_source_anything_may_be_used():
    assert source.mentions("nowhere.Folds", "run_seed", ())
