"""A stacked rule is tried against its optimizer's own step before it is used."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, RMSprop

from dl_experiments.sweep import optimizers, updates
from dl_experiments.sweep.optimizers import AdamRule, Rule, SGDRule

RIGHT = {
    "sgd": (SGD, {}),
    "momentum": (SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True}),
    "rmsprop": (RMSprop, {"momentum": 0.5, "eps": 1e-6}),
    "adam": (Adam, {"betas": [0.9, 0.999], "weight_decay": 0.01}),
    "adamw": (AdamW, {"betas": (0.9, 0.999)}),
}


class Heavy(Rule):
    """b ← μb + g; θ ← θ − lr·b, as SGD with momentum has it; others get it wrong."""

    free = frozenset({"lr", "momentum"})

    @staticmethod
    def names(options):
        return ["momentum_buffer"]

    def read(self, updates):
        super().read(updates)
        self.momentum = self.value("momentum")

    def step(self, weights, gradient, number):
        buffer = self.slots["momentum_buffer"].mul_(self.momentum).add_(gradient)
        weights.sub_(self.lr * buffer)


class OneForAll(Heavy):
    """The first member's momentum."""

    def read(self, updates):
        super().read(updates)
        self.momentum = self.options[0]["momentum"]


class ReadOnce(Heavy):
    """Follows no schedule."""

    def read(self, updates):
        if not hasattr(self, "lr"):
            super().read(updates)


class OwnCount(Heavy):
    """Half a step at first, by a count that it keeps for itself and loses with a stack."""

    made = 0

    def step(self, weights, gradient, number):
        self.made += 1
        super().step(weights, gradient, number)
        if self.made == 1 and number:
            weights.mul_(0.5)


class OtherName(Heavy):
    """Remembers under a name that the optimizer does not know."""

    @staticmethod
    def names(options):
        return ["buffer"]

    def step(self, weights, gradient, number):
        self.slots["momentum_buffer"] = self.slots["buffer"]
        super().step(weights, gradient, number)


class NoSuchOption(Heavy):
    free = frozenset({"lr", "momentum", "nesterovs"})

    def read(self, updates):
        super().read(updates)
        self.value("nesterovs")


WRONG = {
    OneForAll: "different updates (at once)",
    ReadOnce: "different updates (at once)",
    OwnCount: "different updates (when a stack goes on with what one alone has left)",
    OtherName: "different updates (when one alone goes on with what a stack has left)",
    NoSuchOption: "a trial of its stacked rule failed (KeyError: 'nesterovs')",
}


def task(kind, rule, **options):
    """Whose optimizer is of a user's class."""
    own = type("Own", (kind,), {} if rule is None else {"stacked": rule})
    make = partial(own, lr=0.1, foreach=True, **options)
    return SimpleNamespace(optimizer=make([nn.Parameter(torch.zeros(2))]), _make_optimizer=make)


@pytest.mark.parametrize("case", RIGHT)
def test_torch_s_own_rules_pass(case):
    kind, options = RIGHT[case]
    assert updates.disagreement(task(kind, optimizers.RULES[kind], **options)) == ""


def test_a_right_rule_of_one_s_own_passes():
    assert updates.disagreement(task(SGD, Heavy, momentum=0.9)) == ""


@pytest.mark.parametrize("rule", WRONG)
def test_a_wrong_rule_is_told(rule):
    assert WRONG[rule] in updates.disagreement(task(SGD, rule, momentum=0.9))


@pytest.mark.parametrize("position", [0, 1])
def test_a_pair_is_varied_too(position):
    class Unshared(AdamRule):
        def _corrections(self, position_, updates):
            mine = self.options
            if position_ == position:
                self.options = [mine[0]] * len(mine)
            found = super()._corrections(position_, updates)
            self.options = mine
            return found

    assert "at once" in updates.disagreement(task(Adam, Unshared))


def test_nothing_is_drawn_from_the_global_generators():
    state = torch.get_rng_state()
    updates.disagreement(task(SGD, Heavy, momentum=0.9))
    assert torch.equal(state, torch.get_rng_state())


def test_what_members_of_a_user_s_stack_share():
    own = type(task(SGD, Heavy).optimizer)

    def shared(**options):
        return optimizers.shared(own([nn.Parameter(torch.zeros(2))], **({"lr": 0.1} | options)))

    assert shared(momentum=0.9) == shared(momentum=0.5, lr=1)
    assert shared(momentum=0.9) != shared(momentum=0.0)  # a rule may go another way there
    assert shared(momentum=0.9) != shared(momentum=0.9, weight_decay=0.1)  # not said to be free
    assert shared(momentum=0.9) != shared(momentum=0.9, nesterov=True)


@pytest.mark.parametrize("rule", [None, "SGDRule", object, SGD])
def test_what_brings_no_rule_is_refused(rule):
    said = "no stacked update rule for Own" if rule is None else "Own.stacked is no subclass of "
    with pytest.raises(ValueError, match=said):
        optimizers.shared(task(SGD, rule).optimizer)


def test_a_rule_is_not_inherited():
    own = type(task(SGD, SGDRule).optimizer)
    derived = type("Derived", (own,), {})
    with pytest.raises(ValueError, match=r"no stacked update rule for Derived$"):
        optimizers.shared(derived([nn.Parameter(torch.zeros(2))], lr=0.1))
