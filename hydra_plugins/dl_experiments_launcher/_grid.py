"""Refuses a command line that would silently ignore part of a grid."""

from collections.abc import Sequence

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.dl_experiments_launcher._compose import Composer

_ONE_EACH = ("experiment", "scale")
_NUMBER_KEY = {
    "batch_size": "data.batch_size",
    "label_noise": "label_noise.fraction",
    "optimizer": "optimizer.lr",
}


def check_words(words: Sequence[str]) -> None:
    """Refuse a number where a group's option is wanted, which Hydra answers with a traceback.

    Raises:
        ValueError: One line that names the key to set instead.
    """
    for word in words:
        group, _, options = word.partition("=")
        for option in options.split(",") if group in _NUMBER_KEY else ():
            if option.lstrip("+-").replace(".", "", 1).replace("e-", "", 1).isdigit():
                raise ValueError(
                    f"{word}: {option} is not an option of {group}; "
                    f"to set a number, say {_NUMBER_KEY[group]}={options}"
                )


def check_grid(
    composer: Composer,
    job_overrides: Sequence[Sequence[str]],
    composed_jobs: Sequence[DictConfig],
) -> None:
    """Refuse two experiments or scales, and a group option that a plain key makes idle.

    Args:
        composer: Composed the jobs.
        job_overrides: The overrides of each job.
        composed_jobs: The config of each job.

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
        for words, composed in zip(job_overrides, composed_jobs, strict=True):
            for word in words:
                if word not in seen:
                    seen.add(word)
                    if _is_option(composer, _key(word)):
                        _check_option(composer, words, composed, word)


def _is_option(composer: Composer, key: str) -> bool:
    """Whether ``key`` chooses from a group of ours, other than those that bring a grid."""
    return key not in _ONE_EACH and not key.startswith("hydra/") and composer.is_group(key)


def _check_option(composer: Composer, words: Sequence[str], job: DictConfig, option: str) -> None:
    """Refuse ``option`` where leaving it out gives the same config though it was not the default.

    Plain keys of the same job, or those an experiment sets, then decide all it differs in.
    """
    try:
        without = composer.compose([w for w in words if w != option])
    except HydraException:  # a plain key of the job is there only with this option
        return
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
