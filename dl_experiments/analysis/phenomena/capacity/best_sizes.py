"""hw1_3_parameters_samples: the best size for a number of training images."""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.claims.seeds import Sides, across, ranked
from dl_experiments.analysis.phenomena.capacity.sizes import Sizes, hidden
from dl_experiments.analysis.runs.quantities import Quantity


def best(counts: Sequence[int], sides: Sides, sign: int) -> dict[int, int]:
    """Seed -> the parameter count with the smallest value (``sign`` −1: the largest).

    Of sizes that are equally good the smaller counts.

    Args:
        counts: Of the sizes.
        sides: For each of them what its seeds have.
        sign: 1 or −1.
    """
    return {seed: counts[int(np.argmin(sign * values))] for seed, values in across(sides).items()}


def best_of_mean(sizes: Sizes, quantity: Quantity, sign: int) -> int | None:
    """The parameter count at which the mean over seeds is best; None without a whole seed.

    A run that diverged counts at its bound, where it has one.
    """
    order, seeds = ranked(sizes, quantity, best=-sign)
    return order[0] if seeds and len(order) == len(sizes) else None


def width(sizes: Sizes, count: int) -> str:
    """A size in words: "39,760 (h = 50)"."""
    return f"{count:,} (h = {hidden(sizes[count])})"
