"""What is claimed of nets of growing size, and how it is tested.

**The training loss falls all the way.** Spearman's ρ between the parameter count and the training
loss, once a seed over all sizes. It is −1 where every larger net has the smaller loss; two
neighbours in the wrong order among ten cost 0.01. Above −0.9 the fall has a hole. Where training
stopped at a training loss, all nets have that one and the claim is not asked.

**The test accuracy saturates.** The mean of the largest quarter of the sizes less that of the
quarter before it: within half a percentage point of zero.

**It rises, or the test loss does.** ρ again, above 0.
"""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.claims import Claim, Region, claim
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import labels, subset
from dl_experiments.analysis.phenomena._capacity import (
    FEWEST,
    Reading,
    Sizes,
    across,
    flat,
    last_gains,
    trends,
)
from dl_experiments.analysis.quantities import in_percent
from dl_experiments.analysis.scales import LINEAR, Correlation, Scale
from dl_experiments.analysis.statistics import Estimate

ALL_THE_WAY = Region(below=-0.9)
SMALL = Region(above=-0.5, below=0.5)
ABOUT = Region(above=97.5, below=98.5)  # what rounds to 98 %
RISES = Region(above=0.0)
IMAGES = 60_000
RHO = "Spearman's ρ over the sizes between parameters and"


def training_loss_falls(sizes: Sizes, reading: Reading) -> Claim:
    """That it falls all the way from the smallest to the largest net."""
    return claim(
        f"The training loss falls all the way as the net grows, {reading.name}",
        f"{RHO} training loss",
        ALL_THE_WAY,
        over_seeds(trends(sizes, reading.of("train/loss")), Correlation(len(sizes))),
        unfit=reading.missing or few(sizes),
    )


def saturates(sizes: Sizes, reading: Reading) -> Claim:
    """That the largest nets are no better on the test set than those just smaller."""
    return claim(
        f"The test accuracy saturates as the net grows, {reading.name}",
        "test accuracy, mean of the largest quarter of the sizes less that of the quarter before",
        SMALL,
        over_seeds(last_gains(sizes, in_percent(reading.of("test/accuracy")))),
        "percentage points",
        unfit=reading.missing or few(sizes),
    )


def reaches_98(sizes: Sizes, reading: Reading) -> Claim:
    """That the largest net of all MNIST has about 98 % of the test set right."""
    largest = dict(list(sizes.items())[-1:])
    ends = across(largest, in_percent(reading.of("test/accuracy")))
    return claim(
        f"… at about 98 %, {reading.name}",
        "test accuracy of the largest net",
        ABOUT,
        over_seeds({seed: float(values[0]) for seed, values in ends.items()}),
        "%",
        unfit="; ".join(
            filter(None, [reading.missing, *_partial(flat(sizes)), *_noisy(flat(sizes))])
        ),
    )


def rises(sizes: Sizes, reading: Reading, metric: str) -> Claim:
    """That ``test/loss`` or ``test/accuracy`` rises with the size of the net."""
    name = metric.replace("/", " ")
    return claim(
        f"The {name} rises as the net grows, {reading.name}",
        f"{RHO} {name}",
        RISES,
        over_seeds(trends(sizes, reading.of(metric)), Correlation(len(sizes))),
        unfit=reading.missing or few(sizes),
    )


def over_seeds(values: dict[int, float], scale: Scale = LINEAR) -> Estimate | None:
    """The mean over seeds, None without any."""
    return scale.level(np.array(list(values.values()))) if values else None


def few(sizes: Sizes) -> str:
    """Why there is no trend: too few sizes; empty where there are enough."""
    return f"only {len(sizes)} sizes, and it takes {FEWEST}" if len(sizes) < FEWEST else ""


def _partial(runs: Sequence[Run]) -> list[str]:
    part = any((run.get("data.samples") or IMAGES) < IMAGES for run in runs)
    return [f"the claim is about all {IMAGES:,} images; this is a {subset(runs)}"] if part else []


def _noisy(runs: Sequence[Run]) -> list[str]:
    found = " and ".join(labels(runs))
    return [f"the claim is about true labels; here: {found}"] if found else []
