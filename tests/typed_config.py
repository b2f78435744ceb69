"""What mypy knows of a config, held by ``make lint``: an ignore that nothing needs is an error."""

from typing import assert_type

from dl_experiments.schema import Config


def keys(config: Config) -> None:
    assert_type(config["trainer"]["max_epochs"], int)
    assert_type(config["label_noise"]["fraction"], float)
    config["trainer"]["max_epoch"]  # type: ignore[typeddict-item]
    config["optimiser"]  # type: ignore[typeddict-item]
    config["label_noise"]["fraction"] + "x"  # type: ignore[operator]
    config["model"]["hiden"]  # type: ignore[typeddict-item]
