"""Update rules of a stack against torch's own optimizers, member by member."""

from types import SimpleNamespace

import pytest
import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import nn
from torch.optim import SGD, Adam, AdamW, RMSprop

from dl_experiments.sweep import optimizers
from dl_experiments.sweep.lanes import Lanes
from dl_experiments.sweep.rows import Rows

EPOCHS, UPDATES = 5, 10
SHAPES = [(3, 4), (4,), (2, 4)]
PARAMETERS = 24
# Some members have a value of their own, the others torch's default.
PLAIN = [{}, {"weight_decay": 0.3}, {"lr": 0.03}, {"lr": 0.002, "weight_decay": 0.05}, {"lr": 0.01}]
MOMENTUM = [m | {"momentum": 0.2 * (i + 1)} for i, m in enumerate(PLAIN)]
EPS = [m | {"eps": 10.0 ** -(2 * i)} for i, m in enumerate(PLAIN)]
BETAS = [m | {"betas": (0.5 + 0.1 * i, 0.99 - 0.2 * i)} for i, m in enumerate(EPS)]
ALPHAS = [m | {"alpha": 0.99 - 0.2 * i} for i, m in enumerate(EPS)]
BOTH = [a | b for a, b in zip(ALPHAS, MOMENTUM, strict=True)]
NESTEROV = [m | {"nesterov": True} for m in MOMENTUM]
CASES = {
    "sgd": (SGD, PLAIN),
    "sgd with momentum": (SGD, MOMENTUM),
    "sgd with Nesterov": (SGD, NESTEROV),
    "rmsprop": (RMSprop, ALPHAS),
    "rmsprop with momentum": (RMSprop, BOTH),
    "adam": (Adam, BETAS),
    "adam without weight decay": (Adam, [{k: m[k] for k in m if k[0] != "w"} for m in BETAS]),
    "adam with decoupled weight decay": (Adam, [m | {"decoupled_weight_decay": True} for m in EPS]),
    "adamw": (AdamW, BETAS),
    "adamw with its default decay": (AdamW, [{}, {"lr": 0.1}, {}, {}, {"weight_decay": 0.0}]),
}
MEMBERS = 5


def layout(name):
    """[M, P], or blocks of four lanes, of which the last is filled up."""
    if name == "rows":
        return Rows(nn.Linear(1, 1))
    return Lanes(None, SimpleNamespace(lanes=4), MEMBERS)


def nets(seed=0):
    """The parameters of all members."""
    draw = torch.Generator().manual_seed(seed)
    return [
        [nn.Parameter(torch.randn(s, dtype=torch.float64, generator=draw)) for s in SHAPES]
        for _ in range(MEMBERS)
    ]


def flat(parameters):
    return torch.cat([p.detach().flatten() for p in parameters])


class Valley:
    """A noisy quadratic for each member: its gradient depends on the weights and the update."""

    def __init__(self):
        draw = torch.Generator().manual_seed(1)
        self.steepness = torch.rand(MEMBERS, PARAMETERS, dtype=torch.float64, generator=draw) + 0.1
        noise = (EPOCHS * UPDATES, MEMBERS, PARAMETERS)
        self.noise = torch.randn(noise, dtype=torch.float64, generator=draw)

    def gradient(self, rows, update):
        return self.steepness * rows + self.noise[update]


def alone(members, parameters, first, last):
    """Torch's own updates, the learning rate halved with each epoch."""
    valley = Valley()
    for number, (member, own) in enumerate(zip(members, parameters, strict=True)):
        for update in range(first * UPDATES, last * UPDATES):
            parts = valley.gradient(flat(own), update)[number].split([p.numel() for p in own])
            for parameter, part in zip(own, parts, strict=True):
                parameter.grad = part.view(parameter.shape)
            member.step()
            if (update + 1) % UPDATES == 0:
                member.param_groups[0]["lr"] /= 2


def together(members, parameters, first, last, name):
    """The same by the stack's rule, which leaves rows and states as it goes."""
    valley, shape = Valley(), layout(name)
    kind = optimizers.RULES[type(members[0])]
    rows = torch.stack([flat(own) for own in parameters])
    slots = {n: torch.zeros_like(rows) for n in kind.names(members[0].param_groups[0])}
    step = optimizers.attach(members, slots)
    packed = {n: shape.pack(r) for n, r in slots.items()}
    weights = shape.pack(rows)
    rule = kind(members, packed, shape.spread, weights)
    for epoch in range(first, last):
        updates = range(epoch * UPDATES, (epoch + 1) * UPDATES)
        rule.read(updates)
        for number in updates:
            gradient = valley.gradient(shape.unpack(weights), number)
            rule.step(weights, shape.pack(gradient).clone(), number)
        for member in members:
            member.param_groups[0]["lr"] /= 2
    for n, r in slots.items():
        r.copy_(shape.unpack(packed[n]).clone())
    step.fill_(last * UPDATES)
    for row, own in zip(shape.unpack(weights), parameters, strict=True):
        for parameter, part in zip(own, row.split([p.numel() for p in own]), strict=True):
            parameter.data.copy_(part.view(parameter.shape))


