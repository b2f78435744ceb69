"""What a composed config comes to: a plain dict, and the words that it may be written with."""

import math
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dl_experiments import identity
from dl_experiments.schema import Config

CONF = Path(__file__).resolve().parents[1] / "conf"
"""The folder of our own configs."""


def register_resolvers() -> None:
    """Make ``${run_path:}``, a run's place below the outputs, known to Hydra's own configs."""
    OmegaConf.register_new_resolver(
        "run_path", lambda *, _root_: str(identity.run_path(resolve(_root_))), replace=True
    )
    OmegaConf.register_new_resolver("epochs_for", epochs_for, replace=True)
    OmegaConf.register_new_resolver("rate_for", rate_for, replace=True)


def epochs_for(updates: int, samples: int, batch_size: int) -> int:
    """``${epochs_for:updates,samples,batch_size}``: fewest epochs with so many updates."""
    return math.ceil(updates / math.ceil(samples / batch_size))


def rate_for(rate: float, batch_size: int, reference: int, optimizer: str) -> float:
    """``${rate_for:rate,batch_size,reference,optimizer}``: a learning rate scaled with the batch.

    η·B/B₀ of ``torch.optim.SGD`` (Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.1),
    η·√(B/B₀) of any other, as of Adam and RMSProp (Malladi et al. 2022, "On the SDEs and scaling
    rules for adaptive gradient algorithms"), to four digits.

    Args:
        rate: η, that of a batch of B₀.
        batch_size: B.
        reference: B₀.
        optimizer: Its class, as in ``optimizer._target_``.
    """
    power = 1.0 if optimizer == "torch.optim.SGD" else 0.5
    return float(f"{rate * (batch_size / reference) ** power:.4g}")


def own(config: DictConfig) -> DictConfig:
    """A config without Hydra's own node."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


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


def resolve(config: DictConfig) -> Config:
    """The plain, resolved config of a run, without Hydra's own node; not checked yet.

    Measurements that are said among the callbacks, as they once were, stand in their place.

    Raises:
        ValueError: An interpolation leads nowhere.
    """
    resolved = plain(own(config))
    resolved.pop("at", None)  # an experiment's table of scales has done its work
    if type(resolved.get("study")) is int:
        resolved["study"] = str(resolved["study"])
    _move_measurements(resolved)
    return cast(Config, resolved)


def _move_measurements(config: dict[str, Any]) -> None:
    """What is said in the old place is somebody's own word, so it wins where both say something."""
    callbacks, measurements = config.get("callbacks"), config.get("measurements")
    if isinstance(callbacks, dict) and isinstance(measurements, dict):
        for key in identity.ONCE_CALLBACKS:
            if key in callbacks:
                said, there = callbacks.pop(key), measurements.get(key)
                both = isinstance(said, dict) and isinstance(there, dict)
                measurements[key] = there | said if both else said
