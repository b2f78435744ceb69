"""What hw1_2_gradient_norm claims, how it is tested, and what would refute it.

**The norm does not vanish as the loss flattens.** Near the bottom of a bowl, L − L* = ½ θᵀHθ, the
norm falls with the root of L − L*: where L* = 0 as √L, where L* > 0 it goes to zero while L stays
where it is. So the effect is how many decades the norm ends *above* the root of the loss,

    log10(G_end / G_early) − ½ log10(L_end / L_early),

early and end being medians over the second and the last tenth of the updates. (Not over the first:
there classifiers leave a plateau on which the gradient is small, and regressions correct their
mean, in which it is large, and the verdict would hang on that.) It is asked of the full-data norm,
which has no sampling noise, and of the mini-batch norm, which noise alone may keep up. An effect
below 0 refutes the claim: then the norm went down with the loss or faster, as when a net
arrives at a critical point. A loss that is still falling (more than ``FLAT`` of its whole fall in
the last tenth; a steady fall has a tenth there), that has not fallen, or that was logged too seldom
to say, cannot show it.

**Discontinuous targets oscillate more.** Oscillation is relative: the standard deviation of log10
of the norm over the last tenth. The effect is that of a sign function less that of sinc, paired by
seed. At or below 0, the sign functions' norms may be larger but do not vary more.

**Spikes.** The share of updates whose mini-batch norm is more than ten times the running median of
the 101 around it. Norms with thin tails never are (that of a Gaussian vector stays within a few per
cent of its median once there are many parameters), so the claim is that the share is above 0. Seeds
without a spike refute it.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, difference, level
from dl_experiments.analysis.phenomena.gradient_norm.series import (
    ENOUGH,
    LOSS,
    NORM,
    SPIKE,
    TENTH,
    WINDOW,
    Columns,
    Series,
    compared,
    minibatch,
    short_name,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import number, percent
from dl_experiments.analysis.runs.quantities import Quantity
from dl_experiments.analysis.runs.scales import PERCENT, SIZE
from dl_experiments.analysis.runs.swept import confounded

FLAT = 0.03
KINDS: dict[str, Callable[[Run], Series]] = {
    "full-data": lambda run: compared(run, NORM),
    "mini-batch": minibatch,
}
ABOVE_ZERO = Region(above=0.0)


def judge(columns: Columns) -> list[Claim]:
    """The claims on one arm's runs, given as data set -> runs."""
    judged = []
    for name, runs in columns.items():
        judged += [_does_not_vanish(kind, name, runs) for kind in KINDS]
    for name in ("sign_sinc", "sign_sin"):
        if name in columns and "sinc" in columns:
            judged += [_oscillates_more(kind, name, columns) for kind in KINDS]
    for name, runs in columns.items():
        judged.append(
            level(
                f"Gradient norms spike on {short_name(name)}",
                SPIKES,
                ABOVE_ZERO,
                runs,
                effect="share of updates whose mini-batch norm is over "
                f"{SPIKE:g} times the median of the {WINDOW} around it",
                note=_largest(runs),
                unfit=_lacking("mini-batch", runs) or _few_updates(runs),
            )
        )
    return judged


def above_root(kind: str) -> Quantity:
    """How many decades a norm ends above the root of the loss; None where one was not recorded."""

    def of(run: Run) -> float | None:
        norm, loss = KINDS[kind](run).change, compared(run, LOSS).change
        return None if norm is None or loss is None else norm - loss / 2

    return Quantity(f"{kind} norm above the root of the loss", of, unit="decades")


def oscillation(kind: str) -> Quantity:
    """The spread of a norm at the end, in decades."""
    return Quantity(
        f"oscillation, {kind}", lambda run: KINDS[kind](run).oscillation, SIZE, "decades"
    )


def spikes(run: Run) -> float | None:
    """The share of updates that spike, in percent."""
    series = minibatch(run)
    over = series.over_running_median()
    return float(100 * (over > SPIKE).mean()) if len(over) else None


SPIKES = Quantity("updates that spike", spikes, PERCENT, "%")


def largest(runs: Sequence[Run]) -> float | None:
    """The largest mini-batch norm over its running median, of all completed runs."""
    over = [minibatch(run).over_running_median() for run in runs if run.completed]
    return max((float(ratios.max()) for ratios in over if len(ratios)), default=None)


def last_share(loss: Series) -> float | None:
    """How much of its whole fall a loss has in the last tenth of the updates, against that before.

    None where there is no value in one of the two, or no fall.
    """
    before = loss.between(1 - 2 * TENTH, 1 - TENTH)
    end = loss.end
    if not len(before) or end is None or not loss.values[0] > end:
        return None
    return float((np.median(before) - end) / (loss.values[0] - end))


def _does_not_vanish(kind: str, name: str, runs: Sequence[Run]) -> Claim:
    return level(
        f"The {kind} gradient norm does not vanish as the loss flattens on {short_name(name)}",
        above_root(kind),
        ABOVE_ZERO,
        runs,
        effect="log10 of its change from the second to the last tenth of the updates, less half "
        "that of the loss",
        unfit=_lacking(kind, runs) or _not_flat(runs),
    )


def _oscillates_more(kind: str, name: str, columns: Columns) -> Claim:
    runs = [*columns[name], *columns["sinc"]]
    return difference(
        f"The {kind} gradient norm oscillates more on {name} than on sinc",
        oscillation(kind),
        ABOVE_ZERO,
        (Group(columns[name], name), Group(columns["sinc"], "sinc")),
        "standard deviation of log10 of the norm over the last tenth of the updates, "
        f"{name} minus sinc",
        unfit=_lacking(kind, runs) or _few_at_the_end(kind, runs) or " ".join(confounded(runs)),
    )


def _lacking(kind: str, runs: Sequence[Run]) -> str:
    """Says that no completed run has a norm, though there are some; else empty."""
    done = [run for run in runs if run.completed]
    none = done and not any(len(KINDS[kind](run).steps) for run in done)
    return f"no {kind} norm was recorded" if none else ""


def _not_flat(runs: Sequence[Run]) -> str:
    """Why some completed run cannot show the claim; empty where all can."""
    shares = [last_share(compared(run, LOSS)) for run in runs if run.completed]
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        out = f"{len(shares) - len(known)} of {len(shares)} runs"
        return f"the loss did not fall, or was logged too seldom, in {out}"
    if known and max(known) > FLAT:
        return f"the loss still falls: by {percent(max(known))} of its fall in the last tenth"
    return ""


def _few_at_the_end(kind: str, runs: Sequence[Run]) -> str:
    few = any(KINDS[kind](run).oscillation is None for run in runs if run.completed)
    return f"fewer than {ENOUGH} values in the last tenth" if few else ""


def _few_updates(runs: Sequence[Run]) -> str:
    fewest = min((len(minibatch(run).steps) for run in runs if run.completed), default=WINDOW)
    return f"only {fewest} updates; the running median takes {WINDOW}" if fewest < WINDOW else ""


def _largest(runs: Sequence[Run]) -> str:
    found = largest(runs)
    return f"the largest is {number(found, 2)} times the median" if found else ""
