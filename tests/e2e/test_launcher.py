"""Hydra's own contract for launchers, and what ours promises beyond it."""

import os
import sys
from pathlib import Path
from typing import ClassVar

import hydra
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobStatus
from hydra.experimental.callback import Callback
from hydra.extra.pytest_plugin import hydra_restore_singletons, hydra_sweep_runner  # noqa: F401
from hydra.test_utils.launcher_common_tests import IntegrationTestSuite, LauncherTestSuite
from hydra.version import VersionBase


# The suite's own sample app says nothing of the working directory, which makes Hydra warn.
@pytest.mark.filterwarnings("ignore:\nFuture Hydra versions will no longer change:UserWarning")
@pytest.mark.parametrize(("launcher_name", "overrides"), [("lab", [])])
class TestLauncher(LauncherTestSuite):
    """A task function without ``plan``: ours does what Hydra's own does."""

    @pytest.fixture(autouse=True)
    def _no_version_base(self, hydra_restore_singletons):  # noqa: F811
        """The suite is written for a Hydra that no other test has told its version."""
        Singleton._instances.pop(VersionBase, None)


# Hydra starts a program for each of these and lets its warnings pass.
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [({}, ["-m", "hydra/launcher=lab", "hydra/sweeper=lab"])],
)
class TestIntegration(IntegrationTestSuite):
    """The same through ``hydra.main``, in processes of their own."""


