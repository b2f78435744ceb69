"""What one config asks for: which run that is, and where it lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

from dl_experiments import identity
from dl_experiments.schema import Config


@final
@dataclass(frozen=True)
class Job:
    """A resolved config, and the words that lead to it; id and place follow from the config alone.

    What has become of it so far lies in its directory, and is looked up there.

    Attributes:
        config: Resolved.
        overrides: What leads to it on a command line.
        expected: The record of what it is to be trained on, as its command was planned.
        tried: What of it a stack did not know, was tried and is computed as it is alone.
    """

    config: Config
    overrides: Sequence[str] = ()
    expected: Mapping[str, Any] | None = None
    tried: Sequence[str] = ()

    @cached_property
    def id(self) -> str:
        """See ``identity.run_id``."""
        return identity.run_id(self.config)

    @cached_property
    def path(self) -> Path:
        """Its run directory."""
        outputs = Path(self.config["paths"]["outputs"]).expanduser()
        return outputs / identity.run_path(self.config, self.id)

    @property
    def words(self) -> str:
        """What tells it from the other jobs of a command, for a message."""
        return " ".join(w for w in self.overrides if not w.startswith(("hydra.", "paths.", "--")))
