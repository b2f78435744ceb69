"""The words of a command line that lead to one job, also when it is given by itself."""

import re
from collections.abc import Sequence

from omegaconf import DictConfig

from dl_experiments.config import CONF
from dl_experiments.identity import ONCE_CALLBACKS

_ONCE = re.compile(rf"(~?)(callbacks\.(?:{'|'.join(ONCE_CALLBACKS)})(?:\.[^=]+)?)(=.*|)", re.DOTALL)


def as_now(words: Sequence[str]) -> list[str]:
    """The words of a command line, of which those of before there were ``measurements`` hold.

    A measurement that they change or leave out among the callbacks is not there any more. So they
    add what they say of it, which ``config.resolve`` brings to its place.
    """
    return [_as_now(word) for word in words]


def _as_now(word: str) -> str:
    found = _ONCE.fullmatch(word)
    if found is None:
        return word
    left_out, key, value = found.groups()
    if left_out:
        return f"++{key}=null" if key.count(".") == 1 else word
    return f"++{key}{value}"


def of_job(hydra_node: DictConfig) -> list[str]:
    """A job's overrides but for ``rerun``, and where its configs are found.

    Args:
        hydra_node: The job's ``hydra``.
    """
    before, after = places(hydra_node)
    return [*before, *_lasting(hydra_node.overrides.task), *after]


def of_jobs(hydra_node: DictConfig, jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """The same for the jobs of a sweep.

    Args:
        hydra_node: The sweep's ``hydra``.
        jobs: The overrides of each.
    """
    before, after = places(hydra_node)
    return [[*before, *_lasting(words), *after] for words in jobs]


def _lasting(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith("rerun=")]


def places(hydra_node: DictConfig) -> tuple[list[str], list[str]]:
    """Where configs are found: options, first so that more overrides can follow, and overrides."""
    found = {place.provider: place.path for place in hydra_node.runtime.config_sources}
    options = []
    if "command-line" in found:
        options.append(f"--config-dir={found['command-line']}")
    if found["main"] != str(CONF):
        options.append(f"--config-path={found['main']}")
    if hydra_node.job.config_name != "train":
        options.append(f"--config-name={hydra_node.job.config_name}")
    return options, [w for w in hydra_node.overrides.hydra if w.startswith("hydra.searchpath")]


def studies(named: object, words: Sequence[str]) -> list[str] | None:
    """The studies that ``experiment=`` names; None: all.

    Args:
        named: As it was read: a commit such as 12e4567 has become a number.
        words: Of the command line.
    """
    if named is None:
        return None
    names = list(named) if isinstance(named, list) else [named]
    if any(isinstance(name, float) for name in names):
        said = dict(word.lstrip("+").partition("=")[::2] for word in words)["experiment"]
        names = [name.strip(" '\"") for name in said.strip("[]").split(",")]
    return [str(name) for name in names]
