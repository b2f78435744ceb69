"""The words of a command line that lead to one job, also when it is given by itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

CONF = Path(__file__).resolve().parents[2] / "conf"


def of_job(hydra_node: DictConfig) -> list[str]:
    """A job's overrides but for ``rerun``, and where its configs are found.

    Args:
        hydra_node: The job's ``hydra``.
    """
    places = {place.provider: place.path for place in hydra_node.runtime.config_sources}
    options = []  # first, so that more overrides can follow
    if "command-line" in places:
        options.append(f"--config-dir={places['command-line']}")
    if places["main"] != str(CONF):
        options.append(f"--config-path={places['main']}")
    if hydra_node.job.config_name != "train":
        options.append(f"--config-name={hydra_node.job.config_name}")
    task = [word for word in hydra_node.overrides.task if not word.startswith("rerun=")]
    more = [word for word in hydra_node.overrides.hydra if word.startswith("hydra.searchpath")]
    return [*options, *task, *more]


def plain(config: DictConfig) -> dict[str, Any]:
    """A config as plain values.

    Raises:
        ValueError: An interpolation leads nowhere.
    """
    try:
        return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    except OmegaConfBaseException as error:
        said = " ".join(str(error).partition("full_key:")[0].split())
        raise ValueError(f"{error.full_key}: {said}") from error


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
