"""Ten nets 784-h-10 of 39,760 to 1,590,010 parameters on MNIST: more parameters, no overfitting.

Every net is trained once, until its training loss is at a target, and read twice: after ten epochs
and where it stopped. At a constant learning rate that is what two trainings would give.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import FixedLocator

from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.drawing import panels, style
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.capacity import parameters
from dl_experiments.analysis.phenomena.capacity.axes import size_axis
from dl_experiments.analysis.phenomena.capacity.parameters_claims import (
    reaches_98,
    saturates,
    training_loss_falls,
)
from dl_experiments.analysis.phenomena.capacity.sizes import (
    Reading,
    Sizes,
    after,
    at_the_end,
    by_size,
    where_stopped,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, number
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.quantities import last_epoch
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.sections import Made, Section

EPOCHS = 10
TICKS = [digit * 10**power for power in range(5) for digit in (1, 2, 3, 4, 5, 6, 8)]
ASIDE = 1.015  # the factor between neighbouring seeds of a size, as drawn


def analyse(runs: Sequence[Run]) -> Finding:
    """Loss and accuracy against size after ten epochs and at convergence, and the claims."""
    return parameters.analyse(runs, _readings, _claims, _convergence)


def _convergence(arm: str, runs: Grid) -> Section:
    aimed = [run for run in runs if run.completed and run.get("trainer.target_loss")]
    late = sum(not _reached(run) for run in aimed)
    note = f"{late} of {len(aimed)} runs ended before they reached their target loss."
    drawings = {"epochs-to-converge": _epochs(arm, aimed)} if aimed else {}
    return Section(drawings, notes=[note] if late else [])


def _readings(runs: Sequence[Run]) -> list[Reading]:
    goals = sorted({run.get("trainer.target_loss") or 0.0 for run in runs})
    if not goals[0]:
        return [after(EPOCHS, runs), at_the_end(runs)]
    loss = " or ".join(number(goal) for goal in goals)
    return [after(EPOCHS, runs), where_stopped(f"at convergence (training loss {loss})")]


def _claims(sizes: Sizes, readings: list[Reading]) -> list[Claim]:
    judged = []
    for reading in readings:
        if not reading.aimed:
            judged.append(training_loss_falls(sizes, reading))
        judged += [saturates(sizes, reading), reaches_98(sizes, reading)]
    return judged


def _reached(run: Run) -> bool:
    losses = run.curve("train/loss")[1]
    return bool(len(losses) and losses[-1] <= run.get("trainer.target_loss"))


def _epochs(arm: str, runs: Sequence[Run]) -> Made:
    """Epochs until the training loss is at its target, against size."""
    title = "Epochs to convergence against the size of the net"
    figure, ((axis,),) = style.page(title, about(runs, arm), 1, 1, (7.0, 2.8))
    for count, found in by_size(runs).items():
        for place, run in enumerate(found):
            at = count * ASIDE ** (place - (len(found) - 1) / 2)
            look = {"mfc": style.COLOURS[0] if _reached(run) else "none", "color": style.COLOURS[0]}
            mark = "o" if _reached(run) else "^"
            axis.plot([at], [last_epoch(run)], mark, ms=4.5, alpha=0.75, **look)
    size_axis(axis)
    panels.values(axis, "epochs", LOG)
    panels.whole_numbers(axis.yaxis)
    axis.yaxis.set_major_locator(FixedLocator(TICKS))
    axis.margins(y=0.15)
    grey = {"ls": "", "color": style.COLOURS[0]}
    goal = number(float(np.median([run.get("trainer.target_loss") for run in runs])))
    entries = [style.key(f"reached a training loss of {goal}", marker="o", **grey)]
    if not all(map(_reached, runs)):
        entries.append(style.key("ended before that", marker="^", mfc="none", **grey))
    style.legend_below(figure, entries)
    every = {run.get("trainer.log_every") for run in runs}
    apart = [f"every {one} epochs" for one in every if isinstance(one, int) and one > 1]
    late = f" Recorded {' or '.join(apart)}, so a dot is up to that late." if apart else ""
    caption = (
        "Where training stopped, one dot a completed seed, those of a size beside each other: the "
        f"first recorded epoch with a training loss of at most {goal}, or the limit of epochs "
        f"(triangles).{late}"
    )
    return caption, figure