class Task:
    """A task function with a plan; jobs are told apart by ``a``."""

    def __init__(self, failing=(), refuse=None):
        self.failing, self.refuse, self.ran = failing, refuse, []
        self.planned = None

    def plan(self, jobs):
        self.planned = [job.config["a"] for job in jobs]
        self.words = [job.overrides[-1:] for job in jobs]
        if self.refuse:
            raise ValueError(self.refuse)
        return [lambda _, a=a: self.call(a) for a in self.planned]

    def call(self, a):
        self.ran.append(a)
        if a in self.failing:
            raise self.failing[a]
        return 10 * a

    def __call__(self, config):
        raise AssertionError("a planned task function is called through its plan")


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys, hydra_restore_singletons):  # noqa: F811
    """``sweep(task, *overrides)``: exit code, standard error, the launcher's returns."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text(
        "defaults:\n  - _self_\n  - override hydra/launcher: lab\n  - override hydra/sweeper: lab\n"
        "  - override hydra/job_logging: none\n  - override hydra/hydra_logging: none\n"
        "a: 0\nhydra:\n  mode: MULTIRUN\n  output_subdir: null\n"
        '  sweep: {dir: out, subdir: "job-${a}"}\n'
    )
    Plugins.instance()  # imports the plugins anew, and with them the class to be watched
    from hydra_plugins.dl_experiments_launcher import lab

    returns = []
    launch = lab.LabLauncher.launch

    def launched(self, *args, **keys):
        returns.extend(launch(self, *args, **keys))
        return returns

    monkeypatch.setattr(lab.LabLauncher, "launch", launched)
    monkeypatch.chdir(tmp_path)

    def run(task, *overrides):
        def entry(config):
            return task(config)

        entry.plan = task.plan
        monkeypatch.setattr(sys, "argv", ["entry.py", *overrides])
        decorate = hydra.main(
            version_base="1.3", config_path=str(tmp_path / "conf"), config_name="config"
        )
        code = 0
        try:
            decorate(entry)()
        except SystemExit as error:
            code = error.code
        return code, capsys.readouterr().err, returns

    return run


def test_jobs_are_planned_together_and_run_in_order(sweep, tmp_path):
    task = Task()
    code, err, returns = sweep(task, "a=3,1,2")
    assert (code, err) == (0, "")
    assert task.planned == task.ran == [3, 1, 2]
    assert task.words == [["a=3"], ["a=1"], ["a=2"]]
    assert [r.return_value for r in returns] == [30, 10, 20]
    assert [list(r.overrides) for r in returns] == [["a=3"], ["a=1"], ["a=2"]]
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]  # a job's folder is its own


class Watching(Callback):
    """Sees the jobs, as a user's callback of Hydra's may."""

    seen: ClassVar[list] = []

    def on_job_start(self, config, **kwargs):
        self.seen.append((config.a, config.hydra.job.num, os.environ.get("WATCHED")))


def test_a_callback_of_hydras_sees_each_job(sweep, tmp_path):
    Watching.seen.clear()
    words = [f"+hydra.callbacks.mine._target_={__name__}.Watching", "+hydra.job.env_set.WATCHED=x"]
    task = Task()
    assert sweep(task, "a=3,1", *words)[0] == 0
    assert Watching.seen == [(3, 0, "x"), (1, 1, "x")]
    assert task.ran == [3, 1]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["job-1", "job-3"]


def test_a_single_run_is_a_sweep_of_one(sweep):
    task = Task()
    assert sweep(task)[0] == 0
    assert task.ran == [0]


def test_a_refused_plan_leaves_nothing_on_disk(sweep, tmp_path):
    task = Task(refuse="a=2 is too small")
    code, err, returns = sweep(task, "a=1,2")
    assert (code, err) == (2, "a=2 is too small\n")
    assert task.planned == [1, 2]
    assert task.ran == returns == []
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]


def test_a_failed_job_is_named_and_the_others_run(sweep):
    task = Task(failing={1: RuntimeError("out of luck"), 3: OSError("disk full")})
    code, err, _ = sweep(task, "a=0,1,2,3")
    assert task.ran == [0, 1, 2, 3]
    assert code == 1
    assert err.splitlines() == ["2 of 4 runs failed:", "  out of luck", "  disk full"]


def test_an_interrupt_ends_the_sweep(sweep):
    task = Task(failing={1: KeyboardInterrupt()})
    code, err, _ = sweep(task, "a=0,1,2")
    assert task.ran == [0, 1]
    assert code == 130
    assert err == "interrupted; the same command goes on from here\n"


def test_job_status_is_completed(sweep):
    _, _, returns = sweep(Task(), "a=1")
    assert [r.status for r in returns] == [JobStatus.COMPLETED]


def test_what_an_option_asks_of_hydra_is_done(sweep, tmp_path):
    Watching.seen.clear()
    (tmp_path / "conf" / "net").mkdir()
    for name in ("wide", "deep"):
        (tmp_path / "conf" / "net" / f"{name}.yaml").write_text(
            f"# @package _global_\nkind: {name}\nhydra: {{job: {{env_set: {{WATCHED: {name}}}}}}}\n"
        )
    words = [f"+hydra.callbacks.mine._target_={__name__}.Watching", "+net=wide,deep"]
    assert sweep(Task(), "a=3", *words)[0] == 0
    assert Watching.seen == [(3, 0, "wide"), (3, 1, "deep")]


def test_what_is_left_to_be_chosen_is_asked_for(sweep, tmp_path):
    file = tmp_path / "conf" / "config.yaml"
    file.write_text(file.read_text().replace("defaults:", "defaults:\n  - net: ???"))
    (tmp_path / "conf" / "net").mkdir()
    (tmp_path / "conf" / "net" / "wide.yaml").write_text("width: 8\n")
    task = Task()
    code, err, _ = sweep(task, "a=1")
    assert (code, task.planned) == (1, None)
    assert "You must specify 'net'" in err
    assert sweep(task, "a=1", "net=wide")[0] == 0


@pytest.fixture
def compositions(monkeypatch):
    """The overrides of every job that Hydra composes."""
    found = []
    load = ConfigLoaderImpl.load_sweep_config

    def loaded(self, master_config, sweep_overrides):
        found.append(list(sweep_overrides))
        return load(self, master_config, sweep_overrides)

    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", loaded)
    return found


def test_jobs_that_choose_the_same_options_are_composed_once(sweep, compositions, tmp_path):
    (tmp_path / "conf" / "net").mkdir()
    for name in ("wide", "deep"):
        (tmp_path / "conf" / "net" / f"{name}.yaml").write_text(f"kind: {name}\n")
    task = Task()
    assert sweep(task, "a=1,2,3", "+net=wide,deep")[0] == 0
    assert task.ran == [1, 1, 2, 2, 3, 3]
    assert [words for words in compositions if words] == [["+net=wide"], ["+net=deep"]]


def test_jobs_that_choose_none_of_their_own_are_not_composed(sweep, compositions):
    task = Task()
    assert sweep(task, "a=1,2,3")[0] == 0
    assert task.ran == [1, 2, 3]
    assert compositions == []


def test_another_launcher_has_its_jobs_checked_by_the_sweeper(sweep, compositions):
    task = Task()
    sweep(task, "hydra/launcher=basic", "a=1,2")
    assert compositions[:2] == [["a=1"], ["a=2"]]
    assert len(compositions) > 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a=1,2", "b=1,2"], "Could not override 'b'"),
        (["+a=1,2"], "An item is already at 'a'"),
        (["a=1", "net=wide,deep"], "Could not override 'net'"),
    ],
)
def test_a_bad_word_ends_the_command_before_any_job(sweep, tmp_path, words, says):
    task = Task()
    code, err, _ = sweep(task, *words)
    assert code == 1
    assert says in err
    assert "Traceback" not in err
    assert task.planned is None
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]


def test_a_bad_value_of_one_job_ends_the_command_before_any_job(sweep, tmp_path):
    """Seen in no config but that job's."""
    (tmp_path / "conf" / "net").mkdir()
    (tmp_path / "conf" / "net" / "wide.yaml").write_text("width: 8\n")
    task = Task()
    code, err, _ = sweep(task, "a=1", "+net=wide,deep")
    assert code == 1
    assert "net/deep" in err
    assert task.planned is None
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]


def test_the_plugin_lies_in_hydras_namespace():
    import hydra_plugins

    assert not Path(hydra_plugins.__path__[0], "__init__.py").exists()
