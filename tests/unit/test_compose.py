"""A sweep's jobs are composed as Hydra alone composes them, one after another."""

import re
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import permutations

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from dl_experiments.config import register_resolvers, resolve
from hydra_plugins.dl_experiments_launcher._compose import Composer
from hydra_plugins.dl_experiments_launcher._grid import check_grid
from hydra_plugins.dl_experiments_launcher.sweeper import LabSweeper
from tests.conftest import CONF, _composed

register_resolvers()


@pytest.fixture
def sweep():
    """``sweep("model=deep,shallow", ...)``: Hydra's loader, the sweep's config, its jobs."""
    with ExitStack() as stack:

        def start(*words, folder=CONF, name="train"):
            stack.enter_context(initialize_config_dir(str(folder), version_base="1.3"))
            loader = GlobalHydra.instance().config_loader()
            config = loader.load_configuration(name, list(words), run_mode=RunMode.MULTIRUN)
            grid = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
            parsed = OverridesParser.create().parse_overrides([*grid, *config.hydra.overrides.task])
            (jobs,) = LabSweeper.split_arguments(parsed, None)
            return loader, config, jobs

        yield start


def content(config, resolve):
    return OmegaConf.to_container(config, resolve=resolve, enum_to_str=False)


def assert_composed_as_by_hydra(loader, master, jobs):
    composer = Composer(loader, master)
    composed = [composer.compose(words) for words in jobs]  # all, before any is looked at
    for words, ours in zip(jobs, composed, strict=True):
        hydras = loader.load_sweep_config(master, list(words))
        plain = composer.resolved(words)
        assert plain == resolve(hydras)
        assert repr(plain) == repr(resolve(hydras))  # types, and the order of keys
        assert content(ours, resolve=False) == content(hydras, resolve=False)
        for config in (ours, hydras):
            config.hydra.job.num = 0  # what is known later
            config.hydra.runtime.output_dir = "here"
        assert content(ours, resolve=True) == content(hydras, resolve=True)
        assert list(ours) == list(hydras)  # the order too
        assert OmegaConf.get_type(ours.hydra) is OmegaConf.get_type(hydras.hydra)
        for node in ("model", "hydra", "hydra.job", "hydra.overrides.task"):
            for flag in (OmegaConf.is_struct, OmegaConf.is_readonly):
                assert flag(OmegaConf.select(ours, node)) == flag(OmegaConf.select(hydras, node))


@pytest.mark.parametrize(
    "words",
    [
        ["model.hidden=[4]", "data.samples=16", "optimizer.lr=1e-3", "seed=3", "study=b"],
        ["schedule=cosine", "trainer.max_epochs=7", "trainer.precision=64-true", "logger=none"],
        ["model=cnn", "optimizer=sgd", "data=digits", "schedule=step", "optimizer.lr=2.0"],
        ["optimizer=sgd", "+optimizer.more=1", "experiment=hw1_1_mnist", "scale=smoke"],
        ["model=deep", "data=digits", "data.batch_size=8", "model.activation=tanh", "arm=null"],
        ["experiment=hw1_2_minimal_ratio", "scale=smoke", "at.smoke.epochs=3", "model.dropout=0.1"],
        ["~measurements.predictions", "+callbacks.own._target_=a.B", "+callbacks.own.first=4"],
    ],
)
def test_what_the_tests_compose_is_what_hydra_composes(compose, words):
    ours, hydras = compose(*words), deepcopy(_composed(tuple(words)))
    hydras["paths"] = ours["paths"]
    assert ours == hydras


