"""Learning rates over five decades: too large diverges or does not learn, too small is slow.

The training loss decides what a net has learned, not its accuracy: Adam's large steps can blow up
weights until most labels are right and the loss is in the thousands. Guessing one of C classes has
a cross-entropy of ln C, that of the uniform distribution. A net that ends above it or within 2 % of
it has not learned: the best constant guess on N samples lies (C − 1)/2N below ln C on average, 1 %
of it for ten classes and 200 samples. A diverged run counts as guessing, which is the best that can
be said of it. The lowest rate is slow against the one between that is best in the other seeds.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, compared
from dl_experiments.analysis.claims.seeds import Sides
from dl_experiments.analysis.claims.seedwise import seedwise
from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.basics.optimizers import OPTIMIZER, written
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, loss_name, usable
from dl_experiments.analysis.runs.grid import Grid, flat, show
from dl_experiments.analysis.runs.quantities import Quantity, by_seed, columns, final
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.analysis.runs.swept import arms, confounded
from dl_experiments.analysis.sections import Made, Section, over, put_together

RATE = "optimizer.lr"
HIGH, LOW = 10.0, 0.0001
ACCURACY, LOSS = final("test/accuracy"), final("train/loss")
LEARNED = 0.98  # of the loss of guessing: what ends above has not learned

Rates = dict[float, Grid]


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves, final values and the two claims for each optimizer."""
    there, notes = usable(runs, lambda run: _rate(run) is not None, "without a learning rate")
    return put_together(runs, [over(arms(there, [OPTIMIZER, RATE]), _section)], notes)


def _section(arm: str, runs: Grid) -> Section:
    optimizers = {name: some.along(_rate) for name, some in runs.along(OPTIMIZER).items()}
    drawings = {"curves": _curves(arm, optimizers), "final-accuracy": _finals(arm, optimizers)}
    along = confounded(runs, within=OPTIMIZER)  # no claim compares optimizers
    return Section(drawings, _numbers(optimizers), judge(optimizers), along=along)


def judge(optimizers: Mapping[str, Rates]) -> list[Claim]:
    """Both claims for each optimizer, given as optimizer -> rate -> runs."""
    judged = []
    for name, rates in optimizers.items():
        judged += [_stuck(written(name), rates), _slow(written(name), rates)]
    return judged


def guessing(run: Run) -> float | None:
    """The cross-entropy of guessing, ln C; None where that or how many classes is not known."""
    known = run.chance and run.get("loss") == "cross_entropy"
    return -math.log(run.chance) if known and run.chance else None


COUNTED = Quantity(LOSS.name, LOSS.of, LOG, worst=guessing)


def stuck(runs: Sequence[Run]) -> Region:
    """Where the final training loss lies of nets that have not learned."""
    return Region(above=LEARNED * ((guessing(runs[0]) if runs else None) or math.inf))


def lost(runs: Sequence[Run]) -> str:
    """How many diverged and how many learned nothing: "2 diverged and 1 completed …, of 3"."""
    diverged = sum(run.status.state == "diverged" for run in runs)
    if runs and guessing(runs[0]) is None:
        return f"{diverged} diverged, of {len(runs)}"
    high = sum(stuck(runs).holds(value, value) for value in by_seed(runs, LOSS).values())
    return f"{diverged} diverged and {high} completed no better than guessing, of {len(runs)}"


def _stuck(name: str, rates: Rates) -> Claim:
    runs = rates.get(HIGH, Grid())
    guess = guessing(runs[0]) if runs else None
    words = f" (ln {round(1 / (runs[0].chance or 1))} = {guess:.3g})" if guess else ""
    unknown = "the loss of guessing is not known" if runs and not guess else ""
    right = f"{lost(runs)}; final test accuracy of the completed {ACCURACY.words(runs)}"
    return seedwise(
        f"A learning rate of 10 diverges or ends no better than guessing with {name}",
        lambda found: COUNTED.counted(found).get(found[0].seed),
        stuck(runs) if guess else Region(above=0.0),
        [Group(runs)],
        LOG,
        "",
        f"final training loss, a diverged run counted as guessing{words}; up from 2 % below that "
        "nothing was learned",
        note=(right if any(run.completed for run in runs) else lost(runs)) if runs else "",
        unfit=unknown,
        lost="",
        learners=[run for members in rates.values() for run in members],
    )


def _slow(name: str, rates: Rates) -> Claim:
    between = [rate for rate in rates if LOW < rate < HIGH]
    groups = [
        Group(rates.get(rate, Grid()), f"learning rate {show(rate)}") for rate in [LOW, *between]
    ]

    other = " or ".join(map(show, between))
    if len(between) > 1:
        other = f"the one of {other} that is best in the other seeds"

    def compare(sides: Sides) -> Estimate | None:
        low, *others = sides
        found = {seed: _of_best(others, seed) for side in others for seed in side}
        return LOSS.between(low, {seed: v for seed, v in found.items() if v is not None})

    return compared(
        f"A learning rate of 0.0001 is slow with {name}",
        LOSS,
        Region(above=0.0),
        groups,
        compare,
        LOSS.apart,
        f"log10 of final training loss after equal epochs, 0.0001 minus {other}",
    )


