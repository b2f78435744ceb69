"""hw1_3_parameters_samples: the best size for a number of training images."""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.claims.seeds import Sides, across, ranked
from dl_experiments.analysis.phenomena.capacity.sizes import Sizes, hidden
from dl_experiments.analysis.runs.quantities import Quantity


def best(counts: Sequence[int], sides: Sides, sign: int) -> dict[int, float]:
    """Seed -> log2 of the parameters with the smallest value (``sign`` −1: the largest).

    The sizes lie octaves apart, so the best is the vertex of the parabola in log2 of the parameters
    through the best size and its neighbours. At an end of the sizes it is that size, beyond which
    nobody has looked. Of sizes that are equally good the smaller counts.

    Args:
        counts: Of the sizes.
        sides: For each of them what its seeds have.
        sign: 1 or −1.
    """
    octaves = np.log2(counts)
    return {seed: _vertex(octaves, sign * values) for seed, values in across(sides).items()}


def _vertex(x: np.ndarray, y: np.ndarray) -> float:
    at = int(np.argmin(y))
    if at in (0, len(y) - 1):
        return float(x[at])
    left, right = x[at - 1] - x[at], x[at + 1] - x[at]
    before, after = y[at - 1] - y[at], y[at + 1] - y[at]
    bend, slope = before * right - after * left, after * left**2 - before * right**2
    return float(x[at] - slope / (2 * bend)) if bend > 0 else float(x[at])


def best_of_mean(sizes: Sizes, quantity: Quantity, sign: int) -> int | None:
    """The parameter count at which the mean over seeds is best; None without a whole seed.

    A run that diverged counts at its bound, where it has one.
    """
    order, seeds = ranked(sizes, quantity, best=-sign)
    return order[0] if seeds and len(order) == len(sizes) else None


def width(sizes: Sizes, count: int) -> str:
    """A size in words: "39,760 (h = 50)"."""
    return f"{count:,} (h = {hidden(sizes[count])})"
