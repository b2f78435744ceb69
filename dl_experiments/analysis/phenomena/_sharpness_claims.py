"""What hw1_3_sharpness claims, how it is tested, and what would refute it.

**Large batches are sharper.** log10 of sharpness (or of the largest eigenvalue) at the largest
batch size over that at the smallest, paired by seed, in each arm. At or below 0 refutes it.
Cross-entropy flattens wherever it goes to 0, so nets that fit less are sharper for that alone: the
training losses stand in the note.

**Sharper nets generalise worse.** Spearman's ρ, over the batch sizes of a seed, between sharpness
and test accuracy (predicted below 0) and between sharpness and the gap of training to test accuracy
(predicted above 0); a mean over seeds with their interval.
"""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.claims import Claim, Region, claim
from dl_experiments.analysis.describe import number
from dl_experiments.analysis.forms import Group, difference
from dl_experiments.analysis.phenomena._sensitivity import GAP, Arm
from dl_experiments.analysis.phenomena._sensitivity_claims import ABOVE_ZERO, BELOW_ZERO
from dl_experiments.analysis.phenomena._sharpness import CURVATURE, middle, name, quantities
from dl_experiments.analysis.scales import Correlation
from dl_experiments.analysis.statistics import spearman

OUTCOMES: dict[str, tuple[str, Region]] = {
    "test/accuracy": ("test accuracy", BELOW_ZERO),
    GAP: ("the gap of training to test accuracy", ABOVE_ZERO),
}
"""Outcome -> in words, where the correlation with sharpness is predicted."""
FEWEST = 3  # batch sizes a rank correlation is taken over


def judge(arms: Sequence[Arm]) -> list[Claim]:
    """The claims on the arms of one config."""
    radius = middle(arms)
    words = quantities(radius)
    judged = [_larger_is_sharper(arm, q, text) for arm in arms for q, text in words.items()]
    for arm in arms:
        for quantity in (name("ascended", radius), CURVATURE):
            judged += [
                _sharper_is_worse(arm, quantity, words[quantity], outcome) for outcome in OUTCOMES
            ]
    return judged


def _larger_is_sharper(arm: Arm, quantity: str, words: str) -> Claim:
    ends = (min(arm.sizes), max(arm.sizes))
    small, large = (Group(arm.sizes[size], f"batch {size:,}") for size in ends)
    losses = [
        number(float(np.mean(list(found.values()))))
        for size in reversed(ends)
        if (found := arm.at(size, "train/loss"))
    ]
    return difference(
        f"Large batches are sharper at {arm.name}: {words}",
        arm.quantity(quantity),
        ABOVE_ZERO,
        (large, small),
        f"log10 of the ratio, {large.name} over {small.name}",
        note=f"training loss {' against '.join(losses)}" if len(losses) == 2 else "",
        unfit="" if ends[0] < ends[1] else "fewer than two batch sizes",
    )


def _sharper_is_worse(arm: Arm, quantity: str, words: str, outcome: str) -> Claim:
    side, region = OUTCOMES[outcome]
    correlations = within_seeds(arm, quantity, outcome)
    goes = "falls" if region is BELOW_ZERO else "grows"
    return claim(
        f"Sharper nets generalise worse at {arm.name}: {side} {goes} with {words}",
        "Spearman's ρ over the batch sizes of a seed",
        region,
        Correlation(len(arm.sizes)).level(np.array(correlations)) if correlations else None,
        unfit="" if correlations else f"fewer than {FEWEST} batch sizes, or nothing varies",
    )


def within_seeds(arm: Arm, quantity: str, outcome: str) -> list[float]:
    """Spearman's ρ of each seed that has three batch sizes or more, and varies."""
    both = [(arm.at(size, quantity), arm.at(size, outcome)) for size in arm.sizes]
    found = []
    for seed in sorted({seed for xs, _ in both for seed in xs}):
        pairs = [(xs[seed], ys[seed]) for xs, ys in both if seed in xs and seed in ys]
        x, y = np.array(pairs).reshape(-1, 2).T
        if len(x) >= FEWEST and np.ptp(x) > 0 and np.ptp(y) > 0:
            found.append(spearman(x, y))
    return found
