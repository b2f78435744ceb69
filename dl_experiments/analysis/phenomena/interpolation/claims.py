"""What hw1_3_interpolation claims about the line between a small-batch and a large-batch net.

*Barrier*: how far the worst point between the ends lies above the chord from end to end. Nets are
called linearly connected where the error rises by less than 2 percentage points (Frankle et al.
2020, "Linear Mode Connectivity and the Lottery Ticket Hypothesis", section 2).

*Flatter*: beyond its end of the line, away from the other net, the loss of a flat minimum rises
less (Keskar et al. 2017, "On Large-Batch Training for Deep Learning", figure 3, draw this very
line). The rise at the same distance from both ends is compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from dl_experiments.analysis.claims.claim import Claim, Region, check, claim
from dl_experiments.analysis.claims.forms import Group, difference, level
from dl_experiments.analysis.phenomena.interpolation.lines import Line
from dl_experiments.analysis.phenomena.interpolation.pairs import BATCH, CHOSEN, Comparison
from dl_experiments.analysis.runs.describe import interval, number
from dl_experiments.analysis.runs.learned import hardly_trained
from dl_experiments.analysis.runs.quantities import in_percent, last
from dl_experiments.analysis.runs.scales import SIZE, Scale
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.measures import interpolation

CONNECTED = 2.0  # percentage points
SAME = 1e-6  # relative; what another processor's rounding may make of a metric
BEYOND = 0.5  # of the distance between the nets

Drawn = tuple[Comparison, list[Line], list[Line]]


def judge(drawn: Sequence[Drawn]) -> list[Claim]:
    """The claims on all comparisons that were drawn."""
    judged = []
    batches = [of for of in drawn if of[0].what == BATCH and "train/accuracy" in of[1][0]]
    for comparison, plain, matched in batches:
        if comparison.shared:
            continue
        alike = next(((c, lines) for c, lines, _ in batches if _is_twin(c, comparison)), None)
        why = hardly_trained(comparison.runs, each=True)
        made = [
            _apart(comparison, plain, why),
            _nearer(comparison, plain, alike, why),
            _shrinks(comparison, plain, matched, why),
        ]
        judged += [replace(one, runs=comparison.finished) for one in made]
    for comparison, plain, _ in batches:
        if comparison.shared:
            flatter = replace(_flatter(comparison, plain), runs=comparison.finished)
            judged += [flatter, _generalises(comparison)]
    lines = [line for c, plain, _ in drawn if c.shared or c.what == CHOSEN for line in plain]
    return [*judged, check(ends_agree(lines))] if lines else judged


def loss_barrier(line: Line) -> float:
    """Of the training loss."""
    return _barrier(line["alphas"], line["train/loss"])


def error_barrier(line: Line) -> float:
    """Of the training error, in percentage points."""
    return 100 * _barrier(line["alphas"], 1 - line["train/accuracy"])


def _barrier(alphas: np.ndarray, values: np.ndarray) -> float:
    return float(interpolation.barrier(torch.from_numpy(alphas), torch.from_numpy(values)))


def over_seeds(
    lines: Sequence[Line], of: Callable[[Line], float], scale: Scale = SIZE
) -> Estimate | None:
    """The level over the lines, without those whose number is not finite."""
    values = np.array([of(line) for line in lines])
    values = values[np.isfinite(values)]
    return scale.level(values) if len(values) else None


def ends_agree(lines: Sequence[Line]) -> Claim:
    """Whether α = 0 and α = 1 give what the runs have on record."""
    worst = over_seeds(lines, _disagreement)
    exact = sum(_disagreement(line) == 0 for line in lines)
    return claim(
        "α = 0 and α = 1 reproduce the metrics that the two runs recorded",
        "largest relative difference of a metric at an end, whole training and test set",
        Region(below=SAME),
        worst,
        note=f"bit for bit on {exact} of {len(lines)} lines",
    )


def _disagreement(line: Line) -> float:
    recorded, again = line["recorded"], line["again"]
    return float((np.abs(again - recorded) / np.maximum(np.abs(recorded), 1e-300)).max())


def _is_twin(one: Comparison, other: Comparison) -> bool:
    return one.shared and (one.ends, one.context) == (other.ends, other.context)


def _apart(comparison: Comparison, lines: Sequence[Line], why: str) -> Claim:
    return level(
        f"A barrier lies between nets of {_names(comparison)} with different initial weights",
        comparison.quantity("barrier", [*map(error_barrier, lines)], SIZE, "percentage points"),
        Region(above=CONNECTED),
        comparison.asked,
        effect="training error at the worst point between the ends, above the chord",
        note=f"barrier of the training loss: {interval(over_seeds(lines, loss_barrier))}",
        unfit=why,
    )


def _nearer(
    comparison: Comparison,
    apart: Sequence[Line],
    twin: tuple[Comparison, Sequence[Line]] | None,
    why: str,
) -> Claim:
    of, alike = twin or (comparison, [])
    same = _by_seed(of, alike)
    less = [
        loss_barrier(line) - same.get(first.seed, np.nan)
        for (first, _), line in zip(comparison.pairs, apart, strict=False)
    ]
    return level(
        f"… and nets of {_names(comparison)} that share their initial weights have less of one",
        comparison.quantity("more of a barrier", less),
        Region(above=0.0),
        comparison.asked,
        effect="barrier of the training loss, different minus same initial weights, paired by the "
        "first net's seed",
        note=f"with the same initial weights: {interval(over_seeds(alike, loss_barrier))}",
        unfit=why,
    )


def _by_seed(comparison: Comparison, lines: Sequence[Line]) -> dict[int, float]:
    """The first net's seed -> barrier of the training loss."""
    seeds = [first.seed for first, _ in comparison.pairs]
    return {seed: loss_barrier(line) for seed, line in zip(seeds, lines, strict=False)}


