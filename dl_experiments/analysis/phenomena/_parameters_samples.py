"""hw1_3_parameters_samples: the best size for a number of training images."""

import numpy as np

from dl_experiments.analysis.phenomena._capacity import Sizes, across, hidden
from dl_experiments.analysis.quantities import Outcome


def best(sizes: Sizes, outcome: Outcome, sign: int) -> dict[int, int]:
    """Seed -> the parameter count with the smallest outcome (``sign`` −1: the largest).

    Of sizes that are equally good the smaller counts.
    """
    counts = list(sizes)
    return {
        seed: counts[int(np.argmin(sign * values))]
        for seed, values in across(sizes, outcome).items()
    }


def best_of_mean(sizes: Sizes, outcome: Outcome, sign: int) -> int | None:
    """The parameter count at which the mean over seeds is best; None without a whole seed."""
    curves = list(across(sizes, outcome).values())
    return list(sizes)[int(np.argmin(sign * np.mean(curves, axis=0)))] if curves else None


def width(sizes: Sizes, count: int) -> str:
    """A size in words: "39,760 (h = 50)"."""
    return f"{count:,} (h = {hidden(sizes[count])})"
