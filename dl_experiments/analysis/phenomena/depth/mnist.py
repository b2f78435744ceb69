"""Deep, middle and shallow nets of equal size on MNIST: all good, and the test loss turns up.

The test loss of a net that is trained on keeps rising after its minimum although the test accuracy
holds: the few mistakes are made with ever more confidence.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import level
from dl_experiments.analysis.claims.seeds import joined
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.depth import images
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import (
    low_to_high,
    other_data,
    other_labels,
    part_of_data,
)
from dl_experiments.analysis.runs.learned import seldom
from dl_experiments.analysis.runs.quantities import Quantity, final, in_percent, longest, shortest
from dl_experiments.analysis.runs.scales import SIZE

NEAR = Region(above=97.5, below=99.5)  # what rounds to 98 or 99 %
RISE = Region(above=10.0)  # every run ends a little above its minimum; a tenth is a turn
HOLDS = Region(above=-0.5)
SELDOM = 5  # the fewest epochs at which a turn can be seen
EPOCHS = 15  # the fewest that the claims are about; the turn is expected after about 10


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves, final accuracies, and the three claims for each model."""
    return images.analyse(runs, _claims)


def _claims(models: images.Models) -> list[Claim]:
    judged = []
    for name, runs in models.items():
        judged.append(
            level(
                f"The {name} net ends near 98–99 % test accuracy",
                in_percent(final("test/accuracy")),
                NEAR,
                runs,
                effect="mean final test accuracy",
                unfit="; ".join([*part_of_data(runs, "mnist"), *_unlike(runs)]),
            )
        )
    for name, runs in models.items():
        unfit = joined([*_unlike(runs), seldom(runs, "test/loss", SELDOM)])
        judged += [
            level(
                f"The {name} net's test loss turns up after its minimum",
                RISES,
                RISE,
                runs,
                effect="final test loss over its minimum, minus 1",
                unfit=unfit,
            ),
            level(
                f"… while the {name} net's test accuracy holds",
                HELD,
                HOLDS,
                runs,
                effect="final test accuracy minus that at the minimum of the test loss",
                unfit=unfit,
            ),
        ]
    return judged


def _unlike(runs: Sequence[Run]) -> list[str]:
    return [*other_data(runs, "mnist"), *_short(runs), *other_labels(runs)]


def _short(runs: Sequence[Run]) -> list[str]:
    """Some run was not trained on for long enough, be it that it stopped by itself."""
    short, long = shortest(runs), longest(runs)
    epochs = f"{low_to_high((short, long))} epoch{'s' * (long != 1)}"
    return [f"only {epochs}, and it takes {EPOCHS}"] if short < EPOCHS else []


def rise(run: Run) -> float | None:
    """How far the test loss ends above its minimum, relative to that."""
    _, losses = run.shared("test/loss")
    end = final("test/loss")(run)
    lowest = losses.min(initial=np.inf)
    return None if end is None or not 0 < lowest < np.inf else float(end / lowest - 1)


def held(run: Run) -> float | None:
    """Final test accuracy minus the one recorded where the test loss was lowest."""
    epochs, losses = run.shared("test/loss")
    at, accuracies = run.shared("test/accuracy")
    end = final("test/accuracy")(run)
    if end is None or not len(losses) or not np.isfinite(losses).any():
        return None
    then = accuracies[at == epochs[np.nanargmin(losses)]]
    return float(end - then[0]) if len(then) else None


RISES = in_percent(Quantity("rise of the test loss", rise, SIZE))
HELD = replace(in_percent(Quantity("accuracy held", held)), unit="percentage points")
