"""Nets of equal size and different depth on images: what hw1_1_mnist and hw1_1_cifar10 share."""

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from dl_experiments.analysis import curves, dots, style
from dl_experiments.analysis.claims import Claim
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import (
    about,
    data_name,
    is_classification,
    loss_name,
    parameters,
    run_count,
    sized,
    states,
)
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.grid import Grid
from dl_experiments.analysis.quantities import METRICS, columns, final
from dl_experiments.analysis.sections import Row, Section, over, put_together
from dl_experiments.analysis.swept import arms

Models = dict[str, Grid]
Claims = Callable[[Models], list[Claim]]


def analyse(name: str, title: str, runs: Sequence[Run], claims: Claims) -> Finding:
    """Curves, final accuracies, numbers and claims, for each arm that the study has.

    Args:
        name: Of the experiment.
        title: Of the finding.
        runs: Of its study.
        claims: Maps model name -> runs of one arm to that arm's claims.
    """
    images = [run for run in runs if is_classification(run)]
    lost = [run for run in runs if run not in images]
    notes = [f"Left out: {states(lost)}, not on images."] if lost else []

    def section(arm: str, members: Grid) -> Section:
        models = members.along("model.name")
        drawings = {"curves": _curves(arm, models), "final-accuracy": _finals(arm, models)}
        return Section(drawings, _numbers(models), claims(models))

    return put_together(name, title, runs, [over(arms(images, ["model.name"]), section)], notes)


def _curves(arm: str, models: Models) -> tuple[str, Figure]:
    runs = [run for found in models.values() for run in found]
    what = data_name(runs[0].data)
    title = f"Deep against shallow on {what}: loss and accuracy"
    figure, axes = style.page(title, about(runs, arm), 1, 2, (4.6, 3.5))
    loss, accuracy = axes[0]
    colours = style.colours(list(models))
    for metric, dashes in (("train", style.TRAIN), ("test", style.TEST)):
        for name, found in models.items():
            look = {"colour": colours[name], "dashes": dashes}
            curves.draw(loss, found, f"{metric}/loss", log=True, **look)
            curves.draw(accuracy, found, f"{metric}/accuracy", **look)
    style.log_values(loss)
    loss.set_ylabel(f"{loss_name(runs)} (log scale)")
    accuracy.set_ylabel("accuracy")
    curves.percent_axis(accuracy, runs)
    for axis in axes[0]:
        style.linear_epochs(axis)
    keys = [curves.group_key(name, found, colours[name]) for name, found in models.items()]
    style.legend_below(figure, [*keys, *curves.split_keys(), *curves.state_keys(runs)])
    caption = (
        f"Loss (left) and accuracy (right) per epoch on {what}; solid: training set, dashed: test "
        f"set, both evaluated in eval mode. {curves.band(accuracy=True)} The accuracy axis "
        "leaves out epoch 0, where every net guesses."
    )
    return caption, figure


def _finals(arm: str, models: Models) -> tuple[str, Figure]:
    runs = [run for found in models.values() for run in found]
    what = data_name(runs[0].data)
    title = f"Final test accuracy on {what}"
    figure, axes = style.page(title, about(runs, arm), 1, 1, (7.0, 3.2))
    axis = axes[0, 0]
    colours = style.colours(list(models))
    for at, (name, found) in enumerate(models.items()):
        dots.column(axis, at, found, final("test/accuracy"), colours[name])
    axis.set_xticks(
        range(len(models)),
        [
            f"{name}\n{sized(found).strip(' ()') or 'parameters not counted'}\n{run_count(found)}"
            for name, found in models.items()
        ],
    )
    axis.set_xlim(-0.6, len(models) - 0.4)
    axis.grid(axis="x", visible=False)
    axis.margins(y=0.15)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.set_ylabel("test accuracy")
    keys = curves.state_keys([run for run in runs if run.status.state == "diverged"])
    if keys:
        style.legend_below(figure, keys)
    caption = (
        "Where the test accuracy ends (median over the last tenth of the epochs). "
        f"{dots.caption(losses=False)} A diverged run has no final value; its mark stands "
        "at the upper edge."
    )
    return caption, figure


def _numbers(models: Models) -> list[Row]:
    quantities = columns(map(final, METRICS))
    return [
        Row({"model": name, "parameters": parameters(found)}, found, quantities)
        for name, found in models.items()
    ]
