"""Which runs of a sweep share a stack, which are alone and why, and how groups are split."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from lightning import Callback
from torch import nn

from dl_experiments import build, machine
from dl_experiments.callbacks.observer import Observer
from dl_experiments.job import Job
from dl_experiments.sweep import choice, grouping, kernel
from dl_experiments.sweep.grouping import Planned

LANES = 16
FUNCTION = ["model=mlp", "model.hidden=[4]", "data=sinc", "data.samples=16", "data.batch_size=8"]
IMAGES = ["model=mlp", "model.hidden=[4]", "data=digits", "data.samples=16", "data.batch_size=8"]
KINDS = {"sinc": FUNCTION, "digits": IMAGES}
HERE = "model._target_=test_grouping."


@pytest.fixture(autouse=True)
def kernels(monkeypatch):
    """A compiler that compiles nothing: what is grouped here is not trained."""
    monkeypatch.setattr(kernel, "load", lambda dtype: SimpleNamespace(lanes=LANES))


@pytest.fixture
def configs(compose):
    """``configs(words, {"seed": 1}, {...})``: one config each, on one worker, stacked where it can.

    A tuple in place of a mapping is overrides that must be composed.
    """

    def made(words, *changes):
        always = ["sweep.stack=always", "sweep.workers=1", "trainer.accelerator=cpu"]
        found = []
        for change in changes:
            more = change if isinstance(change, tuple) else ()
            config = deepcopy(compose(*always, *words, *more))
            for dotted, value in {} if more else change.items():
                *path, key = dotted.split(".")
                node = config
                for word in path:
                    node = node[word]
                node[key] = value
            found.append(config)
        return found

    return made


def todos(configs, epochs=None):
    epochs = epochs or [0] * len(configs)
    parts = [build.check(config) for config in configs]
    return [
        grouping.with_key(Planned(Job(config), *part, "resume" if epoch else "start", epoch))
        for config, part, epoch in zip(configs, parts, epochs, strict=True)
    ]


def units(configs, epochs=None):
    return grouping.units(todos(configs, epochs))


def sizes(found):
    return [len(unit.jobs) for unit in found]


# --- what shares a stack


@pytest.mark.parametrize(
    ("data", "change"),
    [
        ("sinc", {"seed": 1}),
        ("sinc", {"data.seed": 1}),
        ("sinc", {"data.name": "square"}),
        ("sinc", {"data.high": 2.0}),
        ("sinc", {"optimizer.lr": 0.5}),
        ("sinc", {"optimizer.weight_decay": 0.5}),
        ("sinc", {"optimizer.betas": [0.1, 0.2], "optimizer.eps": 1.0}),
        ("sinc", {"trainer.target_loss": 0.1}),
        ("sinc", {"trainer.log_every": 3}),
        ("sinc", {"model.name": "another"}),
        ("sinc", {"study": "another"}),
        ("sinc", ("schedule=cosine",)),
        ("digits", {"label_noise.fraction": 0.5}),
        ("digits", {"label_noise.fraction": 0.5, "label_noise.kind": "symmetric"}),
        ("digits", {"data.augment": 1}),
    ],
    ids=str,
)
def test_what_differs_in_values_shares_a_stack(configs, data, change):
    (unit,) = units(configs(KINDS[data], {}, change))
    assert len(unit.jobs) == 2
    assert unit.why == ""


@pytest.mark.parametrize(
    ("data", "change"),
    [
        ("sinc", {"model.hidden": [5]}),
        ("sinc", {"model.hidden": [4, 4]}),
        ("sinc", {"model.activation": "tanh"}),
        ("sinc", {"model.dropout": 0.1}),
        ("sinc", {"data.batch_size": 4}),
        ("sinc", {"data.samples": 24}),
        ("sinc", {"data.test_samples": 7}),
        ("sinc", {"trainer.max_epochs": 3}),
        ("sinc", {"trainer.threads": 2}),
        ("sinc", {"trainer.precision": "64-true"}),
        ("sinc", {"loss": "huber"}),
        ("sinc", ("optimizer=sgd",)),
        ("sinc", ("optimizer=adamw",)),
        ("digits", {"loss": "mse"}),
    ],
    ids=str,
)
def test_what_differs_in_shape_or_arithmetic_does_not(configs, data, change):
    found = units(configs(KINDS[data], {}, change))
    assert sizes(found) == [1, 1]
    assert [unit.why for unit in found] == ["", ""]  # each could have been stacked with its like


def test_data_of_another_kind_does_not_share_a_stack(configs):
    shapes = configs(FUNCTION, {}) + configs(IMAGES, {})
    assert sizes(units(shapes)) == [1, 1]


def test_what_an_update_rule_must_share(configs):
    sgd = [*FUNCTION, "optimizer=sgd"]
    assert sizes(units(configs(sgd, {}, {"optimizer.momentum": 0.5}))) == [2]
    assert sizes(units(configs(sgd, {}, {"optimizer.momentum": 0.0}))) == [1, 1]
    assert sizes(units(configs(sgd, {}, {"optimizer.nesterov": True}))) == [1, 1]


def test_members_start_at_one_epoch(configs):
    seeds = configs(FUNCTION, *({"seed": seed} for seed in range(4)))
    found = units(seeds, epochs=[0, 7, 0, 7])
    assert [[cell.config["seed"] for cell in unit.jobs] for unit in found] == [[0, 2], [1, 3]]


def test_dropout_shares_a_stack(configs):
    dropout = {"model.dropout": 0.5}
    assert sizes(units(configs(FUNCTION, dropout, dropout | {"seed": 1}))) == [2]


def test_groups_and_members_stay_in_the_order_of_the_sweep(configs):
    changes = [{"model.hidden": [width], "seed": s} for s in range(3) for width in (4, 5)]
    found = units(configs(FUNCTION, *changes))
    order = [[(c.config["model"]["hidden"], c.config["seed"]) for c in u.jobs] for u in found]
    assert order == [[([4], 0), ([4], 1), ([4], 2)], [([5], 0), ([5], 1), ([5], 2)]]


# --- what is alone


class Net(nn.Module):
    """Two layers on a number; ``forward`` is a subclass's."""

    def __init__(self, input_shape, outputs, **_):
        super().__init__()
        self.first, self.last = nn.Linear(1, 4), nn.Linear(4, outputs)