SWEEPS = [
    "",
    "seed=3",
    "model=deep,shallow data=sinc seed=range(0,2)",
    "seed=range(0,2) optimizer=sgd,adam optimizer.lr=0.1,0.001",
    "data=digits label_noise=none,half label_noise.kind=uniform,symmetric",
    "experiment=hw1_1_mnist scale=smoke optimizer.lr=0.1,0.2",
    "experiment=hw1_1_simulate scale=smoke data=sinc model=deep,shallow",
    "+trainer.more=1,2 seed=0,1",
    "seed=0,1 +trainer.more=1 trainer.more=2,3",
    "++model.extra=[1,2] ++optimizer.lr=0.5 seed=0,1",
    "~optimizer.weight_decay seed=0,1",
    "~logger seed=0,1",
    "~logger=tensorboard seed=0,1",
    "+optimizer@second=sgd seed=0,1",
    "optimizer.lr=${seed},${trainer.max_epochs} seed=1,2",
    "study=${oc.env:HOME_OF_NOBODY,x} model.hidden=[3],[4,4]",
    "study='a,b','c=d'",
    "seed='choice(1,2)' study='\"1,2\"',b",
    "model={hidden:[1]},{hidden:[2,3],dropout:0.5} seed=0,1",
    "model.dropout=0.1 model={dropout:0.2} seed=0,1",
    "paths={outputs:x} paths.data=null,'~/d' seed=1e3,true",
    "hydra.job.config.override_dirname.exclude_keys=[seed] seed=0,1 model=deep,shallow",
    "hydra.job.name=mine +hydra.job.env_set={A:b} seed=0,1",
]


@pytest.mark.parametrize("words", SWEEPS)
def test_as_hydra_composes(sweep, words):
    assert_composed_as_by_hydra(*sweep(*words.split()))


JOBS_WITH_HYDRAS_WORDS = [
    ["hydra.job.name=mine", "seed=1"],
    ["hydra={job:{name:mine}}", "seed=1", "model=shallow"],
    ["hydra/help=default", "seed=1"],
]


@pytest.mark.parametrize("words", JOBS_WITH_HYDRAS_WORDS)
def test_a_job_that_changes_hydras_own_node(sweep, words):
    loader, config, _ = sweep("seed=0,1")
    assert_composed_as_by_hydra(loader, config, [words, ["seed=2"]])


