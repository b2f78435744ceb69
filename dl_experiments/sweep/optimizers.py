"""The update rules of optimizers, for a stack: one value of every option per member.

A stack's parameters are one tensor, so an update is a handful of elementwise operations however
many members and layers there are. Each member keeps its own torch optimizer: its options are read
from there (a learning-rate schedule moves them), and its state lives there, as views.

Torch's own have their rules here; a class of a user's brings one as its attribute ``stacked``,
which is tried before it is used, see ``updates.py``.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, final

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

Spread = Callable[[Tensor], Tensor]
"""[..., M] values -> the same, shaped to broadcast against the stack's parameters."""


class Rule(ABC):
    """One kind of optimizer over a stack.

    Args:
        members: Each member's own optimizer, with one parameter group.
        slots: What the rule remembers, by ``names``: tensors like the stack's parameters.
        spread: Shapes one value per member.
        like: Has the type and the device of the parameters.

    Attributes:
        free: Options in which members may differ: numbers, or pairs of them. In all others they
            are equal; of a user's class also in which of these are 0.
        counts: Whether the optimizer itself keeps its number of updates, as ``step`` in the state
            of each parameter.
    """

    free: ClassVar[frozenset[str]] = frozenset({"lr", "weight_decay"})
    counts: ClassVar[bool] = False

    def __init__(
        self, members: Sequence[Optimizer], slots: dict[str, Tensor], spread: Spread, like: Tensor
    ) -> None:
        self.options = [member.param_groups[0] for member in members]
        self.slots, self.spread, self.like = slots, spread, like

    @staticmethod
    @abstractmethod
    def names(options: dict[str, Any]) -> list[str]:
        """The slots that these options need: what the optimizer's state of a parameter holds."""

    def read(self, updates: range) -> None:
        """Read the members' options, for the updates with these numbers (from 0)."""
        self.first = updates.start
        self.lr = self.value("lr")
        decays = "weight_decay" in self.options[0]
        self.weight_decay = self.value("weight_decay") if decays else torch.zeros_like(self.lr)
        self.decays = bool(self.weight_decay.any())

    @abstractmethod
    def step(self, weights: Tensor, gradient: Tensor, number: int) -> None:
        """Make the update with this number, which was read for.

        Args:
            weights: All members' parameters, which it changes; its dimension 1 runs over those of a
                member, one after the other.
            gradient: Likewise; spent afterwards.
            number: From 0.
        """

    def value(self, key: str, position: int | None = None) -> Tensor:
        """An option of all members, spread; ``position`` picks from a pair."""
        values = [o[key] if position is None else o[key][position] for o in self.options]
        return self.spread(self.in_double(values).to(self.like.dtype))

    def in_double(self, values: Sequence[float]) -> Tensor:
        """One number a member, [M] float64."""
        return torch.tensor(values, dtype=torch.float64, device=self.like.device)

    def decay(self, weights: Tensor, gradient: Tensor) -> None:
        """Add λθ to g."""
        if self.decays:
            gradient.addcmul_(weights, self.weight_decay)


@final
class SGDRule(Rule):
    """b ← μb + g (b = g at first); θ ← θ − lr·b, with Nesterov θ ← θ − lr·(g + μb)."""

    free = Rule.free | {"momentum"}

    @staticmethod
    def names(options: dict[str, Any]) -> list[str]:
        """A buffer where there is momentum."""
        return ["momentum_buffer"] if options["momentum"] else []

    def read(self, updates: range) -> None:
        """Read the options."""
        super().read(updates)
        self.momentum = self.value("momentum")

    def step(self, weights: Tensor, gradient: Tensor, number: int) -> None:
        """See the class."""
        self.decay(weights, gradient)
        if self.options[0]["momentum"]:
            buffer = self.slots["momentum_buffer"]
            buffer.mul_(self.momentum).add_(gradient)
            if self.options[0]["nesterov"]:
                gradient.addcmul_(buffer, self.momentum)
            else:
                gradient = buffer
        weights.sub_(gradient * self.lr)


@final
class RMSpropRule(Rule):
    """s ← αs + (1−α)g²; u = g/(√s + ε); with momentum b ← μb + u, u = b; θ ← θ − lr·u."""

    free = Rule.free | {"momentum", "alpha", "eps"}
    counts = True

    @staticmethod
    def names(options: dict[str, Any]) -> list[str]:
        """The mean square, and a buffer where there is momentum."""
        return ["square_avg"] + ["momentum_buffer"] * bool(options["momentum"])

    def read(self, updates: range) -> None:
        """Read the options."""
        super().read(updates)
        alpha = self.in_double([o["alpha"] for o in self.options])
        self.alpha, self.rest = (self.spread(v.to(self.like.dtype)) for v in (alpha, 1 - alpha))
        self.eps, self.momentum = self.value("eps"), self.value("momentum")

    def step(self, weights: Tensor, gradient: Tensor, number: int) -> None:
        """See the class."""
        self.decay(weights, gradient)
        square = self.slots["square_avg"]
        square.mul_(self.alpha).addcmul_(gradient, gradient * self.rest)
        update = gradient.div_(square.sqrt().add_(self.eps))
        if self.options[0]["momentum"]:
            update = self.slots["momentum_buffer"].mul_(self.momentum).add_(update)
        weights.sub_(update * self.lr)


