"""Refuses a command line that would silently ignore part of a grid."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from dl_experiments import schema_check
from hydra_plugins.dl_experiments_launcher._compose import Composer
from hydra_plugins.dl_experiments_launcher._refusals import GROUPS

_ONE_EACH = ("experiment", "scale")


def as_words(params: Mapping[str, Any]) -> dict[str, Any]:
    """A grid with each YAML list in it as the values of a sweep, where that is what it must be.

    Hydra writes a list as one value. It is a grid where its lists lie one deeper than those of what
    the key takes: ``seed: [0, 1]``, ``model.hidden: [[50], [100, 100]]``.

    Raises:
        ValueError: It could be either; says how to write both.
    """
    return {key: _swept(key, value) for key, value in params.items()}


def _swept(key: str, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    own = 0 if key in GROUPS else schema_check.depth(key)
    if own is not None and _depth(value) == own + 1:
        return ",".join(map(_as_word, value))
    each = ",".join(f"[{one}]" if own else str(one) for one in value)
    one = str(value).replace(" ", "")
    raise ValueError(
        f"hydra.sweeper.params.{key}={value}: a list can be the values of a sweep or one value; "
        f'write {key}: "{each}" for {len(value)} jobs, {key}: "{one}" for one'
    )


def _as_word(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.-]*", value):
        return value
    return json.dumps(value).replace('"', "'")


def _depth(value: Any) -> int:
    return 1 + max((_depth(one) for one in value), default=0) if isinstance(value, list) else 0


def check_grid(composer: Composer, job_overrides: Sequence[Sequence[str]]) -> None:
    """Refuse two experiments or scales, and a group option that a plain key makes idle.

    Args:
        composer: Composes the jobs.
        job_overrides: The overrides of each job.

    Raises:
        ValueError: One line that says what would be ignored, and what to type instead.
    """
    for group in _ONE_EACH:
        chosen = sorted({w for words in job_overrides for w in words if _key(w) == group})
        if len(chosen) > 1:
            options = ", ".join(word.partition("=")[2] for word in chosen)
            raise ValueError(
                f"{group}={options}: one {group} a command, because each brings its own grid"
            )
    if len(job_overrides) > 1 or composer.config.hydra.sweeper.get("params"):
        seen: set[str] = set()
        for words in job_overrides:
            for word in words:
                if word not in seen:
                    seen.add(word)
                    if _is_option(composer, _key(word)) and not _is_told(composer, words, word):
                        _check_option(composer, words, word)


def _is_option(composer: Composer, key: str) -> bool:
    """Whether ``key`` chooses from a group of ours, other than those that bring a grid."""
    return key not in _ONE_EACH and not key.startswith("hydra/") and composer.is_group(key)


def _is_told(composer: Composer, words: Sequence[str], option: str) -> bool:
    """Whether the job's config has a name that the option gave it, so that it is not idle."""
    group = _key(option)
    others = [_key(word) for word in words if word != option]
    if any(key in ("experiment", group, f"{group}.name") for key in others):
        return False
    node = OmegaConf.select(composer.options(words), group)
    name = node.get("name") if isinstance(node, DictConfig) else None
    return name is not None and not composer.is_hydras_business(words)


def _check_option(composer: Composer, words: Sequence[str], option: str) -> None:
    """Refuse ``option`` where leaving it out gives the same config though it was not the default.

    Plain keys of the same job, or those an experiment sets, then decide all it differs in.
    """
    try:
        without = composer.compose([w for w in words if w != option])
    except HydraException:  # a plain key of the job is there only with this option
        return
    job = composer.compose(words)
    group = _key(option)
    if job.hydra.runtime.choices.get(group) == without.hydra.runtime.choices.get(group):
        return
    if _content(job) == _content(without):
        plain = [w for w in words if "." in _key(w)]
        experiments = [w for w in words if _key(w) == "experiment"]
        raise ValueError(
            f"{option} would be ignored: {' '.join(plain + experiments)} sets all it differs in; "
            f"leave out {option}, or set that key instead"
        )


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")


def _content(config: DictConfig) -> object:
    """All but Hydra's own node, interpolations as written."""
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    plain.pop("hydra")
    return plain