def test_groups_of_another_search_path(sweep, tmp_path):
    (tmp_path / "colour").mkdir()
    (tmp_path / "colour" / "red.yaml").write_text("hex: ff0000\n")
    (tmp_path / "colour" / "blue.yaml").write_text("hex: 0000ff\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "tiny.yaml").write_text("name: tiny\n")
    place = f"hydra.searchpath=[file://{tmp_path}]"
    assert_composed_as_by_hydra(
        *sweep(place, "+colour=red,blue", "model=tiny", "seed=0,1", "++colour.hex=1")
    )


def test_nested_groups(sweep, tmp_path):
    (tmp_path / "net" / "act").mkdir(parents=True)
    (tmp_path / "net" / "act" / "relu.yaml").write_text("slope: 0\n")
    (tmp_path / "net" / "act" / "leaky.yaml").write_text("slope: 0.1\n")
    (tmp_path / "net" / "small.yaml").write_text("defaults:\n  - act: relu\nwidth: 3\n")
    (tmp_path / "app.yaml").write_text("defaults:\n  - net: small\n  - _self_\nmodel: {a: 1}\n")
    words = ["net/act=relu,leaky", "net.width=1,2", "net.act.slope=7", "+net/act@other=leaky"]
    assert_composed_as_by_hydra(*sweep(*words, folder=tmp_path, name="app"))


REFERRING = """
a: 1
b: {c: 2, d: "${.c}", e: "${a}", f: 4}
g: {h: "${oc.select:b.c}", i: "${b.${which}}", j: "x ${..which} y", k: 1}
which: c
which2: n
l: ["${a}", 3]
m: "${b}"
n: 0.5
o: ???
p: "${epochs_for:${a},3,2}"
q: "${rate_for:0.5,${a},3,${which}}"
s-t: {u: 1, v-w: "${.u}", x: "${s-t.u}", y: "${oc.select:s-t.u}", z: "${..s-t.u}"}
"""
SET = [
    "a=5",
    "b.c=5",
    "b.d=9",
    "b.e=9",
    "b.f=9",
    "g.k=2",
    "which=d",
    "l=[1,2]",
    "m=3",
    "n=1",
    "n=[1,a]",
]
SET += [
    "s-t.u=4",
    "s-t.v-w=5",
    r"n=$\{a\}",
    r"n=[$\{b.c\}]",
    "o=1",
    "p=7",
    "n=null",
    "n='b c'",
    "n=???",
    "b={f:1}",
    "b.f=[[1],[2]]",
    "++n=3",
    "~n",
    "study=5",
]


ODD = [  # one line more, by which no key can be told to be without consequence
    *("", 'q: "${now:%Y}"', "n: 1", "r: {f: 0}", 'q: "${${which2}}"', 'q: "${b[c]}"', 'q: "${.n}"'),
    *('q: "${oc.select:${which2}}"', 'q: "${which}-${n}"', r"q: '\${a}'", r"q: '\\${n}'"),
]


@pytest.mark.parametrize("more", ODD)
def test_what_a_changed_value_changes_with_it(sweep, tmp_path, more):
    """Whatever refers to it, in whatever way; in pairs, as one word may undo another's effect."""
    lines = [line for line in REFERRING.splitlines() if line.partition(":")[0] != more[:1]]
    (tmp_path / "app.yaml").write_text("\n".join([*lines, more, "study: a"]))
    loader, config, _ = sweep(folder=tmp_path, name="app")
    pairs = [] if more else [list(pair) for pair in permutations(SET, 2)]
    composer = Composer(loader, config)
    taken = 0
    singles = [[word] for word in (SET[::3] if more else SET)]
    for words in [*singles, *pairs[::17]]:
        try:
            hydras = resolve(loader.load_sweep_config(config, words))
        except (HydraException, ValueError) as error:
            with pytest.raises(type(error), match=re.escape(str(error))):
                composer.resolved(words)
            continue
        assert repr(composer.resolved(words)) == repr(hydras)
        taken += 1
    assert taken >= len(singles) / 2


@dataclass
class Declared:
    port: int = 80
    name: str = "x"
    sizes: dict[str, int] = field(default_factory=lambda: {"a": 1})


def test_a_declared_type_converts_what_it_is_given(sweep, tmp_path):
    ConfigStore.instance().store("declared", Declared, group="model")
    (tmp_path / "app.yaml").write_text("defaults: [model: declared, _self_]\nfree: 1\n")
    words = ["model.port='81'", "model.name=7", "model.sizes.a='3'", "free='81'", "model.port=3"]
    loader, config, _ = sweep(folder=tmp_path, name="app")
    assert_composed_as_by_hydra(loader, config, [[word] for word in words])
    assert Composer(loader, config).resolved(words[:1])["model"]["port"] == 81


def test_jobs_that_differ_in_values_share_one_resolved_config(sweep):
    loader, config, jobs = sweep("model=deep,shallow", "data=sinc", "seed=range(0,32)")
    composer = Composer(loader, config)
    configs = [composer.resolved(words) for words in jobs]
    assert composer._resolve.cache_info().currsize == 2  # one a model
    assert [c["seed"] for c in configs] == [*range(32), *range(32)]
    assert configs[0]["model"] is configs[31]["model"] is not configs[32]["model"]


def test_an_experiment_with_its_own_grid(sweep):
    loader, config, jobs = sweep("experiment=hw1_1_simulate", "scale=smoke")
    assert len(jobs) == 36
    assert_composed_as_by_hydra(loader, config, [jobs[0], jobs[7], jobs[35]])


def test_jobs_are_composed_once_for_all_that_choose_the_same(sweep, monkeypatch):
    loader, config, jobs = sweep("model=deep,shallow", "data=sinc", "seed=range(0,32)")
    composed = []
    load = loader.load_sweep_config
    monkeypatch.setattr(
        loader, "load_sweep_config", lambda c, words: composed.append(words) or load(c, words)
    )
    composer = Composer(loader, config)
    configs = [composer.compose(words) for words in jobs]
    assert composed == [["model=deep", "data=sinc"], ["model=shallow", "data=sinc"]]
    assert [c.seed for c in configs] == [*range(32), *range(32)]


def test_an_option_that_names_itself_is_not_left_out_to_see_whether_it_is_idle(sweep, monkeypatch):
    words = ["model=deep,shallow", "data=sinc", "label_noise=half", "model.activation=tanh"]
    loader, config, jobs = sweep(*words)
    composed = []
    load = loader.load_sweep_config
    monkeypatch.setattr(
        loader, "load_sweep_config", lambda c, words: composed.append(words) or load(c, words)
    )
    check_grid(Composer(loader, config), jobs)
    with_it = ["model=deep", "data=sinc", "label_noise=half"]
    assert composed == [with_it, with_it[:2], ["model=shallow", *with_it[1:]]]


def test_a_jobs_config_is_its_own(sweep):
    loader, config, _ = sweep("seed=0,1")
    composer = Composer(loader, config)
    first, second = composer.compose(["seed=0"]), composer.compose(["seed=0"])
    first.model.hidden.append(7)
    first.hydra.job.num = 5
    first.hydra.overrides.task.append("x=1")
    third = composer.compose(["seed=0"])
    assert content(second, resolve=False) == content(third, resolve=False)
    assert content(first, resolve=False) != content(third, resolve=False)


REFUSED = [
    ["model=deeep", "seed=0"],
    ["seed=0", "optimiser=adam"],
    ["seed=0", "trainer.epochs=3"],
    ["+seed=0"],
    ["~seed=7"],
    ["~nothing"],
    ["~experimental"],
    ["++model=deep"],
    ["model@net=deep"],
    ["seed@net=deep"],
    ["no/group=deep"],
    ["seed=0,1"],
    ["model=1"],
    ["seed.below=1"],  # a TypeError of Hydra's own
    ["trainer=[1]"],
    ["seed=[1"],
]


@pytest.mark.parametrize("words", REFUSED)
def test_refused_in_hydras_words(sweep, words):
    loader, config, _ = sweep("seed=0,1")
    with pytest.raises((HydraException, ValueError, TypeError)) as hydras:
        loader.load_sweep_config(config, words)
    with pytest.raises(type(hydras.value)) as ours:
        Composer(loader, config).compose(words)
    assert str(ours.value) == str(hydras.value)
    assert type(ours.value.__cause__) is type(hydras.value.__cause__)


@pytest.mark.parametrize(
    ("updates", "samples", "batch_size", "epochs"),
    [(600, 60_000, 100, 1), (601, 60_000, 100, 2), (1000, 60_000, 1510, 25), (1, 50, 50, 1)],
)
def test_epochs_for_a_number_of_updates(updates, samples, batch_size, epochs):
    words = f"${{epochs_for:{updates},{samples},{batch_size}}}"
    assert OmegaConf.create({"epochs": words}).epochs == epochs


@pytest.mark.parametrize(
    ("optimizer", "batch_size", "rate"),
    [("SGD", 30, 0.001), ("SGD", 90, 0.003), ("Adam", 120, 0.002), ("Adam", 10, 0.0005774)],
)
def test_rate_for_a_batch_size(optimizer, batch_size, rate):
    words = f"${{rate_for:0.001,{batch_size},30,torch.optim.{optimizer}}}"
    assert OmegaConf.create({"rate": words}).rate == rate


def test_what_tests_compose_is_what_hydra_composes(compose):
    """Seed and study are set without it there."""
    words = ["model=deep", "data=digits", "seed=3", "study=mine_2"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = resolve(hydra_compose("train", words))
    config["paths"]["outputs"] = compose()["paths"]["outputs"]
    assert compose(*words) == config