def _of_best(sides: Sides, seed: int) -> float | None:
    """What a seed has at the rate whose loss is lowest in the other seeds; None: there are none.

    The lowest of its own losses lies below their mean, and any other rate would look slow.
    """
    there = [side for side in sides if seed in side]
    if len(there) == 1:
        return there[0][seed]
    levels = [LOSS.over({s: v for s, v in side.items() if s != seed}) for side in there]
    known = [(level.value, side[seed]) for level, side in zip(levels, there, strict=True) if level]
    return min(known)[1] if known else None


def _rate(run: Run) -> float | None:
    rate = run.get(RATE)
    return None if rate is None else float(rate)


def _curves(arm: str, optimizers: Mapping[str, Rates]) -> Made:
    runs, colours = flat(optimizers), _colours(optimizers)
    title = "Training loss and test accuracy by learning rate"
    size = (4.6, 2.9)
    figure, axes = style.page(title, about(runs, arm), len(optimizers), 2, size, sharex="all")
    for (loss, accuracy), (name, rates) in zip(axes, optimizers.items(), strict=True):
        for rate, found in rates.items():
            curves.draw(loss, found, "train/loss", colours[rate], log=True, every=True)
            curves.draw(accuracy, found, "test/accuracy", colours[rate], every=True)
        panels.values(loss, f"{written(name)}\ntraining {loss_name(runs)}", LOG)
        panels.values(accuracy, "test accuracy", SHARE)
        accuracy.set_ylim(0, 1)
        guess = curves.guessing(accuracy, runs)
    for axis in axes[-1]:
        panels.epochs(axis)
    keys = [style.key(f"learning rate {show(r)}", color=c) for r, c in colours.items()]
    style.legend_below(figure, [*keys, *guess, *curves.state_keys(runs)])
    caption = (
        "Loss on the training set (left) and accuracy on the test set (right), both in eval mode, "
        f"for each optimizer (rows){_momentum(runs)}. Thin lines: every completed seed; thick: "
        "their geometric mean (of an accuracy the mean). A diverged run is drawn up to "
        f"{curves.ABOVE:.0f} times the largest loss of a completed one (of its first, where none "
        "completed) and ends in a cross, left and right at the same epoch."
    )
    return caption, figure


def _finals(arm: str, optimizers: Mapping[str, Rates]) -> Made:
    runs, colours = flat(optimizers), _colours(optimizers)
    title, share = "Where each learning rate ends", {"sharex": "col", "sharey": "row"}
    figure, axes = style.page(title, about(runs, arm), 2, len(optimizers), (4.6, 2.6), **share)
    guess, keys = guessing(runs[0]), curves.lost_keys(runs)
    for key in keys:
        key.set_label(f"{key.get_label()}, counted as guessing")
    for (above, below), (name, rates) in zip(axes.T, optimizers.items(), strict=True):
        names = [show(rate) for rate in rates]
        label = f"final training {loss_name(runs)}\n"
        dots.columns(above, rates, COUNTED, colours, label, names, counted=True)
        dots.columns(below, rates, ACCURACY, colours, "final test accuracy", names, counted=True)
        above.set_title(written(name))
        below.set_xlabel("learning rate")
        if guess:
            above.axhline(guess, **curves.GUESSING)
        chance = curves.guessing(below, runs)
    below.set_ylim(-0.02, 1.02)
    if chance:
        words = f"guessing: {100 * (runs[0].chance or 0):.3g} %" + (
            f", loss {guess:.3g}" * bool(guess)
        )
        keys.insert(0, style.key(words, **curves.GUESSING))
    style.legend_below(figure, keys)
    caption = (
        "Where training loss (above) and test accuracy (below) end (median over the last tenth of "
        f"the epochs){_momentum(runs)}. {dots.caption(losses=True)} {dots.COUNTED} What "
        "ends above the loss of guessing has not learned, whatever its accuracy."
    )
    return caption, figure


def _numbers(optimizers: Mapping[str, Rates]) -> list[Row]:
    quantities = columns([LOSS, ACCURACY])
    return [
        Row(
            {"optimizer": written(name), "learning rate": show(rate)},
            runs,
            quantities,
            {"lost": lost(runs)},
        )
        for name, rates in optimizers.items()
        for rate, runs in rates.items()
    ]


def _momentum(runs: Sequence[Run]) -> str:
    """SGD's momentum, where all have one."""
    found = {run.get("optimizer.momentum") for run in runs if run.get(OPTIMIZER) == "sgd"}
    return f"; SGD with momentum {found.pop():g}" if len(found) == 1 and None not in found else ""


def _colours(optimizers: Mapping[str, Rates]) -> dict[float, Any]:
    every = {rate for rates in optimizers.values() for rate in rates}
    return style.colours(sorted(every, reverse=True), ordered=True)
