"""Deep, middle and shallow nets of equal size on CIFAR-10: deeper is better.

The claim is on trained nets. Deep ones learn more slowly at first, and a net that still improves
when its training ends shows how fast it learns and not how well.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, difference
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.depth import images
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import other_data
from dl_experiments.analysis.runs.quantities import Quantity, by_seed, final, in_percent
from dl_experiments.analysis.runs.statistics import common

PAIRS = (("deep", "shallow"), ("deep", "middle"), ("middle", "shallow"))
ACCURACY = in_percent(final("test/accuracy"))
END = 1 / 3  # of the epochs, the last ones
STILL = 1.0  # percentage points of test accuracy; who gains more there is still learning


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
                unfit="; ".join(
                    [*other_data([*one.runs, *other.runs], "cifar10"), *_learning(one, other)]
                ),
            )
        )
    return judged


def _learning(*groups: Group) -> list[str]:
    """Which of some nets would be better if they were trained on."""
    return [
        f"the {group.name} net is still learning: its test accuracy gained {gain:.1f} percentage "
        f"points over the last third of its epochs, and up to {STILL:g} is an end"
        for group in groups
        if (gain := _mean(by_seed(group.runs, GAIN))) > STILL
    ]


def _mean(values: Mapping[int, float]) -> float:
    return float(np.mean([*values.values()])) if values else 0.0


def gain(run: Run) -> float | None:
    """Final test accuracy minus the one recorded before the last third of the epochs."""
    epochs, accuracies = run.shared("test/accuracy")
    before, end = accuracies[epochs <= (1 - END) * epochs.max(initial=0)], ACCURACY.of(run)
    return None if end is None or not len(before) else end - 100 * float(before[-1])


GAIN = Quantity("gain in test accuracy", gain)
