"""Deep, middle and shallow nets of equal size on CIFAR-10: deeper is better."""

from collections.abc import Sequence

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, difference
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.depth import images
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import other_data
from dl_experiments.analysis.runs.quantities import by_seed, final, in_percent
from dl_experiments.analysis.runs.statistics import common

PAIRS = (("deep", "shallow"), ("deep", "middle"), ("middle", "shallow"))
ACCURACY = in_percent(final("test/accuracy"))


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves, final accuracies, and whether the deeper of two nets of equal size is better."""
    return images.analyse(runs, _claims)


def _claims(models: images.Models) -> list[Claim]:
    judged = []
    for deeper, shallower in PAIRS:
        one, other = (Group(models.get(name, []), name) for name in (deeper, shallower))
        paired = common(*(by_seed(group.runs, ACCURACY) for group in (one, other)))
        how = "paired by seed" if paired else "not paired: fewer than two seeds in common"
        judged.append(
            difference(
                f"Deeper is better on CIFAR-10: {deeper} over {shallower}",
                ACCURACY,
                Region(above=0.0),
                (one, other),
                f"final test accuracy, {deeper} minus {shallower}, {how}",
                unfit="; ".join(other_data([*one.runs, *other.runs], "cifar10")),
            )
        )
    return judged
