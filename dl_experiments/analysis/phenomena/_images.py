"""Nets of equal size and different depth on images: what hw1_1_mnist and hw1_1_cifar10 share."""

from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from dl_experiments.analysis import curves, dots, style
from dl_experiments.analysis.claims import Claim, in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import (
    about,
    data_name,
    interval,
    is_classification,
    loss_name,
    percent,
    states,
)
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.outcomes import estimate, final, geometric
from dl_experiments.analysis.swept import arms, confounded, group

Models = dict[str, list[Run]]
Claims = Callable[[Models], list[Claim]]


def analyse(name: str, title: str, runs: Sequence[Run], claims: Claims) -> Finding:
    """Curves, final accuracies, numbers and claims, for each arm that the study has.

    Args:
        name: Of the experiment.
        title: Of the finding.
        runs: Of its study.
        claims: Maps model name -> runs of one arm to that arm's claims.
    """
    drawings, tables, judged, notes = [], [], [], []
    images = [run for run in runs if is_classification(run)]
    for count, (arm, members) in enumerate(arms(images, ["model.name"]).items(), start=1):
        models = {key[0]: found for key, found in group(members, ["model.name"]).items()}
        ending = f"-{count}" if arm else ""
        drawings.append(Drawing(f"curves{ending}", *_curves(arm, models)))
        drawings.append(Drawing(f"final-accuracy{ending}", *_finals(arm, models)))
        tables.append(_numbers(arm, models))
        notes += confounded(members)
        judged += [in_arm(claim, arm) for claim in claims(models)]
    notes = list(dict.fromkeys(notes))
    if len(images) < len(runs):
        notes.append(f"Left out: {states([r for r in runs if r not in images])}, not on images.")
    numbers = pd.concat(tables) if tables else pd.DataFrame()
    return Finding(name, title, runs[0].study, runs, drawings, numbers, judged, notes)


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
    loss.set_yscale("log")
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
        dots.column(axis, at, found, "test/accuracy", colours[name])
    axis.set_xticks(
        range(len(models)),
        [
            f"{name}\n{curves.parameters(found).strip(' ()') or 'parameters not counted'}\n"
            f"{curves.members(found)}"
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


def _numbers(arm: str, models: Models) -> pd.DataFrame:
    rows = []
    for name, found in models.items():
        row = {"arm": arm} if arm else {}
        row |= {"model": name, "seeds": curves.members(found)}
        row["parameters"] = curves.parameters(found).strip(" ()").removesuffix(" parameters")
        for metric in ("train/loss", "test/loss"):
            row[f"final {metric} (geometric mean)"] = interval(geometric(found, metric))
        for metric in ("train/accuracy", "test/accuracy"):
            row[f"final {metric}"] = interval(estimate(found, final(metric)), percent)
        rows.append(row)
    return pd.DataFrame(rows)
