"""What hw1_3_sharpness claims, how it is tested, and what would refute it.

Nets are compared where their training losses are equal, see ``arms``. Of an arm where they are not
only the first claim is put, and it has no verdict.

**Large batches are sharper** (Keskar et al. 2017, "On large-batch training for deep learning",
section 2.2). log10 of the largest Hessian eigenvalue, or of the sharpness that gradient ascent
finds in a ball of each radius, at the largest batch size over that at the smallest, paired by seed.
At or below 0 refutes it. The best of random points finds no sharp direction among so many, so
nothing is claimed of it.

**Sharper nets generalise worse** (the same, section 2.2). Spearman's ρ, over the batch sizes of a
seed, between sharpness and test accuracy; a mean over seeds, predicted below 0. Runs of one batch
size lie together, so over all runs at once a ρ would count batch sizes as often as there are seeds.
At one training loss the gap to the training accuracy says the same as test accuracy.
"""

from collections.abc import Sequence

from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.claims.forms import difference
from dl_experiments.analysis.claims.seeds import joined
from dl_experiments.analysis.claims.seedwise import association
from dl_experiments.analysis.phenomena.batch_sizes.arms import LOSS, Arm, told_apart, unfit
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_claims import (
    ABOVE_ZERO,
    ACCURACY,
    BELOW_ZERO,
)
from dl_experiments.analysis.phenomena.batch_sizes.sharpness_values import (
    CURVATURE,
    ascended,
    chosen,
    radii,
)
from dl_experiments.analysis.runs.describe import number
from dl_experiments.analysis.sections import undecided


def judge(arms: Sequence[Arm]) -> list[Claim]:
    """The claims on the arms of one config."""
    judged = []
    for arm in arms:
        claims = [_larger_is_sharper(arm, *CURVATURE)]
        if arm.comparable:
            claims += [_larger_is_sharper(arm, *ascended(radius)) for radius in radii(arms)]
            claims += [_sharper_is_worse(arm, name, words) for name, words in chosen(arms).items()]
        judged += [undecided(arm.held(claim), told_apart([arm])) for claim in claims]
    return judged


def _larger_is_sharper(arm: Arm, name: str, words: str) -> Claim:
    small, large = arm.ends
    losses = [number(level.value) for group in arm.ends if (level := LOSS.level(group.runs))]
    why = unfit(arm.ends)
    return difference(
        f"Large batches are sharper at {arm.given}: {words}",
        arm.quantity(name),
        ABOVE_ZERO,
        (large, small),
        f"log10 of the ratio, {large.name} over {small.name}",
        note=joined(["" if why else f"training loss {' and '.join(losses)}", arm.without]),
        unfit=why,
    )


def _sharper_is_worse(arm: Arm, name: str, words: str) -> Claim:
    return association(
        f"Sharper nets generalise worse at {arm.given}: test accuracy falls with {words}",
        arm.quantity(name),
        arm.quantity(ACCURACY),
        BELOW_ZERO,
        arm.groups,
        "Spearman's ρ over the batch sizes of a seed",
        arm.without,
    )