class Mapped(Net):
    def forward(self, x):
        return self.last(self.first(x).tanh())


class Normalised(Mapped):
    def __init__(self, input_shape, outputs, **_):
        super().__init__(input_shape, outputs)
        self.norm = nn.BatchNorm1d(4)


class Tied(nn.Sequential):
    def __init__(self, input_shape, outputs, **_):
        layers = [nn.Linear(1, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, outputs)]
        super().__init__(*layers)
        layers[2].weight = layers[1].weight


class Frozen(Mapped):
    def __init__(self, input_shape, outputs, **_):
        super().__init__(input_shape, outputs)
        self.first.weight.requires_grad_(False)


class Random(Net):
    def forward(self, x):
        return self.last(nn.functional.dropout(self.first(x), training=self.training))


class Branching(Net):
    def forward(self, x):
        h = self.first(x)
        return self.last(h if h.is_meta or h.sum() > 0 else -h)


class NoObserver(Callback):
    def __init__(self, directory, max_epochs):
        pass


class Watching(Observer):
    def __init__(self, directory, max_epochs):
        pass


ALONE = {
    "optimizer=lbfgs": "no stacked update rule for LBFGS",
    "+optimizer.amsgrad=true": "no stacked update rule for Adam with amsgrad=True",
    "trainer.precision=bf16-mixed": "trainer.precision=bf16-mixed",
    "+callbacks.mine={_target_:test_grouping.NoObserver}": "NoObserver is no Observer",
    f"{HERE}Normalised": "the network has buffers (norm.running_mean)",
    f"{HERE}Tied": "the network uses a parameter in two places",
    f"{HERE}Frozen": "the network has parameters that are not trained",
    f"{HERE}Random": "torch.func.vmap cannot map the network (RuntimeError: ",
    "sweep.stack=never": "sweep.stack=never",
}


@pytest.mark.parametrize("word", ALONE)
def test_what_cannot_be_stacked_is_alone_and_says_why(configs, word):
    found = units(configs(FUNCTION, (word,), (word, "seed=1")))
    assert sizes(found) == [1, 1]
    for unit in found:
        assert unit.why.startswith(ALONE[word])
        assert "\n" not in unit.why
    assert units(configs(FUNCTION, (word,)))[0].why == found[0].why  # whatever runs beside it


@pytest.mark.parametrize(
    "word", [f"{HERE}Mapped", "+callbacks.mine={_target_:test_grouping.Watching}"]
)
def test_an_observer_and_a_network_that_can_be_mapped_are_stacked(configs, word):
    assert sizes(units(configs(FUNCTION, (word,), (word, "seed=1")))) == [2]


def test_what_only_a_real_network_shows_is_told_when_it_trains(configs):
    """On the meta device there is no number to decide by."""
    real = todos(configs(FUNCTION, (f"{HERE}Branching",)))[0]
    network = Branching((1,), 1)
    with pytest.raises(choice.Alone, match="vmap cannot map the network"):
        choice._try_mapped(network, real.module)


# --- only where it is faster


