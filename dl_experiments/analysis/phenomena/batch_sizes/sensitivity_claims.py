"""What hw1_3_sensitivity claims, how it is tested, and what would refute it.

Nets are compared where their training losses are equal, see ``arms``. Of an arm where they are not
only the first claim is put, and it has no verdict.

**Small batches generalise better** (Keskar et al. 2017, "On large-batch training for deep
learning", section 2). Test accuracy at the smallest batch size less that at the largest, paired by
seed. At or below 0 refutes it.

**Sensitivity falls beyond the best batch size.** So it does in published curves, of which most are
the artefact of the control. The best batch size is the one with the highest test accuracy, a mean
over seeds; the effect is the slope of log10 sensitivity against log10 batch size from there up, a
least-squares line for each seed. A slope above 0 refutes it. Where the best is the largest there
is nothing beyond it. Sensitivity is the Frobenius norm of the Jacobian of the softmax, as in Novak
et al. 2018 (section 3.1); that of the logits grows with their size alone, and the gradient of the
loss is 0 where the answer is sure.

**Nets that react less generalise better** (Novak et al. 2018, section 4). Spearman's ρ, over the
batch sizes of a seed, between that sensitivity and test accuracy; a mean over seeds, predicted
below 0. At one training loss the gap to the training accuracy says the same.

**The control's slopes.** The power of the evaluation batch size by which the norm of a batch-mean
loss's gradient falls, a least-squares line for each net. −½ and −1 follow from its definition where
all samples' gradients are equally large; a few samples with large ones make the whole gradient's
norm fall less at small batches.
"""

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region, check
from dl_experiments.analysis.claims.forms import compared, difference, trend
from dl_experiments.analysis.claims.seeds import Sides, joined, over_seeds, unbounded
from dl_experiments.analysis.claims.seedwise import association
from dl_experiments.analysis.phenomena.batch_sizes.arms import Arm, told_apart, unfit
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_control import KINDS, Artefacts
from dl_experiments.analysis.phenomena.batch_sizes.sensitivity_figures import MEASURES
from dl_experiments.analysis.runs.describe import percent
from dl_experiments.analysis.runs.quantities import Quantity, decades, in_percent, last
from dl_experiments.analysis.runs.statistics import Estimate, slope
from dl_experiments.analysis.sections import undecided

BELOW_ZERO, ABOVE_ZERO = Region(below=0.0), Region(above=0.0)
NEAR = {"whole": 0.1, "row": 0.05}
WORDS = {"whole": "the whole", "row": "a mean over its rows"}
ACCURACY, NOVAK = "test/accuracy", "softmax_jacobian"


def judge(arms: list[Arm], found: Artefacts) -> list[Claim]:
    """The claims on the arms of one config."""
    judged = []
    for arm in arms:
        claims = [arm.held(_small_is_better(arm))]
        if arm.comparable:
            claims += [arm.held(_falls_beyond(arm), arm.runs), arm.held(_reacts_less(arm))]
        judged += [undecided(claim, told_apart([arm])) for claim in claims]
    controls = [check(_control(arms, found, kind)) for kind in KINDS] if found else []
    return [*judged, *(undecided(claim, told_apart(arms)) for claim in controls)]


def _falls_beyond(arm: Arm) -> Claim:
    best = arm.best()
    sizes = [size for size in arm.having(NOVAK) if best is not None and size >= best]
    words = "" if best is None else f" ({best:,})"
    return trend(
        f"Sensitivity falls beyond the batch size with the best test accuracy{words}, {arm.given}",
        decades(arm.quantity(NOVAK)),
        BELOW_ZERO,
        {size: arm.sizes[size] for size in sizes if len(sizes) > 1},
        lambda at, values: slope(np.log10(at), values),
        unit="decades a decade",
        effect=f"slope of log10 {MEASURES[NOVAK][0]} against log10 batch size from there up",
        note=joined([_accuracies(arm, sizes), arm.without]),
        unfit=unbounded(arm.sizes.values(), last(ACCURACY))
        or (f"the best batch size{words} is the largest" if len(sizes) == 1 else "")
        or ("" if arm.having(NOVAK) else f"{NOVAK} was not measured"),
    )


def _reacts_less(arm: Arm) -> Claim:
    return association(
        f"Nets that react less to their input generalise better, {arm.given}",
        arm.quantity(NOVAK),
        arm.quantity(ACCURACY),
        BELOW_ZERO,
        arm.groups,
        f"Spearman's ρ of {MEASURES[NOVAK][0]} and test accuracy over the batch sizes of a seed",
        arm.without,
    )


def _accuracies(arm: Arm, sizes: list[int]) -> str:
    """How much better the best is."""
    means = [percent(float(np.mean(list(arm.at(size, ACCURACY).values())))) for size in sizes]
    if len(sizes) < 2:
        return ""
    return f"mean test accuracy {means[0]} at {sizes[0]:,}, {means[-1]} at {sizes[-1]:,}"


def _small_is_better(arm: Arm) -> Claim:
    small, large = arm.ends
    trained = [
        f"{percent(level.value)} at {group.name}"
        for group in arm.ends
        if (level := last("train/accuracy").level(group.runs))
    ]
    return difference(
        f"Small batches generalise better at {arm.given}",
        in_percent(arm.quantity(ACCURACY)),
        ABOVE_ZERO,
        (small, large),
        f"final test accuracy, {small.name} less {large.name}",
        note=joined([f"training accuracy {', '.join(trained)}" if trained else "", arm.without]),
        unfit=unfit(arm.ends),
    )


def _control(arms: list[Arm], found: Artefacts, kind: str) -> Claim:
    name, power = WORDS[kind], KINDS[kind][1]

    def compare(sides: Sides) -> Estimate | None:
        seeds = sorted({seed for side in sides for seed in side})
        every = {seed: [side[seed] for side in sides if seed in side] for seed in seeds}
        return over_seeds({seed: float(np.mean(of)) for seed, of in every.items()}, sides)

    return compared(
        f"Control: the norm of a batch-mean loss's gradient ({name}) falls with the evaluation "
        f"batch size to the power {power:g}",
        Quantity("slope", lambda run: found[run.path].slope(kind) if run.path in found else None),
        Region(above=power - NEAR[kind], below=power + NEAR[kind]),
        [group for arm in arms for group in arm.groups],
        compare,
        effect="power of the evaluation batch size, a mean over the nets of a seed",
        learners=(),
    )
