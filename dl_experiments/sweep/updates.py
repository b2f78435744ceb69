"""Whether a user's stacked rule makes the updates of its optimizer: tried on drawn gradients.

What ``proof.py`` tries, members of one run's config, cannot show: that members differ in their
options, that options are moved along the way, that one way goes on with the other's state.
"""

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, nn
from torch.optim import Optimizer

from dl_experiments import randomness, settings
from dl_experiments.sweep import optimizers
from dl_experiments.sweep.optimizers import Rule
from dl_experiments.tasks.task import Task

MEMBERS, PARTS, UPDATES = 5, 3, 30
"""So many members, and updates in each part; the learning rate falls twice a part."""
SHAPES = [torch.Size(shape) for shape in ((3, 4), (4,), (2, 4), (2,))]
SPAN = 8
"""Powers of ten that weights, and gradients, reach over."""
TOLERANCE = 1e-9
"""Of the largest that a weight has been on the way."""

Make = Callable[..., Optimizer]


def disagreement(task: Task) -> str:
    """Try the rule that a task's optimizer brings.

    Args:
        task: Its optimizer is made, on any device.

    Returns:
        What is wrong with it, in words; empty: nothing, or it is one of ours.
    """
    if type(task.optimizer) in optimizers.RULES:
        return ""
    try:
        with settings.guarded(0, "updates"):
            when = _when_wrong(task._make_optimizer, optimizers.rule(task.optimizer))
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return f"a trial of its stacked rule failed ({reason})"
    return when and f"its stacked rule and its step make different updates ({when})"


def _when_wrong(make: Make, rule: type[Rule]) -> str:
    alone = [[Net(make, rule, number) for number in range(MEMBERS)]]
    for part in _parts():
        alone.append([net.again(make) for net in alone[-1]])
        _alone(alone[-1], part)
    for number, part in enumerate(_parts()):
        stacked = [net.again(make) for net in alone[number]]
        _together(stacked, rule, part)
        if not _close(stacked, alone[number : number + 2]):
            return "when a stack goes on with what one alone has left" if number else "at once"
        for later in _parts()[number + 1 : number + 2]:
            after = [net.again(make) for net in stacked]
            _alone(after, later)
            if not _close(after, alone[number : number + 3]):
                return "when one alone goes on with what a stack has left"
    return ""


def _parts() -> list[range]:
    return [range(part * UPDATES, (part + 1) * UPDATES) for part in range(PARTS)]


@final
class Net:
    """The parameters of a member, and its optimizer.

    Args:
        make: Makes it.
        rule: What it brings.
        number: The member's: the higher, the smaller the options that may differ.
    """

    def __init__(self, make: Make, rule: type[Rule], number: int) -> None:
        self.parameters = [nn.Parameter(part) for part in _split(_drawn(1, stream=0)[0, number])]
        (said,) = make(self.parameters).param_groups
        self._how = rule, number
        own = {key: _smaller(said[key], number) for key in rule.free if key in said}
        self.optimizer = make(self.parameters, **own)

    @torch.no_grad()
    def again(self, make: Make) -> "Net":
        """Another that goes on from here, as a run does that was interrupted."""
        other = Net(make, *self._how)
        for one, parameter in zip(other.parameters, self.parameters, strict=True):
            one.copy_(parameter)
        left = apply_to_collection(self.optimizer.state_dict(), Tensor, Tensor.clone)
        other.optimizer.load_state_dict(left)
        return other

    def slow_down(self) -> None:
        """Move the learning rate, as a schedule does."""
        self.optimizer.param_groups[0]["lr"] *= 0.7

    def flat(self) -> Tensor:
        """[P]."""
        return torch.cat([parameter.detach().flatten() for parameter in self.parameters])


def _close(found: Sequence[Net], way: Sequence[Sequence[Net]]) -> bool:
    """Whether weights are those at the end of a way, as measured by the largest on it."""
    weights = torch.stack([net.flat() for net in found])
    passed = torch.stack([torch.stack([net.flat() for net in nets]) for nets in way])
    close = (weights - passed[-1]).abs() <= TOLERANCE * passed.abs().amax(0)
    alike = (weights == passed[-1]) | (weights.isnan() & passed[-1].isnan())
    return bool((close | alike).all())


def _alone(nets: Sequence[Net], updates: range) -> None:
    gradients = _drawn(PARTS * UPDATES, stream=1)
    for half in _halves(updates):
        for number, net in enumerate(nets):
            for update in half:
                parts = _split(gradients[update, number])
                for parameter, gradient in zip(net.parameters, parts, strict=True):
                    parameter.grad = gradient
                net.optimizer.step()
            net.slow_down()


@torch.no_grad()
def _together(nets: Sequence[Net], rule: type[Rule], updates: range) -> None:
    gradients = _drawn(PARTS * UPDATES, stream=1)
    weights = torch.stack([net.flat() for net in nets])
    members = [net.optimizer for net in nets]
    slots = {n: torch.zeros_like(weights) for n in rule.names(members[0].param_groups[0])}
    step = optimizers.attach(members, slots)
    made = rule(members, slots, lambda values: values[..., None], weights)
    for half in _halves(updates):
        made.read(half)
        for update in half:
            made.step(weights, gradients[update].clone(), update)
        for net in nets:
            net.slow_down()
    step.fill_(updates.stop)
    for net, row in zip(nets, weights, strict=True):
        for parameter, part in zip(net.parameters, _split(row), strict=True):
            parameter.copy_(part)


def _halves(updates: range) -> list[range]:
    middle = updates[len(updates) // 2]
    return [range(updates.start, middle), range(middle, updates.stop)]


def _split(row: Tensor) -> list[Tensor]:
    """[P] -> the parameters."""
    parts = row.split([shape.numel() for shape in SHAPES])
    return [part.reshape(shape).clone() for part, shape in zip(parts, SHAPES, strict=True)]


def _smaller(value: Any, times: int) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_smaller(one, times) for one in value)
    return value / 2**times


def _drawn(count: int, stream: int) -> Tensor:
    """[count, M, P] float64 of many sizes; some are 0."""
    draw = randomness.generator(0, "updates", stream)
    shape = MEMBERS, sum(one.numel() for one in SHAPES)
    sizes = 10 ** (-SPAN * torch.rand(shape, generator=draw, dtype=torch.float64))
    sizes[:, stream::7] = 0
    return sizes * torch.randn(count, *shape, generator=draw, dtype=torch.float64)
