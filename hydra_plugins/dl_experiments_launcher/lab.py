"""A launcher that sees the whole sweep before its first job.

Hydra imports this module at every start to discover it, so it imports nothing heavy.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, final

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from dl_experiments import stop
from dl_experiments.job import Job
from dl_experiments.stop import INTERRUPTED
from hydra_plugins.dl_experiments_launcher._compose import Composer
from hydra_plugins.dl_experiments_launcher._grid import check_grid
from hydra_plugins.dl_experiments_launcher._refusals import is_hydras
from hydra_plugins.dl_experiments_launcher._words import of_jobs


@dataclass
class LabLauncherConf:
    """Config of ``hydra/launcher=lab``."""

    _target_: str = "hydra_plugins.dl_experiments_launcher.lab.LabLauncher"


_SILENT = {"version": 1, "root": None, "disable_existing_loggers": False}  # job_logging: none
_GUARD = "hydra_plugins.dl_experiments_launcher._guard.Guard"
ConfigStore.instance().store(
    group="hydra/launcher", name="lab", node=LabLauncherConf, provider="dl_experiments"
)


class LabLauncher(Launcher):
    """Composes every job, lets the task function plan them all, then runs them in order.

    A task function may carry an attribute ``plan``: a function from the list of jobs (see
    ``job.Job``: a resolved config and the words that lead to it) to a list of callables, one a job.
    It may raise ``ValueError`` to refuse the sweep, which ends the command with that one line and
    leaves nothing on disk. A task function without ``plan`` is called for each job's config, as by
    Hydra's basic launcher.
    """

    # What our sweeper asks: it need not compose the jobs to find a bad one.
    composes_all_first = True

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what ``launch`` needs."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs; one ``JobReturn`` each, in order.

        Raises:
            SystemExit: A planned sweep was refused (2), has failed runs (1), or was interrupted
                (130, 143 or 129, by the signal); what there is to say has been printed.
        """
        with stop.watching():
            return self._launch(job_overrides, initial_job_idx)

    def _launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        composer = Composer(self.hydra_context.config_loader, self.config)
        jobs = [_Cell(composer, words, n) for n, words in enumerate(job_overrides, initial_job_idx)]
        plan = getattr(self.task_function, "plan", None)
        if plan is None:
            return [self._run(job, self.task_function) for job in jobs]
        try:
            resolved = [composer.resolved(words) for words in job_overrides]
            check_grid(composer, job_overrides)
            words = of_jobs(self.config.hydra, job_overrides)
            calls = plan([Job(config, own) for config, own in zip(resolved, words, strict=True)])
            with _visible(self.config):
                returns = [
                    (self._run if _is_watched(job) else _start)(job, call)
                    for job, call in zip(jobs, calls, strict=True)
                ]
        except ValueError as error:
            if is_hydras(error):
                raise
            _leave(2, str(error))
        except (KeyboardInterrupt, stop.Stopped):
            _leave(128 + stop.number(), INTERRUPTED)
        failed = [r for r in returns if r.status == JobStatus.FAILED]
        if failed:
            lines = [f"  {r._return_value}" for r in failed]
            _leave(1, "\n".join([f"{len(failed)} of {len(returns)} runs failed:", *lines]))
        return returns

    def _run(self, job: "_Cell", call: Any) -> JobReturn:
        returned = run_job(
            hydra_context=self.hydra_context,
            task_function=call,
            config=job.composed(),
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        return returned


@final
@dataclass(frozen=True)
class _Cell:
    """A job of the sweep, which is composed where Hydra is to see it."""

    composer: Composer
    words: Sequence[str]
    number: int

    def composed(self) -> DictConfig:
        config = self.composer.compose(self.words)
        with open_dict(config):
            config.hydra.job.id = str(self.number)
            config.hydra.job.num = self.number
        return config


def _is_watched(job: _Cell) -> bool:
    """Whether Hydra has something of its own to do at a job, which must be composed for it."""
    own = job.composer.hydra_node(job.words)
    silent = own.job_logging == _SILENT and own.output_subdir is None
    others = [one for one in own.callbacks.values() if one._target_ != _GUARD]
    return not silent or bool(others) or bool(own.job.env_set)


@contextmanager
def _visible(config: DictConfig) -> Iterator[None]:
    """What ``HydraConfig.get()`` gives inside; for a job that is composed, Hydra sets its own."""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)
    try:
        yield
    finally:
        HydraConfig.instance().cfg = before


def _start(job: _Cell, call: Any) -> JobReturn:
    """What Hydra's ``run_job`` does, where it has nothing to do but call."""
    try:
        returned, status = call(None), JobStatus.COMPLETED
    except Exception as error:
        returned, status = error, JobStatus.FAILED
    return JobReturn(overrides=job.words, status=status, _return_value=returned)


def _leave(code: int, message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(code)
