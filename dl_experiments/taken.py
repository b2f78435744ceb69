"""Which measurements a finished run has, told from its files: no callback is built to ask it.

``measures/taken.json`` names the callbacks and measurements of which nothing was missing when it
was written, each with a checksum of its settings and code, and the files that lay in ``measures/``
then, with their size and time.
"""

import hashlib
import json
import os
from collections.abc import Collection
from functools import cache
from pathlib import Path

from dl_experiments import source
from dl_experiments.artifacts import RunDirectory
from dl_experiments.schema import Config


def whole(config: Config, files: RunDirectory) -> bool:
    """Whether a finished run is known to lack no measurement; False where the files do not say."""
    try:
        known = json.loads(files.taken.read_text(encoding="utf-8"))
        callbacks, stamps = known["callbacks"], known["files"]
        there = _stamps(files)
        same = all(there.get(name) == stamp for name, stamp in stamps.items())
        return same and _asked(config).items() <= callbacks.items()
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def write(config: Config, files: RunDirectory, lacking: Collection[str] = ()) -> None:
    """Say which measurements a run has.

    Args:
        config: The run's.
        files: Its folder.
        lacking: Keys of the callbacks whose measurement is missing, or may be.
    """
    callbacks = {key: value for key, value in _asked(config).items() if key not in lacking}
    files.measures.mkdir(exist_ok=True)
    # If the machine fails and it is lost, the callbacks are asked.
    files.write_json(files.taken, {"callbacks": callbacks, "files": _stamps(files)}, flush=False)


def _stamps(files: RunDirectory) -> dict[str, list[int]]:
    """Name -> size and time of what lies in ``measures/``, without the list itself."""
    with os.scandir(files.measures) as entries:
        found = {one.name: one.stat() for one in entries if not one.name.startswith(".")}
    found.pop(files.taken.name, None)
    return {name: [one.st_size, one.st_mtime_ns] for name, one in sorted(found.items())}


def _asked(config: Config) -> dict[str, str]:
    """A callback's key -> what it is to measure."""
    nodes = [*config["callbacks"].items(), *config["measurements"].items()]
    return {k: _checksum(json.dumps(node, sort_keys=True)) for k, node in nodes if node is not None}


@cache
def _checksum(node: str) -> str:
    """Of a callback's settings, and of the user's code or this package's module that it names."""
    target = json.loads(node)["_target_"]
    told = [node, str(source.digest(target))]
    own = Path(__file__).parents[1].joinpath(*target.split(".")[:-1]).with_suffix(".py")
    if target.startswith("dl_experiments.") and own.exists():
        told.append(own.read_text(encoding="utf-8"))
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:16]
