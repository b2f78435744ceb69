"""What Hydra makes of the options that a command chooses, remembered by a process's tests.

Which files are read and how they are merged takes most of a composition, and a process's tests
choose the same options again and again. So does what an interpolation is made of: a tree that is
only looked at. What the other words of a command change is done each time.
"""

import pickle
from collections.abc import Hashable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hydra._internal import config_loader_impl, defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf, _utils, base
from omegaconf.grammar_parser import parse

CONF = Path(__file__).parents[1] / "conf"
LISTED = config_loader_impl.create_defaults_list
MERGED = ConfigLoaderImpl._compose_config_from_defaults_list
LOADED = ConfigRepository.load_config
CHOICES = defaults_list._create_interpolation_map

_known: dict[Hashable, bytes] = {}


def remember() -> None:
    """From now on."""
    config_loader_impl.create_defaults_list = _defaults  # type: ignore[attr-defined]
    ConfigLoaderImpl._compose_config_from_defaults_list = _merged  # type: ignore[method-assign]
    ConfigRepository.load_config = _loaded  # type: ignore[method-assign]
    defaults_list._create_interpolation_map = _choices
    base.parse = _utils.parse = cache(parse)  # type: ignore[attr-defined]


def _defaults(repo: Any, config_name: str | None, overrides_list: Sequence[Override], **how: Any):  # type: ignore[no-untyped-def]
    words = [word for word in overrides_list if not word.is_sweep_override()]
    values = [
        word
        for word in words
        if isinstance(word.value(), dict) or not repo.group_exists(word.key_or_group)
    ]
    options = [word for word in words if word not in values]
    asked = tuple(word.input_line for word in options)
    key = (_places(repo), config_name, asked, *sorted(how.items()))
    if key not in _known:
        made = LISTED(repo=repo, config_name=config_name, overrides_list=options, **how)
        _known[key] = pickle.dumps(made)
    found = pickle.loads(_known[key])
    found.config_overrides = values
    return found


def _merged(self: ConfigLoaderImpl, defaults: Sequence[Any], repo: Any) -> Any:
    key = (_places(repo), repr(defaults))
    if key not in _known:
        _known[key] = pickle.dumps(MERGED(self, defaults=defaults, repo=repo))
    return pickle.loads(_known[key])


def _loaded(self: ConfigRepository, config_path: str) -> Any:
    key = (_places(self), config_path)
    if key not in _known:
        _known[key] = pickle.dumps(LOADED(self, config_path=config_path))
    return pickle.loads(_known[key])


def _choices(overrides: Any, defaults: Sequence[Any], self_added: bool) -> Any:
    """What the defaults of a file can refer to, made where one of them refers to something."""
    if any(default.is_interpolation() for default in defaults):
        return CHOICES(overrides, defaults, self_added)
    return OmegaConf.create()


def _places(repo: Any) -> Hashable:
    """What lies where is searched: folders with their files as they are now, packages, classes."""
    found = [(source.scheme(), source.path) for source in repo.get_sources()]
    files = [_files(Path(path)) for scheme, path in found if scheme == "file"]
    return (*found, *files, _names(ConfigStore.instance().repo))


def _files(folder: Path) -> Hashable:
    if folder == CONF:
        return folder
    paths = sorted(folder.rglob("*.y*ml"))
    return tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in paths)


def _names(stored: Any) -> Hashable:
    """The names in a tree of registered classes."""
    if not isinstance(stored, dict):
        return id(stored)
    return tuple((name, _names(one)) for name, one in sorted(stored.items()))
