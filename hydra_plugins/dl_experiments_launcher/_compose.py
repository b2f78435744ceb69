"""Composes the jobs of a sweep, and what they share only once."""

from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from typing import Any, cast, final

# Hydra's own way to apply ``key=value``, ``+key=value`` and ``~key`` to a composed config, and to
# name the overrides; it has no public one, and a second copy of its rules would drift from them.
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf

from dl_experiments.config import resolve
from dl_experiments.schema import Config
from hydra_plugins.dl_experiments_launcher._shared import Shared, refers, with_value


@final
class Composer:
    """Gives what ``load_sweep_config`` gives, in little of the time for most jobs of a sweep.

    Words that choose an option of a group (``model=deep``) say which files are read and merged,
    which takes the time; it is done once for all jobs with the same such words. The other words
    (``seed=3``, ``+key=1``, ``~key``) change a copy of that.

    Args:
        loader: Composes.
        config: The sweep's own config.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig) -> None:
        self.loader, self.config = loader, config
        self.is_group = cache(self._is_group)  # all are asked the same for job after job
        self._parse = cache(self._parsed)
        self._choose = cache(self._chosen)
        self._share, self._resolve = cache(self._shared), cache(self._resolved)
        self._common = self._of_the_sweep()

    def compose(self, words: Sequence[str]) -> DictConfig:
        """The config of the job with these overrides, with its ``hydra`` node; the caller's own.

        Raises:
            HydraException: What Hydra has to say against the words.
        """
        if self.is_hydras_business(words):
            return self.loader.load_sweep_config(self.config, list(words))
        choices, changes = self._split(words)
        config = deepcopy(self._choose(choices))
        ConfigLoaderImpl._apply_overrides_to_config(changes, config)
        _note([self._parse(word) for word in words], config)
        return config

    def resolved(self, words: Sequence[str]) -> Config:
        """What ``resolve`` makes of that; to be read only, as jobs share what is equal.

        Raises:
            HydraException: What Hydra has to say against the words.
            ValueError: An interpolation leads nowhere.
        """
        # What a word refers to may change with any other.
        own = any(refers(self._parse(word).value()) for word in words)
        if own or self.is_hydras_business(words):
            return resolve(self.compose(words))
        choices, changes = self._split(words)
        plain, rest = self._share(choices).divide(changes)
        config = self._resolve(choices, tuple(str(change.input_line) for change in rest))
        for change in plain:
            changed = with_value(config, change.key_or_group.split("."), change.value())
            config = cast(Config, changed)
        return config

    def hydra_node(self, words: Sequence[str]) -> DictConfig:
        """What Hydra is to do at a job, apart from its name and number; to be read only."""
        if self.is_hydras_business(words):
            return self.compose(words).hydra
        return self.options(words).hydra

    def options(self, words: Sequence[str]) -> DictConfig:
        """What the options that a job chooses come to, without its other words; to be read only."""
        choices, _ = self._split(words)
        return self.config if choices == self._common else self._choose(choices)

    def is_hydras_business(self, words: Sequence[str]) -> bool:
        """Whether only Hydra knows what follows: its own node changed, or a sweep in a job."""
        return any(_is_hydras_business(self._parse(word)) for word in words)

    def _split(self, words: Sequence[str]) -> tuple[tuple[str, ...], list[Override]]:
        """The words that choose options, and what the others change."""
        choices, changes = [], []
        for word in words:
            override = self._parse(word)
            if isinstance(override.value(), dict) or not self.is_group(override.key_or_group):
                changes.append(override)
            else:
                choices.append(word)
        return tuple(choices), changes

    def _is_group(self, key: str) -> bool:
        """Whether a group has that name; ``net/activation`` is one that lies in another."""
        if any(source.is_group(key) for source in self.loader.get_sources()):
            return True
        # The loader's own sources lack the places that the command or the primary config adds.
        return bool(self.config.hydra.searchpath) and bool(
            self.loader.get_group_options(
                key,
                config_name=self.config.hydra.job.config_name,
                overrides=list(self.config.hydra.overrides.hydra),
            )
        )

    def _parsed(self, word: str) -> Override:
        return OverridesParser.create().parse_overrides([word])[0]

    def _chosen(self, choices: tuple[str, ...]) -> DictConfig:
        return self.loader.load_sweep_config(self.config, list(choices))

    def _shared(self, choices: tuple[str, ...]) -> Shared:
        return Shared(self.options(choices))

    def _resolved(self, choices: tuple[str, ...], rest: tuple[str, ...]) -> Config:
        if choices == self._common and not rest:
            return resolve(self.config)
        return resolve(self.compose([*choices, *rest]))

    def _of_the_sweep(self) -> tuple[str, ...] | None:
        """The options of a job that chooses none of its own: the sweep's config will do for it.

        Values that are set there are set in each job; None where something else was done to it.
        """
        given: Any = OmegaConf.to_container(self.config.hydra.overrides.task)  # not interpolated
        kept = [w for w in map(str, given) if not self._parse(w).is_sweep_override()]
        choices, changes = self._split(kept)
        plain = all(one.type is OverrideType.CHANGE and one.package is None for one in changes)
        own = any(refers(self._parse(word).value()) for word in kept)
        made: Any = OmegaConf.to_container(self.config.hydra.runtime.choices)
        left = "???" in made.values()  # for which a job is refused
        return choices if plain and not own and not left else None


def _is_hydras_business(override: Override) -> bool:
    """Whether only Hydra knows what follows from it: its own node changed, or a sweep in a job."""
    hydras = override.is_hydra_override() or override.key_or_group == "hydra"
    return hydras or override.is_sweep_override()


def _note(overrides: Sequence[Override], config: DictConfig) -> None:
    """Say in ``config`` which overrides led to it."""
    job = config.hydra.job
    config.hydra.overrides.task = [override.input_line for override in overrides]
    job.override_dirname = get_overrides_dirname(
        overrides=list(overrides),
        kv_sep=job.config.override_dirname.kv_sep,
        item_sep=job.config.override_dirname.item_sep,
        exclude_keys=job.config.override_dirname.exclude_keys,
    )