@final
class AdamRule(Rule):
    """m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − lr·m̂/(√v̂ + ε) (Kingma & Ba 2015, alg. 1).

    AdamW takes λ·lr·θ off the parameters instead of adding λθ to g (Loshchilov & Hutter 2019).
    """

    free = Rule.free | {"betas", "eps"}
    counts = True

    @staticmethod
    def names(options: dict[str, Any]) -> list[str]:
        """Both moments."""
        return ["exp_avg", "exp_avg_sq"]

    def read(self, updates: range) -> None:
        """Read the options; bias corrections for all updates at once."""
        super().read(updates)
        dtype, spread = self.like.dtype, self.spread
        self.decoupled = self.options[0]["decoupled_weight_decay"]
        lr = self.in_double([o["lr"] for o in self.options])
        self.kept = spread(
            (1 - lr * self.in_double([o["weight_decay"] for o in self.options])).to(dtype)
        )
        betas = [self.in_double([o["betas"][i] for o in self.options]) for i in (0, 1)]
        corrections = [self._corrections(i, updates) for i in (0, 1)]
        self.step_sizes = spread((-lr / corrections[0]).to(dtype))
        self.roots = spread(corrections[1].sqrt().to(dtype))
        self.rest1 = spread((1 - betas[0]).to(dtype))
        self.beta2, self.rest2 = spread(betas[1].to(dtype)), spread((1 - betas[1]).to(dtype))
        self.eps = self.value("eps")

    def _corrections(self, position: int, updates: range) -> Tensor:
        """1 − βⁿ for the updates n, [updates, M]; a tensor's power rounds by how long it is."""
        columns = {
            beta: [1 - beta**n for n in range(updates.start + 1, updates.stop + 1)]
            for beta in {o["betas"][position] for o in self.options}
        }
        return torch.stack([self.in_double(columns[o["betas"][position]]) for o in self.options], 1)

    def step(self, weights: Tensor, gradient: Tensor, number: int) -> None:
        """See the class."""
        if self.decays and self.decoupled:
            weights.mul_(self.kept)
        elif self.decays:
            self.decay(weights, gradient)
        mean, square = self.slots["exp_avg"], self.slots["exp_avg_sq"]
        mean.lerp_(gradient, self.rest1)
        square.mul_(self.beta2).addcmul_(gradient, gradient * self.rest2)
        root = square.sqrt().div_(self.roots[number - self.first]).add_(self.eps)
        weights.addcdiv_(mean * self.step_sizes[number - self.first], root)


RULES: dict[type[Optimizer], type[Rule]] = {
    SGD: SGDRule,
    RMSprop: RMSpropRule,
    Adam: AdamRule,
    AdamW: AdamRule,
}

_APART = {"params", "initial_lr"}  # the network's, and a schedule's
_HOW = {"foreach", "fused", "capturable"}  # they change no number
_OFF = {
    "dampening": 0,
    "centered": False,
    "amsgrad": False,
    "maximize": False,
    "differentiable": False,
}


def rule(optimizer: Optimizer) -> type[Rule]:
    """The stacked rule of an optimizer's very class; what derives from it says its own.

    Raises:
        ValueError: It has none.
    """
    kind = type(optimizer)
    found = RULES.get(kind, vars(kind).get("stacked"))
    if found is None:
        raise ValueError(f"no stacked update rule for {kind.__name__}")
    if not (isinstance(found, type) and issubclass(found, Rule)):
        raise ValueError(f"{kind.__name__}.stacked is no subclass of {Rule.__module__}.Rule")
    return found


def shared(optimizer: Optimizer) -> Hashable:
    """What the members of a stack must have in common.

    Raises:
        ValueError: There is no rule for this optimizer; the message says why.
    """
    kind, found = type(optimizer), rule(optimizer)
    if len(optimizer.param_groups) > 1:
        raise ValueError("no stacked update rule for several groups of parameters")
    (options,) = optimizer.param_groups
    common = {k: v for k, v in options.items() if k not in found.free | _APART | _HOW}
    if kind not in RULES:
        zeros = sorted(key for key in found.free if not options.get(key))
        return kind, tuple(zeros), json.dumps(common, sort_keys=True, default=repr)
    for key, off in _OFF.items():
        if common.pop(key, off) != off:
            raise ValueError(
                f"no stacked update rule for {kind.__name__} with {key}={options[key]}"
            )
    return kind, bool(options.get("momentum")), tuple(sorted(common.items()))


def attach(members: Sequence[Optimizer], rows: dict[str, Tensor]) -> Tensor:
    """Make each member's state views into ``rows``, with the values it has by now.

    Args:
        members: The optimizers.
        rows: Slot name -> [M, P]; what a resumed member brings is written in.

    Returns:
        The ``step`` that all states share, a scalar; whoever updates the rows sets it.
    """
    step = torch.tensor(0.0)
    for row, member in enumerate(members):
        begin = 0
        for parameter in member.param_groups[0]["params"]:
            end = begin + parameter.numel()
            before = member.state.get(parameter, {})
            state = {name: rows[name][row, begin:end].view(parameter.shape) for name in rows}
            for name, view in state.items():
                if before.get(name) is not None:
                    view.copy_(before[name])
            if rule(member).counts:
                state["step"] = step
            member.state[parameter] = state
            begin = end
    return step
