"""What ``conf/`` says: the groups, their options, and the values that these bring."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, final

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import safe_load

from dl_experiments import schema
from dl_experiments.config import CONF

_LAST = ("scale", "experiment")


@final
@dataclass(frozen=True)
class Composed:
    """A config, and where it comes from.

    Attributes:
        config: With Hydra's own node.
        choices: Group -> the option that it has been composed of.
        folders: Where options lie, ours first.
    """

    config: DictConfig
    choices: Mapping[str, str | None]
    folders: Sequence[Path]

    def value(self, key: str) -> Any:
        """What a dotted key comes to; as it is written, where that depends on what is not known."""
        path, _, last = key.rpartition(".")
        node = OmegaConf.select(self.config, path) if path else self.config
        try:
            return plain(node[last])
        except OmegaConfBaseException:
            return cast(Any, OmegaConf.to_container(node, resolve=False))[last]

    def written(self) -> dict[str, Any]:
        """The whole config with its interpolations as they are written."""
        return cast(dict[str, Any], OmegaConf.to_container(self.config))

    def grid(self) -> dict[str, Any]:
        """What an experiment sweeps, as words of a command line."""
        params = self.config.hydra.sweeper.get("params") or {}
        return {str(key): plain(params[key]) for key in params}

    def options(self, group: str) -> list[str]:
        """The options of a group that are complete."""
        files = {
            path.stem: path for place in self.folders for path in (place / group).glob("*.y*ml")
        }
        return sorted(name for name, path in files.items() if not _is_base(path))


def composed(words: Sequence[str] = (), folder: Path | None = None) -> Composed:
    """The primary config with these words; of a word that sweeps, with its first value.

    Args:
        words: Overrides.
        folder: The user's own, as in ``--config-dir``.

    Raises:
        HydraException: A word is not understood.
    """
    overrides, places = [], [folder.resolve().as_uri()] if folder else []
    for override in OverridesParser.create().parse_overrides(list(words)):
        if override.key_or_group == "hydra.searchpath":
            places += cast(list[str], override.value())
        elif override.is_sweep_override():
            overrides.append(
                f"{override.get_key_element()}={next(override.sweep_string_iterator())}"
            )
        else:
            overrides.append(cast(str, override.input_line))
    if places:
        overrides.append(f"hydra.searchpath=[{','.join(map(_quoted, places))}]")
    with _ours():
        config = hydra.compose("train", overrides, return_hydra_config=True)
    runtime = config.hydra.runtime
    found = [Path(one.path) for one in runtime.config_sources if one.schema == "file"]
    return Composed(config, plain(runtime.choices), found)


def of_options(groups: Sequence[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each option's group, name and what it alone sets, as written."""
    with _ours():
        for group in groups:
            for path in sorted((CONF / group).glob("*.yaml")):
                if not _is_base(path):
                    alone = hydra.compose(f"{group}/{path.stem}")
                    yield group, path.stem, cast(Any, OmegaConf.to_container(alone))


def groups() -> dict[str, str | None]:
    """The groups that a user chooses from, and the default option of each.

    What is learned and what learns stand first, whole experiments last.
    """
    found: dict[str, str | None] = {}
    for one in safe_load((CONF / "train.yaml").read_text(encoding="utf-8"))["defaults"]:
        if isinstance(one, dict):
            found |= {group: option for group, option in one.items() if " " not in group}
    order = [name for name, field in schema.fields(schema.Run).items() if field.nodes]
    order += [group for group in found if group not in (*order, *_LAST)]
    return {group: found[group] for group in [*order, *_LAST] if group in found}


def plain(value: Any) -> Any:
    """A value of OmegaConf's as plain containers, resolved."""
    if isinstance(value, DictConfig | ListConfig):
        return OmegaConf.to_container(value, resolve=True)
    return value


def word(value: Any) -> str:
    """A value as it is written on a command line."""
    if isinstance(value, list):
        return f"[{','.join(map(word, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{word(one)}' for key, one in value.items())}}}"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _is_base(path: Path) -> bool:
    """Whether other options of a group are made of it, and it is none itself."""
    return re.search(r"^name: \?\?\?$", path.read_text(encoding="utf-8"), re.MULTILINE) is not None


def _quoted(place: str) -> str:
    return "'{}'".format(place.replace("'", r"\'"))


@contextmanager
def _ours() -> Iterator[None]:
    """Hydra on our own configs, within a command that it has composed too."""
    there = GlobalHydra.instance()
    command = there.hydra
    there.clear()
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            yield
    finally:
        if command is not None:
            there.initialize(command)