@pytest.mark.parametrize("compiler", [True, False])
def test_a_stack_is_left_where_it_is_not_faster(configs, monkeypatch, compiler):
    if not compiler:
        monkeypatch.setattr(kernel, "load", lambda dtype: None)
    wide = {"model.hidden": [2000, 2000]}
    for stack, change, expected in [
        ("auto", {}, [2]),
        ("auto", wide, [1, 1]),
        ("always", wide, [2]),
        ("never", {}, [1, 1]),
    ]:
        change = change | {"sweep.stack": stack}
        found = units(configs(FUNCTION, change, change | {"seed": 1}))
        assert sizes(found) == expected
        if (stack, expected) == ("auto", [1, 1]):
            assert {unit.why for unit in found} == {"a stack of such networks is not faster here"}


# --- how a group is split


def seeds(configs, count, **change):
    return configs(FUNCTION, *({"seed": seed} | change for seed in range(count)))


@pytest.mark.parametrize(
    ("members", "workers", "expected"),
    [
        (40, 1, [40]),
        (40, 2, [20, 20]),
        (17, 2, [8, 9]),
        (LANES, 2, [LANES]),  # as long as one member, and half as long as in two parts
        (40, 4, [13, 14, 13]),
    ],
)
def test_every_worker_gets_a_share_that_is_worth_it(configs, members, workers, expected):
    found = units(seeds(configs, members, **{"sweep.workers": workers}))
    assert sizes(found) == expected
    assert [cell.config["seed"] for unit in found for cell in unit.jobs] == list(range(members))
    cores = max(1, machine.available_cores() // len(found))
    assert {unit.cores for unit in found} == {cores}


def test_as_many_groups_as_workers_are_not_split(configs):
    changes = [
        {"seed": s, "model.hidden": [w], "sweep.workers": 2} for w in (4, 5) for s in range(20)
    ]
    assert sizes(units(configs(FUNCTION, *changes))) == [20, 20]


def test_without_a_kernel_smaller_shares_are_worth_it(configs, monkeypatch):
    monkeypatch.setattr(kernel, "load", lambda dtype: None)
    assert sizes(units(seeds(configs, 8, **{"sweep.workers": 2}))) == [4, 4]
    assert sizes(units(seeds(configs, 4, **{"sweep.workers": 2}))) == [4]


@pytest.mark.parametrize(("data", "expected"), [("digits", [8]), ("mnist", [4, 4])])
def test_wide_inputs_are_not_for_the_kernel(configs, data, expected):
    """A small net on large images: batches of 16 members would leave the cache."""
    words = ["model=mlp", "model.hidden=[4]", f"data={data}"]
    changes = [{"seed": seed, "sweep.workers": 2} for seed in range(8)]
    assert sizes(units(configs(words, *changes))) == expected


def test_no_stack_is_larger_than_memory_allows(configs):
    one = todos(seeds(configs, 1))[0]
    each = choice.member_bytes(one.job.config, one.module, one.task)
    memory = {"sweep.memory_gib": 3.5 * each / 2**30}
    assert sizes(units(seeds(configs, 8, **memory))) == [3, 2, 3]
    shared = seeds(configs, 8, **memory, **{"sweep.workers": 2})
    assert sizes(units(shared)) == [1] * 8  # two of them at once
    assert sizes(units(seeds(configs, 2, **{"sweep.memory_gib": 1e-9}))) == [1, 1]


def test_memory_of_a_member_grows_with_what_it_holds(configs):
    def held(**change):
        one = todos(configs(FUNCTION, change))[0]
        return choice.member_bytes(one.job.config, one.module, one.task)

    least = held()
    assert held(**{"trainer.precision": "64-true"}) == 2 * least
    wider = held(**{"model.hidden": [8]})
    # 12 parameters more, each with moments and gradients; 2 × 4 activations of 8 samples more
    assert wider - least == 4 * (8 * 12 + 3 * 8 * 8)
    assert held(**{"data.batch_size": 16}) > least
    assert held(**{"data.samples": 80}) > least


def test_a_stack_s_open_files_are_bounded(configs, monkeypatch):
    monkeypatch.setitem(grouping.MOST_MEMBERS, "cpu", 5)
    assert sizes(units(seeds(configs, 12))) == [4, 4, 4]


def test_one_run_has_all_cores(configs):
    (unit,) = units(configs(FUNCTION, {"sweep.workers": None}))
    assert (len(unit.jobs), unit.cores, unit.why) == (1, machine.available_cores(), "")


def test_workers_are_as_many_as_cores_or_works_unless_said(configs, monkeypatch):
    monkeypatch.setattr(machine, "available_cores", lambda: 6)
    free, three = configs(FUNCTION, {"sweep.workers": None}, {"sweep.workers": 3})
    assert [grouping.worker_count(free, works) for works in (1, 4, 100)] == [1, 4, 6]
    assert [grouping.worker_count(three, works) for works in (1, 4, 100)] == [1, 3, 3]
    monkeypatch.setattr(build, "device", lambda config: torch.device("cuda:0"))
    assert grouping.worker_count(free, 100) == 1