def made(case):
    kind, options = CASES[case]
    parameters = nets()
    return [
        kind(own, **({"lr": 0.05} | m)) for own, m in zip(parameters, options, strict=True)
    ], parameters


def assert_close(one, other):
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(flat(mine), flat(theirs), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["rows", "lanes"])
@pytest.mark.parametrize("case", CASES)
def test_every_member_is_updated_as_by_its_own_optimizer(case, name):
    (stacked, weights), (torchs, expected) = made(case), made(case)
    before = [flat(own) for own in weights]
    together(stacked, weights, 0, EPOCHS, name)
    alone(torchs, expected, 0, EPOCHS)
    assert_close(weights, expected)
    assert all(not torch.allclose(a, flat(b)) for a, b in zip(before, weights, strict=True))


@pytest.mark.parametrize("order", [("alone", "together"), ("together", "alone")])
@pytest.mark.parametrize("name", ["rows", "lanes"])
@pytest.mark.parametrize("case", CASES)
def test_a_state_goes_on_in_the_other_way(case, name, order):
    """A stack takes up what torch's optimizer remembers, and the other way round."""
    way = {"alone": alone, "together": lambda *given: together(*given, name)}
    members, weights = made(case)
    way[order[0]](members, weights, 0, 2)
    later, _ = made(case)
    for member, old, own in zip(later, members, weights, strict=True):
        member.param_groups[0]["params"] = own
        member.load_state_dict(apply_to_collection(old.state_dict(), torch.Tensor, torch.clone))
    way[order[1]](later, weights, 2, EPOCHS)
    torchs, expected = made(case)
    alone(torchs, expected, 0, EPOCHS)
    assert_close(weights, expected)


@pytest.mark.parametrize("case", CASES)
def test_a_member_s_bits_do_not_depend_on_its_neighbours(case):
    """One member's weights are not finite; the others' are the same bits as when they were."""
    (stacked, weights), (others, clean) = made(case), made(case)
    weights[2][0].data.fill_(float("inf"))
    for members, parameters in ((stacked, weights), (others, clean)):
        together(members, parameters, 0, 2, "lanes")
    assert not flat(weights[2]).isfinite().all()
    for number in (0, 1, 3, 4):
        assert torch.equal(flat(weights[number]), flat(clean[number]))


def shared(kind, **options):
    return optimizers.shared(kind(nets()[0], **({"lr": 0.1} | options)))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SGD, {"dampening": 0.5, "momentum": 0.5}),
        (SGD, {"maximize": True}),
        (RMSprop, {"centered": True}),
        (Adam, {"amsgrad": True}),
        (AdamW, {"differentiable": True}),
    ],
)
def test_an_option_without_a_rule_is_refused(kind, options):
    key = next(iter(options))
    with pytest.raises(ValueError, match=f"{kind.__name__} with {key}={options[key]}$"):
        shared(kind, **options)


@pytest.mark.parametrize("kind", [torch.optim.LBFGS, torch.optim.Adagrad, torch.optim.NAdam])
def test_an_optimizer_without_a_rule_is_refused(kind):
    with pytest.raises(ValueError, match=f"no stacked update rule for {kind.__name__}$"):
        shared(kind)


def test_what_members_of_a_stack_share():
    sgd = shared(SGD, momentum=0.9)
    assert sgd == shared(SGD, momentum=0.1, lr=1.0, weight_decay=0.1)
    assert sgd == shared(SGD, momentum=0.9, foreach=False)
    assert sgd != shared(SGD, momentum=0.0)
    assert sgd != shared(SGD, momentum=0.9, nesterov=True)
    adam = shared(Adam)
    assert adam == shared(Adam, betas=(0.1, 0.2), eps=1.0, weight_decay=1.0, fused=True)
    assert len({sgd, adam, shared(AdamW), shared(RMSprop), shared(RMSprop, momentum=0.1)}) == 5
    assert shared(Adam, decoupled_weight_decay=True) != adam