def _shrinks(
    comparison: Comparison, plain: Sequence[Line], matched: Sequence[Line], why: str
) -> Claim:
    gone = [
        100 * (1 - loss_barrier(after) / before) if (before := loss_barrier(one)) > 0 else np.nan
        for one, after in zip(plain, matched, strict=False)
    ]
    return level(
        f"Matching the hidden units shrinks the barrier between {_names(comparison)}, different "
        "initial weights",
        comparison.quantity("share gone", gone, unit="%"),
        Region(above=0.0),
        comparison.asked,
        effect="share of the training loss's barrier that is gone after matching",
        note=f"barrier after matching: {interval(over_seeds(matched, loss_barrier))}",
        unfit=why,
    )


def _flatter(comparison: Comparison, lines: Sequence[Line]) -> Claim:
    alphas = lines[0]["alphas"]
    step = min(BEYOND, -alphas[0], alphas[-1] - 1)
    why = "" if step > 0 else "alpha does not go beyond both ends"
    return level(
        f"{_names(comparison, 0)} ends in the flatter place: beyond its end the training loss "
        f"rises less than beyond {_names(comparison, 1)}'s",
        comparison.quantity("rise", [_excess_rise(line, step) for line in lines if step > 0]),
        Region(above=0.0),
        comparison.asked,
        effect=f"rise of the training loss from α = 1 to {1 + step:g} minus that from 0 to "
        f"{-step:g}, same initial weights",
        note=_equal_epochs(comparison),
        unfit=why or hardly_trained(comparison.runs, each=True),
    )


def _excess_rise(line: Line, step: float) -> float:
    """How much more the training loss rises beyond the second net than beyond the first."""
    at, loss = line["alphas"], line["train/loss"]
    first, second = np.interp([-step, 1 + step], at, loss) - np.interp([0, 1], at, loss)
    return float(second - first)


def _generalises(comparison: Comparison) -> Claim:
    names = (_names(comparison, 0), _names(comparison, 1))
    first, second = (Group(r, name) for r, name in zip(comparison.sides, names, strict=True))
    return difference(
        f"{names[0]} generalises better than {names[1]}",
        in_percent(last("test/accuracy")),
        Region(above=0.0),
        (first, second),
        effect="recorded test accuracy of the first minus the second, paired by seed",
        note=_equal_epochs(comparison),
        unfit=hardly_trained(comparison.runs, each=True),
    )


def _equal_epochs(comparison: Comparison) -> str:
    """What the two nets were given of the same, which is not the number of updates."""
    epochs = sorted({int(run.rows[-1]["epoch"]) for run in comparison.runs})
    losses = [
        number(float(np.mean([run.rows[-1]["train/loss"] for run in runs])))
        for runs in zip(*comparison.pairs, strict=True)
    ]
    return (
        f"after {' or '.join(map(str, epochs))} epochs each, the larger batch with fewer updates; "
        f"training losses {' and '.join(losses)}"
    )


def _names(comparison: Comparison, end: int | None = None) -> str:
    context = f" ({comparison.context})" if comparison.context else ""
    if end is None:
        return f"{comparison.ends[0]} and {comparison.ends[1]}{context}"
    name = comparison.ends[end]
    return name[:1].upper() + name[1:] + context if end == 0 else name
