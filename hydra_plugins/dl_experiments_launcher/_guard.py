"""Refuses, before Hydra makes any folder, what the launcher is too late for."""

from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class Guard(Callback):
    """Checks the outputs folder of a sweep, and the whole config where there is no sweep.

    A callback's ``SystemExit`` ends the command with its message; Hydra turns every other
    exception of a callback into a warning.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """The sweeper is about to write into the outputs folder."""
        from dl_experiments.sweep.plan import check_outputs

        _refuse(lambda: check_outputs(config.paths.outputs))

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """``hydra.mode=RUN``: there is no launcher."""
        from dl_experiments import build
        from dl_experiments.job import Job
        from dl_experiments.sweep.plan import check

        _refuse(lambda: check([Job(build.resolve(config), [])]))


def _refuse(check: Any) -> None:
    try:
        check()
    except ValueError as error:
        raise SystemExit(str(error)) from None
