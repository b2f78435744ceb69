"""What hw1_3_random_labels claims about learning labels by heart.

The claims are those of Zhang et al. 2017, "Understanding deep learning requires rethinking
generalization", section 2, and Arpit et al. 2017, "A Closer Look at Memorization in Deep Networks".
*By heart* is a training accuracy of 99 % or more. A run that ends without it counts, where epochs
are compared, with its last epoch: a lower bound.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, difference, level, trend
from dl_experiments.analysis.claims.seeds import each_seed
from dl_experiments.analysis.phenomena.random_labels.memorised import (
    BY_HEART,
    EPOCHS,
    Widths,
    epochs_to_memorise,
    is_small,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import (
    interval,
    labels,
    low_to_high,
    percent,
    sized,
    subset,
)
from dl_experiments.analysis.runs.quantities import Quantity, by_seed, in_percent, last
from dl_experiments.analysis.runs.scales import CORRELATION, LOG
from dl_experiments.analysis.runs.statistics import slope, spearman
from dl_experiments.data.sources import SHAPES

CHANCE = 0.2  # how far from guessing, as a share of that, still is guessing
MUCH = 2.0  # times ln 10


def of_net(groups: Mapping[float, Sequence[Run]]) -> list[Claim]:
    """The claims on one net, whose runs differ in p and seed, given as p -> runs."""
    judged = _random(groups[1.0]) if 1.0 in groups else []
    if len(groups) > 1:
        judged += [_grows(groups), _falls(groups)]
    return judged


def of_capacity(groups: Widths) -> list[Claim]:
    """The claim on the narrowest net of the arm.

    No bound says which nets are too narrow: one hidden layer of ReLU can hold any n labels with
    2 n + d weights for d inputs (Zhang et al. 2017, theorem 1), and with fewer nobody knows.
    """
    small = [(layers, found) for (_, layers), found in groups.items() if any(map(is_small, found))]
    reached = [
        f"{layers.strip('[]')} units: {last('train/accuracy').words(found)}"
        for (_, layers), found in groups.items()
    ]
    return [
        level(
            f"{_net(found[0], layers)}, the narrowest, does not learn random labels by heart",
            in_percent(last("train/accuracy")),
            Region(below=100 * BY_HEART),
            found,
            effect="training accuracy at the end",
            note=f"after {_epochs(found)} epochs; other widths may lack epochs, not parameters: "
            + "; ".join(reached),
            unfit=_too_short(found),
            learners=(),
        )
        for layers, found in small[:1]
    ]


def _net(run: Run, layers: str) -> str:
    """As in "784-8-10"; of data whose shape is not known the layers alone."""
    hidden = layers.strip("[]")
    if run.data not in SHAPES:
        return f"A net of {hidden} hidden units"
    return f"{math.prod(SHAPES[run.data])}-{hidden}-{run.classes}"


def _random(runs: Sequence[Run]) -> list[Claim]:
    name = f"{runs[0].model}{sized(runs)}"
    done = [run for run in runs if run.completed]
    unfit = _drawn_test_labels(runs)
    epochs = by_seed(done, epochs_to_memorise)
    guess = f"ln {runs[0].classes}" if runs[0].classes else "the logarithm of the classes"
    unknown = "" if runs[0].classes else "how many classes the data have is not recorded"
    at = f"after {low_to_high(epochs.values())} epochs" if epochs else "by no run"
    return [
        level(
            f"{name} learns fully random labels by heart",
            in_percent(last("train/accuracy")),
            Region(above=100 * BY_HEART),
            runs,
            effect=f"training accuracy at the end, p = 1, {subset(runs)}",
            note=f"the target was reached by {len(epochs)} of {len(done)} runs, {at}",
            unfit=_too_short(runs),
            learners=(),
        ),
        level(
            f"… and then knows no more of the test set than guessing does ({name})",
            in_percent(last("test/accuracy")),
            _near_chance(runs),
            runs,
            effect="test accuracy at the end, p = 1, true test labels",
            unfit=unfit or unknown or _too_short(runs),
        ),
        level(
            f"… while its test loss is far above {guess}, that of guessing ({name})",
            OVER_CHANCE,
            Region(above=MUCH),
            runs,
            effect=f"test loss at the end over {guess}, p = 1",
            unfit=unfit or unknown or _too_short(runs),
        ),
    ]


def _near_chance(runs: Sequence[Run]) -> Region:
    """Around the accuracy of guessing, in percent."""
    chance = 100 * (runs[0].chance or 0.0)
    return Region(above=(1 - CHANCE) * chance, below=(1 + CHANCE) * chance)


def _grows(groups: Mapping[float, Sequence[Run]]) -> Claim:
    runs = [run for found in groups.values() for run in found]
    missed = sum(epochs_to_memorise(run) is None for run in runs if run.completed)
    epochs = {p: by_seed(found, EPOCHS) for p, found in groups.items()}
    notes = [
        f"rank correlation of p and epochs: {interval(each_seed(epochs, spearman, CORRELATION))}",
        f"did not get there and counted with their last epoch: {missed}" if missed else "",
    ]
    fewest, most = min(groups), max(groups)
    return difference(
        "The more labels are random, the more epochs it takes to learn them by heart",
        EPOCHS,
        Region(above=0.0),
        (Group(groups[most], f"p = {most:g}"), Group(groups[fewest], f"p = {fewest:g}")),
        f"log10 of epochs at p = {most:g} over epochs at p = {fewest:g}, paired by seed",
        note="; ".join(filter(None, notes)),
        unfit=_too_short(runs) or _at_once([*groups[fewest], *groups[most]]),
    )


def _falls(groups: Mapping[float, Sequence[Run]]) -> Claim:
    scores = {p: by_seed(found, last("test/accuracy")) for p, found in groups.items()}
    means = [
        f"{percent(float(np.mean(list(s.values()))))} at {p:g}" for p, s in scores.items() if s
    ]
    return trend(
        "The more labels are random, the lower the test accuracy",
        in_percent(last("test/accuracy")),
        Region(below=0.0),
        groups,
        slope,
        unit="percentage points for p from 0 to 1",
        effect="least-squares slope of the final test accuracy in p, one for each seed",
        note=", ".join(means),
        unfit=_drawn_test_labels([run for found in groups.values() for run in found]),
    )


def _over_chance(run: Run) -> float | None:
    loss = last("test/loss")(run)
    return None if loss is None or not run.classes else loss / math.log(run.classes)


OVER_CHANCE = Quantity("test loss over that of guessing", _over_chance, LOG, "times")


def _too_short(runs: Sequence[Run]) -> str:
    """Why runs cannot show what is learned by heart: they had no time to."""
    outcome = last("train/accuracy")
    done = [run for run in runs if run.completed]
    if not done or any((run.get("trainer.max_epochs") or 0) >= 50 for run in done):
        return ""
    if all((outcome(run) or 0) >= BY_HEART for run in done):
        return ""
    return f"at most {max(int(run.rows[-1]['epoch']) for run in done)} epochs, too few to tell"


def _at_once(runs: Sequence[Run]) -> str:
    """That all got there by the first epoch that was logged: nobody can say who was first."""

    def by_then(run: Run) -> bool:
        at = run.shared("train/accuracy")[0]
        return at[at > 0][:1].tolist() == [epochs_to_memorise(run)]

    done = [run for run in runs if run.completed]
    at_once = bool(done) and all(map(by_then, done))
    return "all were there by the first epoch that was logged" if at_once else ""


def _drawn_test_labels(runs: Sequence[Run]) -> str:
    found = [words for words in labels(runs) if "test labels" in words]
    return f"the claim is about true test labels; here: {found[0]}" if found else ""


def _epochs(runs: Sequence[Run]) -> str:
    return low_to_high([run.rows[-1]["epoch"] for run in runs if run.rows])
