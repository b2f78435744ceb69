"""What hw1_2_gradient_norm claims, how it is tested, and what would refute it.

**The norm does not vanish as the loss flattens.** Near the bottom of a bowl, L − L* = ½ θᵀHθ, the
norm falls with the root of L − L*: where L* = 0 as √L, where L* > 0 it goes to zero while L stays
where it is. So the effect is how many decades the norm ends *above* the root of the loss,

    log10(G_end / G_early) − ½ log10(L_end / L_early),

early and end being medians over the second and the last tenth of the updates. (Not over the first:
there classifiers leave a plateau on which the gradient is small, and regressions correct their
mean, in which it is large, and the verdict would hang on that.) An effect below 0 refutes the
claim: then the norm went down with the loss or faster, as when a net arrives at a critical point. A
loss that is still falling (more than ``FLAT`` of its whole fall in the last tenth; a steady fall
has a tenth there), that has not fallen, or that was logged too seldom to say, cannot show it.

**Discontinuous targets oscillate more.** Oscillation is relative: the standard deviation of log10
of the norm over the last tenth. The effect is that of a sign function less that of sinc, paired by
seed. At or below 0, the sign functions' norms may be larger but do not vary more.

There are two norms: that of the full data has no sampling noise, and that of the mini-batches is
recorded at every update. Both claims are of both, where both were recorded: each is supported only
where both norms support it, and the number is that of the norm which is further from doing so.

**Spikes.** How far the largest mini-batch norm of a run stands above the median of the 101 around
it, on whichever data set that is farthest for a seed. An order of magnitude counts as a spike:
norms with thin tails never reach it (that of a Gaussian vector stays within a few per cent of its
median once there are many parameters).

Source of the first: Goodfellow, Bengio and Courville 2016, figure 8.1, where the norm rises while
the loss falls. Of the others: written accounts of the homework, which give no numbers, so that each
region is the sign of the effect or, for spikes, the order of magnitude.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, compared, difference, level
from dl_experiments.analysis.claims.jointly import all_hold
from dl_experiments.analysis.claims.seeds import Sides, across, over_seeds
from dl_experiments.analysis.phenomena.gradient_norm.series import (
    ENOUGH,
    LOSS,
    NORM,
    SPIKE,
    TENTH,
    WINDOW,
    Columns,
    Series,
    minibatch,
    shared,
    short_name,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import percent
from dl_experiments.analysis.runs.quantities import Quantity
from dl_experiments.analysis.runs.scales import LOG, SIZE
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.analysis.runs.swept import confounded

FLAT = 0.03
KINDS: dict[str, Callable[[Run], Series]] = {
    "full-data": lambda run: shared(run, NORM),
    "mini-batch": minibatch,
}
ABOVE_ZERO = Region(above=0.0)


def judge(columns: Columns) -> list[Claim]:
    """The claims on one arm's runs, given as data set -> runs."""
    judged = [_does_not_vanish(name, runs) for name, runs in columns.items()]
    for name in ("sign_sinc", "sign_sin"):
        if name in columns and "sinc" in columns:
            judged.append(_oscillates_more(name, columns))
    return [*judged, _spikes(columns)]


def above_root(kind: str) -> Quantity:
    """How many decades a norm ends above the root of the loss; None where one was not recorded."""

    def of(run: Run) -> float | None:
        norm, loss = KINDS[kind](run).change, shared(run, LOSS).change
        return None if norm is None or loss is None else norm - loss / 2

    return Quantity(f"{kind} norm above the root of the loss", of, unit="decades")


def oscillation(kind: str) -> Quantity:
    """The spread of a norm at the end, in decades."""
    return Quantity(
        f"oscillation, {kind}", lambda run: KINDS[kind](run).oscillation, SIZE, "decades"
    )


def largest(run: Run) -> float | None:
    """The largest mini-batch norm over its running median."""
    return float(over.max()) if len(over := minibatch(run).over_running_median()) else None


LARGEST = Quantity("largest mini-batch norm over its running median", largest, LOG)


