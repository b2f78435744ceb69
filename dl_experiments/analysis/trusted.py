"""Experiments of a user's own, from the folders that ``trust.folders`` names and nowhere else."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from dl_experiments.analysis.experiments import Experiment
from dl_experiments.analysis.schema import AnalysisError


def files(folders: Sequence[str]) -> list[Path]:
    """The modules in some folders; a name that begins with an underscore is shared code.

    Raises:
        AnalysisError: There is no such folder, or two have shared code of one name.
    """
    found = []
    for folder in folders:
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise AnalysisError(f"trust.folders={folder}: there is no such folder")
        found += sorted(one.resolve() for one in path.glob("*.py") if one.name[0] not in "._")
    _check_shared(folders)
    return found


def _check_shared(folders: Sequence[str]) -> None:
    """Raises where two folders have shared code of one name: only one of them would be loaded."""
    names: dict[str, Path] = {}
    for folder in dict.fromkeys(Path(one).expanduser().resolve() for one in folders):
        for path in folder.glob("_*.py"):
            if path.stem != "__init__" and (other := names.setdefault(path.name, path)) != path:
                raise AnalysisError(f"trust.folders: {other} and {path} have one name; rename one")


def experiments(folders: Sequence[str]) -> Iterator[Experiment]:
    """What the modules' ``EXPERIMENTS`` hold.

    Raises:
        AnalysisError: A module cannot be loaded, or has no such experiments.
    """
    for path in files(folders):
        try:
            found = tuple(_loaded(path).EXPERIMENTS)
        except Exception as error:  # whatever a user's code raises
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise AnalysisError(f"trust.folders: {path} cannot be loaded: {reason}") from error
        for one in found:
            if not isinstance(one, Experiment):
                raise AnalysisError(f"trust.folders: {path}: {one!r} is no Experiment")
            yield one


def _loaded(path: Path) -> ModuleType:
    """The module, under a name that no other has."""
    name = f"trusted_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{path.stem}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = module_from_spec(spec)
        try:
            if (folder := str(path.parent)) not in sys.path:
                sys.path.append(folder)  # of its shared code
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
