"""What is claimed of nets of growing size, and how it is tested.

**The training loss falls all the way.** Spearman's ρ between the parameter count and the training
loss, once a seed over all sizes. It is −1 where every larger net has the smaller loss; two
neighbours in the wrong order among ten cost 0.01. Above −0.9 the fall has a hole. Where training
stopped at a training loss, all nets have that one and the claim is not asked, nor is it judged
where some had stopped before they are read.

**The test accuracy saturates.** The mean of the largest quarter of the sizes less that of the
quarter before it: within half a percentage point of zero.

**It rises, or the test loss does.** ρ again, above 0.
"""

from collections.abc import Sequence

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import level, trend
from dl_experiments.analysis.claims.seeds import joined
from dl_experiments.analysis.phenomena.capacity.sizes import (
    Reading,
    Sizes,
    few,
    last_gain,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import other_data, other_labels, part_of_data
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.quantities import in_percent
from dl_experiments.analysis.runs.scales import CORRELATION
from dl_experiments.analysis.runs.statistics import spearman

ALL_THE_WAY = Region(below=-0.9)
SMALL = Region(above=-0.5, below=0.5)
ABOUT = Region(above=97.5, below=98.5)  # what rounds to 98 %
RISES = Region(above=0.0)
RHO = "Spearman's ρ over the sizes between parameters and"


def training_loss_falls(sizes: Sizes, reading: Reading) -> Claim:
    """That it falls all the way from the smallest to the largest net."""
    return trend(
        f"The training loss falls all the way as the net grows, {reading.name}",
        reading.of("train/loss"),
        ALL_THE_WAY,
        sizes,
        spearman,
        CORRELATION,
        effect=f"{RHO} training loss",
        unfit=reading.missing or reading.through or few(sizes),
    )


def saturates(sizes: Sizes, reading: Reading) -> Claim:
    """That the largest nets are no better on the test set than those just smaller."""
    return trend(
        f"The test accuracy saturates as the net grows, {reading.name}",
        in_percent(reading.of("test/accuracy")),
        SMALL,
        sizes,
        last_gain,
        unit="percentage points",
        effect="test accuracy, mean of the largest quarter of the sizes less that of the quarter "
        "before",
        unfit=reading.missing or few(sizes),
    )


def reaches_98(sizes: Sizes, reading: Reading) -> Claim:
    """That the largest net of all MNIST has about 98 % of the test set right."""
    return level(
        f"… at about 98 %, {reading.name}",
        in_percent(reading.of("test/accuracy")),
        ABOUT,
        sizes[max(sizes)],
        effect="test accuracy of the largest net",
        unfit=joined([reading.missing, *_unlike(flat(sizes))]),
    )


def rises(sizes: Sizes, reading: Reading, metric: str) -> Claim:
    """That ``test/loss`` or ``test/accuracy`` rises with the size of the net."""
    name = metric.replace("/", " ")
    return trend(
        f"The {name} rises as the net grows, {reading.name}",
        reading.of(metric),
        RISES,
        sizes,
        spearman,
        CORRELATION,
        effect=f"{RHO} {name}",
        unfit=reading.missing or few(sizes),
    )


def _unlike(runs: Sequence[Run]) -> list[str]:
    return [*other_data(runs, "mnist"), *part_of_data(runs, "mnist"), *other_labels(runs)]
