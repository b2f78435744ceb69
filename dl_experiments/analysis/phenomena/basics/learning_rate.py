"""Learning rates over five decades: too large diverges or sticks at chance, too small is slow.

A net sticks at chance when it ends there, whatever its loss; a diverged run counts as at chance.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, compared
from dl_experiments.analysis.claims.seeds import Sides
from dl_experiments.analysis.claims.seedwise import seedwise
from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, loss_name, usable
from dl_experiments.analysis.runs.grid import Grid, flat, show
from dl_experiments.analysis.runs.quantities import by_seed, columns, final, in_percent
from dl_experiments.analysis.runs.scales import LOG, SHARE
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.analysis.runs.swept import arms, confounded
from dl_experiments.analysis.sections import Made, Section, over, put_together

OPTIMIZER, RATE = "optimizer.name", "optimizer.lr"
HIGH, LOW = 10.0, 0.0001
ACCURACY = in_percent(final("test/accuracy"))
LOSS = final("train/loss")
WRITTEN = {"sgd": "SGD", "adam": "Adam"}

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


def accuracies(runs: Sequence[Run]) -> dict[int, float]:
    """Seed -> final test accuracy in percent; a diverged run counts as at chance."""
    return ACCURACY.counted(runs)


def stuck(runs: Sequence[Run]) -> Region:
    """Near guessing: within a ninth of the way to all right, where no net ends that has learned.

    Of ten classes that is below 20 %.
    """
    chance = 100 * (runs[0].chance or 0.0) if runs else 0.0
    return Region(below=chance + (100 - chance) / 9)


def lost(runs: Sequence[Run]) -> str:
    """How many diverged and how many ended at chance: "2 diverged, 1 of 3 at chance"."""
    diverged = sum(run.status.state == "diverged" for run in runs)
    region = stuck(runs)
    if runs and not runs[0].chance:
        return f"{diverged} diverged, of {len(runs)}"
    low = sum(region.holds(value, value) for value in by_seed(runs, ACCURACY).values())
    return f"{diverged} diverged and {low} completed at chance, of {len(runs)}"


def written(name: str) -> str:
    """An optimizer's name as it is written."""
    return WRITTEN.get(name, name)


def _stuck(name: str, rates: Rates) -> Claim:
    runs = rates.get(HIGH, Grid())
    chance = runs[0].chance if runs else None
    guess = f" ({100 * chance:.3g} %)" if chance else ""
    unknown = "how many classes the data have is not recorded" if runs and not chance else ""
    return seedwise(
        f"A learning rate of 10 diverges or sticks at chance with {name}",
        lambda found: ACCURACY.counted(found).get(found[0].seed),
        stuck(runs),
        [Group(runs)],
        ACCURACY.scale,
        "%",
        f"mean final test accuracy, a diverged run counted as guessing{guess}",
        note=lost(runs) if runs else "",
        unfit=unknown,
        lost="",
        learners=[run for members in rates.values() for run in members],
    )


def _slow(name: str, rates: Rates) -> Claim:
    between = [rate for rate in rates if LOW < rate < HIGH]
    groups = [
        Group(rates.get(rate, Grid()), f"learning rate {show(rate)}") for rate in [LOW, *between]
    ]

    def compare(sides: Sides) -> Estimate | None:
        low, *others = sides
        seeds = {seed for side in others for seed in side}
        best = {seed: min(side[seed] for side in others if seed in side) for seed in seeds}
        return LOSS.between(low, best)

    return compared(
        f"A learning rate of 0.0001 is slow with {name}",
        LOSS,
        Region(above=0.0),
        groups,
        compare,
        LOSS.apart,
        "log10 of final training loss after equal epochs, 0.0001 minus the better of "
        f"{' or '.join(map(show, between))}",
    )


def _rate(run: Run) -> float | None:
    rate = run.get(RATE)
    return None if rate is None else float(rate)


def _curves(arm: str, optimizers: Mapping[str, Rates]) -> Made:
    runs, colours = flat(optimizers), _colours(optimizers)
    title = "Training loss and test accuracy by learning rate"
    size = (4.6, 2.9)
    figure, axes = style.page(title, about(runs, arm), len(optimizers), 2, size, sharex="col")
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
        "completed) and ends in a cross."
    )
    return caption, figure


def _finals(arm: str, optimizers: Mapping[str, Rates]) -> Made:
    runs, colours = flat(optimizers), _colours(optimizers)
    title = "Where each learning rate ends"
    figure, axes = style.page(title, about(runs, arm), 1, len(optimizers), (4.6, 3.0), sharey="row")
    for axis, (name, rates) in zip(axes[0], optimizers.items(), strict=True):
        names = map(show, rates)
        dots.columns(axis, rates, final("test/accuracy"), colours, "final test accuracy", names)
        axis.set_xlabel("learning rate")
        axis.set_title(written(name))
        guess = curves.guessing(axis, runs)
    axes[0, 0].set_ylim(0, 1.05)
    style.legend_below(figure, [*guess, *curves.lost_keys(runs)])
    caption = (
        "Where the test accuracy ends (median over the last tenth of the epochs)"
        f"{_momentum(runs)}. {dots.caption(losses=False)} {dots.LOST}"
    )
    return caption, figure


def _numbers(optimizers: Mapping[str, Rates]) -> list[Row]:
    quantities = columns([LOSS, final("test/accuracy")])
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
