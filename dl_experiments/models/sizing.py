"""Widths for a parameter budget: given a network's depth, how wide must its layers be?

MLP. Widths n_1..n_L between n_0 inputs and n_{L+1} outputs give

    P(n) = Σ (n_i + 1)·n_{i+1},  i = 0..L.

Start from the widest equal widths within the budget and widen layers one by one while they fit.
Then let up to three neighbouring layers deviate from there: two of them by δ in order of
Σ|δ| = 0, 1, 2, ..., while P is linear in the third, P = rest + (n_{i-1} + 1 + n_{i+1})·n_i, so its
best width follows by division. Keep the smallest |P - budget|, then the most even widths. Widths
stay between half and twice the equal width if that comes within 0.1 % of the budget; otherwise
all layers may deviate to any width of at least 1, so on small instances the result is the best
there is.

CNN. A k×k convolution from a to b channels has (k²·a + 1)·b parameters; one dense layer of n
units behind B pools, on f = c·⌊H/2^B⌋·⌊W/2^B⌋ values, and o outputs add (f + 1 + o)·n + o. A unit
often weighs more than 1 % of the budget, so the convolution widths move from the nominal ones in
order of Σ|δ|, each time with the best n, until the count is within 0.5 % of the budget.
"""

import logging
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise

from dl_experiments.models.cnn import CNN, check_kernel_size, flat_size
from dl_experiments.models.mlp import MLP, check_count

EVEN_ENOUGH = 0.001  # of the budget: no lopsided widths for the sake of less than this
NEAR_ENOUGH = 0.005  # of the budget: no further from the nominal convolutions than this needs
TRIES = 20_000  # candidates looked at before the best so far is taken

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sizing:
    """Widths for a budget; ``gap`` = parameters - budget, 0 where it is hit exactly."""

    hidden: tuple[int, ...]
    parameters: int
    gap: int
    blocks: tuple[tuple[int, ...], ...] = ()

    def __str__(self) -> str:
        shape = [*map(list, self.blocks), *self.hidden]
        return f"widths {shape}: {self.parameters} parameters, {self.gap:+d} of the budget"


def sized_mlp(
    input_shape: Sequence[int],
    outputs: int,
    depth: int,
    parameters: int,
    activation: str = "relu",
    dropout: float = 0.0,
    init: str = "default",
    gain: float = 1.0,
) -> MLP:
    """An ``MLP`` of ``depth`` hidden layers whose count comes closest to ``parameters``.

    Raises:
        ValueError: The budget is too small for the depth, or a key has an impossible value.
    """
    sizing = solve_mlp(math.prod(input_shape), outputs, depth, parameters)
    log.info("%s", sizing)
    return MLP(input_shape, outputs, sizing.hidden, activation, dropout, init, gain)


def sized_cnn(
    input_shape: Sequence[int],
    outputs: int,
    blocks: Sequence[Sequence[int]],
    parameters: int,
    kernel_size: int = 3,
    activation: str = "relu",
    dropout: float = 0.0,
    init: str = "default",
    gain: float = 1.0,
) -> CNN:
    """A ``CNN`` with about these ``blocks`` and one dense layer that fills up ``parameters``.

    Raises:
        ValueError: The budget is too small for the blocks, or a key has an impossible value.
    """
    sizing = solve_cnn(input_shape, outputs, blocks, parameters, kernel_size)
    log.info("%s", sizing)
    return CNN(
        input_shape,
        outputs,
        sizing.blocks,
        sizing.hidden,
        kernel_size,
        activation,
        dropout,
        init,
        gain,
    )


def solve_mlp(inputs: int, outputs: int, depth: int, parameters: int) -> Sizing:
    """The hidden widths whose count comes closest to ``parameters`` (see the module).

    Of two equally close counts the smaller wins.

    Raises:
        ValueError: ``depth`` or ``parameters`` is no integer of at least 1, or the budget is
            below the count with one unit a layer.
    """
    check_count("model.depth", depth)
    check_count("model.parameters", parameters)
    smallest = count_mlp(inputs, (1,) * depth, outputs)
    if parameters < smallest:
        raise ValueError(
            f"model.parameters={parameters} is too small for model.depth={depth}: "
            f"with one unit a layer it takes {smallest}"
        )
    start = _even_widths(inputs, outputs, depth, parameters)
    low, high = math.ceil(start[-1] / 2), 2 * start[-1]
    best = _search(inputs, outputs, parameters, start, min(3, depth), low, high)
    if abs(best.gap) > EVEN_ENOUGH * parameters:
        anything = _search(inputs, outputs, parameters, start, depth, 1, parameters)
        best = min(best, anything, key=_rank)
    return best


