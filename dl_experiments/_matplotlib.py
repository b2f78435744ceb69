"""Lets ``import matplotlib`` succeed whatever surrounds the process.

Matplotlib cannot be imported where ``MPLBACKEND``, which notebooks leave to the terminals they
open, names a backend that is not installed there, nor beside a ``matplotlibrc`` or a folder of
settings that it cannot read. Then it is imported once more as it was shipped. What a user has set,
and Matplotlib can use, is left alone, and so are the variables.
"""

import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, final


def draw_into_files() -> None:
    """For a command, which shows no windows: pyplot is Agg's, whatever the terminal says."""
    os.environ["MPLBACKEND"] = "agg"


def guard_import() -> None:
    """See to Matplotlib when it is first imported, by whomever."""
    if "matplotlib" not in sys.modules:
        sys.meta_path.insert(0, _AtImport())


@final
class _AtImport:
    """Finds Matplotlib as it would be found, to be executed in the way of this module."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """See ``importlib.abc.MetaPathFinder``."""
        spec = PathFinder.find_spec(name, path, target) if name == "matplotlib" else None
        if spec is None or spec.loader is None or spec.origin is None:
            return None
        execute, folder = spec.loader.exec_module, Path(spec.origin).parent

        def guarded(module: ModuleType) -> None:
            try:
                _whole(execute, module)
            except Exception:  # whatever it takes offence at
                _as_shipped(execute, module, folder)

        spec.loader.exec_module = guarded  # type: ignore[method-assign]
        return spec


def _as_shipped(execute: Callable[[ModuleType], None], module: ModuleType, folder: Path) -> None:
    import atexit
    import shutil
    import tempfile
    from contextlib import chdir
    from unittest.mock import patch

    scratch = tempfile.mkdtemp(prefix="matplotlib-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    shipped = {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull, "MPLCONFIGDIR": scratch}
    # It looks for a matplotlibrc in the working directory first of all.
    with patch.dict(os.environ, shipped), chdir(folder):
        _whole(execute, module)


def _whole(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    """Execute it, and settle where it keeps its list of fonts."""
    execute(module)
    module.get_configdir()
    module.get_cachedir()
