"""Refuses, before Hydra makes any folder, what the launcher is too late for."""

from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf


class Guard(Callback):
    """Checks the outputs folder of a sweep, and the whole config where there is no sweep.

    A callback's ``SystemExit`` ends the command; Hydra turns every other exception of a callback
    into a warning.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """The sweeper is about to write into the outputs folder."""
        from dl_experiments.planning import check_outputs
        from hydra_plugins.dl_experiments_launcher._refusals import refused

        with refused():
            _check_places(config)
            check_outputs(config.paths.outputs)

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """``hydra.mode=RUN``: there is no launcher."""
        from dl_experiments import planning
        from dl_experiments.config import resolve
        from dl_experiments.job import Job
        from hydra_plugins.dl_experiments_launcher._refusals import refused

        with refused():
            _check_places(config)
            jobs = [Job(resolve(config))]
            planning.check(jobs)
            if not planning.nothing_to_do(jobs):
                from dl_experiments.sweep.plan import check

                check(jobs)


def _check_places(config: DictConfig) -> None:
    """Refuse folders of Hydra's own, where a run's follow from its config alone.

    Raises:
        ValueError: One is set, or runs are to change the working directory.
    """
    plain = OmegaConf.to_container(config.hydra, resolve=False)
    assert isinstance(plain, dict)
    for key, usual in (
        ("sweep.dir", "${paths.outputs}"),
        ("sweep.subdir", "${run_path:}"),
        ("run.dir", "${paths.outputs}/${run_path:}"),
    ):
        part, _, name = key.partition(".")
        if plain[part][name] != usual:
            raise ValueError(
                f"hydra.{key}={plain[part][name]}: where a run lies follows from its config; "
                "paths.outputs and study say where"
            )
    if plain["job"]["chdir"]:
        raise ValueError(
            "hydra.job.chdir=True: a command stays where it is; paths.outputs and study say where "
            "runs lie"
        )