def solve_cnn(
    input_shape: Sequence[int],
    outputs: int,
    blocks: Sequence[Sequence[int]],
    parameters: int,
    kernel_size: int = 3,
) -> Sizing:
    """Convolution widths near the nominal ``blocks`` and one dense width (see the module).

    Raises:
        ValueError: The samples are no images large enough for the blocks, a key has an
            impossible value, or the budget is below the nominal blocks with one dense unit.
    """
    check_count("model.parameters", parameters)
    check_kernel_size(kernel_size)
    smallest = count_cnn(input_shape, blocks, (1,), outputs, kernel_size)
    if parameters < smallest:
        raise ValueError(
            f"model.parameters={parameters} is too small for model.blocks="
            f"{[list(block) for block in blocks]}: with one dense unit they take {smallest}"
        )
    nominal = list(chain.from_iterable(blocks))
    best, tries = None, 0
    for shift in range(len(nominal) * max(nominal)):
        for deltas in islice(_shell(len(nominal), shift), TRIES - tries):
            tries += 1
            widths = [width + delta for width, delta in zip(nominal, deltas, strict=True)]
            if min(widths) < 1:
                continue
            rest = iter(widths)
            tried = tuple(tuple(islice(rest, len(block))) for block in blocks)
            none = count_cnn(input_shape, tried, (0,), outputs, kernel_size)
            unit = count_cnn(input_shape, tried, (1,), outputs, kernel_size) - none
            dense = _nearest(parameters - none, unit)
            count = none + unit * dense
            found = Sizing((dense,), count, count - parameters, tried)
            best = found if best is None else min(best, found, key=_rank)
        if tries >= TRIES or (best and abs(best.gap) <= NEAR_ENOUGH * parameters):
            break
    assert best is not None  # the nominal widths themselves are the first candidate
    return best


def count_mlp(inputs: int, hidden: Sequence[int], outputs: int) -> int:
    """Parameters of an ``MLP``: Σ (n_i + 1)·n_{i+1}."""
    return sum((a + 1) * b for a, b in pairwise((inputs, *hidden, outputs)))


def count_cnn(
    input_shape: Sequence[int],
    blocks: Sequence[Sequence[int]],
    hidden: Sequence[int],
    outputs: int,
    kernel_size: int = 3,
) -> int:
    """Parameters of a ``CNN``: Σ (k²·c_i + 1)·c_{i+1} over convolutions, and its dense layers'."""
    flat = flat_size(input_shape, blocks)
    channels = (input_shape[0], *chain.from_iterable(blocks))
    convolutions = sum((kernel_size**2 * a + 1) * b for a, b in pairwise(channels))
    return convolutions + count_mlp(flat, hidden, outputs)


def _even_widths(inputs: int, outputs: int, depth: int, parameters: int) -> list[int]:
    """The widest equal widths within the budget, then layers one wider while they fit."""
    equal = bisect_right(
        range(1, parameters + 1),
        parameters,
        key=lambda width: count_mlp(inputs, (width,) * depth, outputs),
    )
    widths = [equal] * depth
    for layer in range(depth):
        widths[layer] += 1
        if count_mlp(inputs, widths, outputs) > parameters:
            widths[layer] -= 1
    return widths


def _search(
    inputs: int, outputs: int, parameters: int, start: list[int], window: int, low: int, high: int
) -> Sizing:
    """The best of ``TRIES`` candidates with widths in [low, high], nearest to ``start`` first."""
    best = _sizing(inputs, outputs, start, parameters)
    reached = 0
    for shift, free, deltas in islice(_moves(len(start), window, high), TRIES):
        if shift > reached and best.gap == 0:
            break
        reached = shift
        widths = [width + delta for width, delta in zip(start, deltas, strict=True)]
        if min(widths) < low or max(widths) > high:
            continue
        widths[free] = 0
        rest = count_mlp(inputs, widths, outputs)
        before, after = (inputs, *widths)[free], (*widths, outputs)[free + 1]
        widths[free] = _nearest(parameters - rest, before + 1 + after)
        if low <= widths[free] <= high:
            best = min(best, _sizing(inputs, outputs, widths, parameters), key=_rank)
    return best


def _moves(depth: int, window: int, most: int) -> Iterator[tuple[int, int, list[int]]]:
    """(Σ|δ|, the layer left out, δ) in order of Σ|δ|, δ = 0 outside ``window`` neighbours."""
    for shift in range((window - 1) * most + 1):
        for first in range(depth - window + 1):
            for deltas in _shell(window - 1, shift):
                for free in range(first, first + window):
                    moved = [*[0] * first, *deltas, *[0] * (depth - window - first)]
                    yield shift, free, [*moved[:free], 0, *moved[free:]]


def _shell(layers: int, total: int) -> Iterator[tuple[int, ...]]:
    """All integer vectors δ of this length with Σ|δ| = total."""
    if layers == 0:
        yield from [()] if total == 0 else []
        return
    for size in range(total + 1) if layers > 1 else [total]:
        for rest in _shell(layers - 1, total - size):
            yield from ((sign, *rest) for sign in sorted({size, -size}))


def _nearest(budget: int, unit: int) -> int:
    """The n >= 1 whose n·unit comes nearest to the budget; of two, the smaller."""
    return max(1, (2 * budget + unit - 1) // (2 * unit))


def _sizing(inputs: int, outputs: int, widths: Sequence[int], parameters: int) -> Sizing:
    count = count_mlp(inputs, widths, outputs)
    return Sizing(tuple(widths), count, count - parameters)


def _rank(sizing: Sizing) -> tuple[int, int, int, tuple[int, ...]]:
    """Closest first, then the smaller count, then the most even hidden widths."""
    hidden = sizing.hidden
    return abs(sizing.gap), sizing.gap, max(hidden) - min(hidden), hidden