def last_share(loss: Series) -> float | None:
    """How much of its whole fall a loss has in the last tenth of the updates, against that before.

    None where there is no value in one of the two, or no fall.
    """
    before = loss.between(1 - 2 * TENTH, 1 - TENTH)
    end = loss.end
    if not len(before) or end is None or not loss.values[0] > end:
        return None
    return float((np.median(before) - end) / (loss.values[0] - end))


def _does_not_vanish(name: str, runs: Sequence[Run]) -> Claim:
    statement = f"The gradient norm does not vanish as the loss flattens on {short_name(name)}"
    effect = (
        "log10 of its change from the second to the last tenth of the updates, less half that of "
        "the loss, for full-data and mini-batch norms"
    )
    unfit = _lacking("full-data", runs) or _not_flat(runs)
    parts = {
        f"{kind} norms": level(statement, above_root(kind), ABOVE_ZERO, runs, unfit=unfit)
        for kind in _known(runs)
    }
    return all_hold(statement, effect, parts)


def _oscillates_more(name: str, columns: Columns) -> Claim:
    pair = Group(columns[name], name), Group(columns["sinc"], "sinc")
    runs = [run for group in pair for run in group.runs]
    statement = f"The gradient norm oscillates more on {name} than on sinc"
    effect = (
        "standard deviation of log10 of the norm over the last tenth of the updates, "
        f"{name} minus sinc, for full-data and mini-batch norms"
    )
    unfit = _lacking("full-data", runs) or _few_at_the_end(runs) or " ".join(confounded(runs))
    parts = {
        f"{kind} norms": difference(statement, oscillation(kind), ABOVE_ZERO, pair, unfit=unfit)
        for kind in _known(runs)
    }
    return all_hold(statement, effect, parts)


def _spikes(columns: Columns) -> Claim:
    names = [short_name(name) for name in columns]
    groups = [Group(runs, name) for name, runs in zip(names, columns.values(), strict=True)]
    runs = [run for group in groups for run in group.runs]

    def compare(sides: Sides) -> Estimate | None:
        found = {seed: float(values.max()) for seed, values in across(sides).items()}
        return over_seeds(found, sides, LOG)

    return compared(
        f"Gradient norms spike on {' or '.join(names)}",
        LARGEST,
        Region(above=SPIKE),
        groups,
        compare,
        "times",
        f"the largest mini-batch norm of a seed over the median of the {WINDOW} around it",
        unfit=_lacking("mini-batch", runs) or _few_updates(runs),
    )


def _known(runs: Sequence[Run]) -> list[str]:
    """The norms that both claims are of: that of the full data, and the others if recorded."""
    return [kind for kind in KINDS if kind == "full-data" or not _lacking(kind, runs)]


def _lacking(kind: str, runs: Sequence[Run]) -> str:
    """Says that no completed run has a norm, though there are some; else empty."""
    done = [run for run in runs if run.completed]
    none = done and not any(len(KINDS[kind](run).steps) for run in done)
    return f"no {kind} norm was recorded" if none else ""


def _not_flat(runs: Sequence[Run]) -> str:
    """Why some completed run cannot show the claim; empty where all can."""
    shares = [last_share(shared(run, LOSS)) for run in runs if run.completed]
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        out = f"{len(shares) - len(known)} of {len(shares)} runs"
        return f"the loss did not fall, or was logged too seldom, in {out}"
    if known and max(known) > FLAT:
        return f"the loss still falls: by {percent(max(known))} of its fall in the last tenth"
    return ""


def _few_at_the_end(runs: Sequence[Run]) -> str:
    found = [of(run) for run in runs if run.completed for of in KINDS.values()]
    few = any(series.oscillation is None for series in found if len(series.steps))
    return f"fewer than {ENOUGH} values in the last tenth" if few else ""


def _few_updates(runs: Sequence[Run]) -> str:
    fewest = min((len(minibatch(run).steps) for run in runs if run.completed), default=WINDOW)
    return f"only {fewest} updates; the running median takes {WINDOW}" if fewest < WINDOW else ""
