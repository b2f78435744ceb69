"""Nets of equal size and different depth on images: what hw1_1_mnist and hw1_1_cifar10 share."""

from collections.abc import Callable, Sequence

from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.drawing import curves, dots, panels, style
from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import (
    about,
    data_name,
    is_classification,
    parameters,
    run_count,
    sized,
    usable,
)
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import METRICS, columns, final
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.analysis.sections import Made, Section, over, put_together

Models = dict[str, Grid]
Claims = Callable[[Models], list[Claim]]


def analyse(runs: Sequence[Run], claims: Claims) -> Finding:
    """Curves, final accuracies, numbers and claims, for each arm that the study has.

    Args:
        runs: Of its study.
        claims: Maps model name -> runs of one arm to that arm's claims.
    """
    images, notes = usable(runs, is_classification, "not on images")

    def section(arm: str, members: Grid) -> Section:
        models = members.along("model.name")
        drawings = {"curves": _curves(arm, models), "final-accuracy": _finals(arm, models)}
        return Section(drawings, _numbers(models), claims(models))

    return put_together(runs, [over(arms(images, ["model.name"]), section)], notes)


def _curves(arm: str, models: Models) -> Made:
    runs, colours = flat(models), style.colours(list(models))
    what = data_name(runs[0].data)
    title = f"Deep against shallow on {what}: loss and accuracy"
    figure, ((loss, accuracy),) = style.page(title, about(runs, arm), 1, 2, (4.6, 3.5))
    curves.learning(loss, accuracy, models, colours)
    curves.percent_axis(accuracy, runs)
    for axis in (loss, accuracy):
        panels.epochs(axis)
    keys = [curves.group_key(name, found, colours[name]) for name, found in models.items()]
    style.legend_below(figure, [*keys, *curves.split_keys(), *curves.state_keys(runs)])
    caption = (
        f"Loss (left) and accuracy (right) per epoch on {what}; solid: training set, dashed: test "
        f"set, both evaluated in eval mode. {curves.band(accuracy=True)} The accuracy axis "
        "leaves out epoch 0, where every net guesses."
    )
    return caption, figure


def _finals(arm: str, models: Models) -> Made:
    runs = flat(models)
    title = f"Final test accuracy on {data_name(runs[0].data)}"
    figure, ((axis,),) = style.page(title, about(runs, arm), 1, 1, (7.0, 3.2))
    names = [
        f"{name}\n{sized(found).strip(' ()') or 'parameters not counted'}\n{run_count(found)}"
        for name, found in models.items()
    ]
    colours = style.colours(list(models))
    dots.columns(axis, models, final("test/accuracy"), colours, "test accuracy", names)
    axis.margins(y=0.15)
    style.legend_below(figure, curves.lost_keys(runs))
    caption = (
        "Where the test accuracy ends (median over the last tenth of the epochs). "
        f"{dots.caption(losses=False)} {dots.LOST}"
    )
    return caption, figure


def _numbers(models: Models) -> list[Row]:
    quantities = columns(map(final, METRICS))
    return [
        Row({"model": name, "parameters": parameters(found)}, found, quantities)
        for name, found in models.items()
    ]
