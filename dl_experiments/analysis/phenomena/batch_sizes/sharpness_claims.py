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

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import difference
from dl_experiments.analysis.claims.seedwise import association
from dl_experiments.analysis.phenomena.batch_sizes.arms import GAP, Arm
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_claims import ABOVE_ZERO, BELOW_ZERO
from dl_experiments.analysis.phenomena.batch_sizes.sharpness_values import (
    CURVATURE,
    middle,
    name,
    quantities,
)
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.runs.quantities import last

OUTCOMES: dict[str, tuple[str, Region]] = {
    "test/accuracy": ("test accuracy", BELOW_ZERO),
    GAP: ("the gap of training to test accuracy", ABOVE_ZERO),
}
"""Outcome -> in words, where the correlation with sharpness is predicted."""


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
    small, large = arm.ends
    levels = [last("train/loss").level(group.runs) for group in (large, small)]
    losses = [number(level.value) for level in levels if level]
    return difference(
        f"Large batches are sharper at {arm.name}: {words}",
        arm.quantity(quantity),
        ABOVE_ZERO,
        (large, small),
        f"log10 of the ratio, {large.name} over {small.name}",
        note=f"training loss {' against '.join(losses)}" if len(losses) == 2 else "",
        unfit=arm.single,
    )


def _sharper_is_worse(arm: Arm, quantity: str, words: str, outcome: str) -> Claim:
    side, region = OUTCOMES[outcome]
    goes = "falls" if region is BELOW_ZERO else "grows"
    return association(
        f"Sharper nets generalise worse at {arm.name}: {side} {goes} with {words}",
        arm.quantity(quantity),
        arm.quantity(outcome),
        region,
        arm.groups,
        "Spearman's ρ over the batch sizes of a seed",
    )
