"""Deep, middle and shallow nets of equal size on CIFAR-10: deeper is better."""

from collections.abc import Sequence

from dl_experiments.analysis.claims import Claim, Region
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import other_data
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.forms import Group, difference
from dl_experiments.analysis.phenomena import _images
from dl_experiments.analysis.quantities import by_seed, final, in_percent
from dl_experiments.analysis.statistics import common

STUDY = "hw1_1_cifar10"
TITLE = "Deep against shallow on CIFAR-10"
PAIRS = (("deep", "shallow"), ("deep", "middle"), ("middle", "shallow"))
ACCURACY = in_percent(final("test/accuracy"))


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves, final accuracies, and whether the deeper of two nets of equal size is better."""
    return _images.analyse(STUDY, TITLE, runs, _claims)


def _claims(models: _images.Models) -> list[Claim]:
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
