"""A study no experiment is known for: its runs compared by whatever keys were swept."""

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes

from dl_experiments.analysis.drawing import curves, dots, fits, panels, style
from dl_experiments.analysis.findings import Drawing, Finding, Row
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, data_name, sized
from dl_experiments.analysis.runs.grid import Grid, plain
from dl_experiments.analysis.runs.quantities import METRICS, by_seed, columns, final, scale_of
from dl_experiments.analysis.runs.scales import LINEAR, LOG, SHARE
from dl_experiments.analysis.runs.swept import confounded, label, swept_keys
from dl_experiments.analysis.sections import Made

APART = ("data.name", "loss")  # losses of different data or kinds have no common axis
MANY = 7  # groups that share a figure: as many as there are colours


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves by group, final values by swept key, numbers by group."""
    keys = swept_keys(runs)
    drawings = []
    split = _parts(runs, _apart(runs, keys))
    for count, (part, members) in enumerate(split.items(), start=1):
        if any(run.rows for run in members):
            name = f"curves-{count}" if len(split) > 1 else "curves"
            drawings.append(Drawing(name, *_curves(part, members, swept_keys(members))))
            if fitted := _predictions(part, members, swept_keys(members)):
                name = f"predictions-{count}" if len(split) > 1 else "predictions"
                drawings.append(Drawing(name, *fitted))
    split = _parts(runs, [key for key in keys if key in APART])
    for count, (part, members) in enumerate(split.items(), start=1):
        if any(run.completed for run in members):
            name = f"final-values-{count}" if len(split) > 1 else "final-values"
            drawings.append(Drawing(name, *_finals(part, members, swept_keys(members))))
    swept = f"Swept: {', '.join(keys)}." if keys else "Nothing but the seed differs."
    notes, about = [*confounded(runs), *_notes(runs)], f"{swept} {Finding.about}"
    return Finding(runs, drawings, _numbers(runs, keys), notes=notes, about=about)


def _parts(runs: Sequence[Run], keys: Sequence[str]) -> dict[str, Grid]:
    """By the values at some keys, in words."""
    return {label(keys, values): found for values, found in Grid(runs).cells(keys).items()}


def _notes(runs: Sequence[Run]) -> list[str]:
    """What only some runs have recorded, and losses that have no logarithm."""
    done = [run for run in runs if run.completed]
    having = {name: sum(bool(len(run.curve(name)[0])) for run in done) for name in METRICS}
    notes = [
        f"{name} was recorded by {count} of {len(done)} completed runs."
        for name, count in having.items()
        if 0 < count < len(done)
    ]
    if not _above_zero(runs):
        notes.append(
            "Losses below 0 have no logarithm: axes are linear, and of a group that has some the "
            "level is the median."
        )
    return notes


def _above_zero(runs: Sequence[Run]) -> bool:
    """Whether no loss is below 0."""
    losses = [run.curve(f"{split}/loss")[1] for run in runs for split in ("train", "test")]
    return not any((values < 0).any() for values in losses)


def _names(keys: Sequence[str], groups: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """What groups are called in a figure: in full where two short names would be one."""
    every = list(groups)
    short = {of: label(keys, [style.shortened(text) for text in of]) or "all runs" for of in every}
    if len(set(short.values())) == len(every):
        return short
    return {of: label(keys, of) or "all runs" for of in every}


def _apart(runs: Sequence[Run], keys: Sequence[str]) -> list[str]:
    """The keys whose values get figures of their own, so that no figure has too many groups."""
    apart = [key for key in keys if key in APART]
    rest = [key for key in keys if key not in APART]
    while len(rest) > 1 and any(
        len(found.cells(rest)) > MANY for found in Grid(runs).cells(apart).values()
    ):
        apart.append(rest.pop(0))
    return apart


def _title(what: str, runs: Sequence[Run], keys: Sequence[str]) -> str:
    by = ", ".join(key.removesuffix(".name") for key in keys)
    return f"{what} on {data_name(runs[0].data)}" + (f" by {by}" if by else "")


def _curves(part: str, runs: Sequence[Run], keys: Sequence[str]) -> Made:
    groups = Grid(runs).cells(keys)
    accuracy = any(len(run.curve("test/accuracy")[0]) for run in runs)
    what = "Loss and accuracy" if accuracy else "Loss"
    figure, axes = style.page(
        _title(what, runs, keys), about(runs, part), 1, 1 + accuracy, (4.6 if accuracy else 7, 3.6)
    )
    names, scale = _names(keys, groups), LOG if _above_zero(runs) else LINEAR
    named = {names[values]: members for values, members in groups.items()}
    colours = style.colours(list(named), _ordered(runs, keys))
    curves.learning(axes[0, 0], axes[0, 1] if accuracy else None, named, colours, scale)
    if accuracy:
        curves.percent_axis(axes[0, 1], runs)
    for axis in axes[0]:
        panels.epochs(axis)
    legend = [curves.group_key(name, members, colours[name]) for name, members in named.items()]
    style.legend_below(figure, [*legend, *curves.split_keys(), *curves.state_keys(runs)])
    return f"Solid: training set, dashed: test set. {curves.band(accuracy, scale is LOG)}", figure


def _predictions(part: str, runs: Sequence[Run], keys: Sequence[str]) -> Made | None:
    """Predictions over the truth by group; None where there are none, or too many groups."""
    groups = Grid(runs).cells(keys)
    if len(groups) > MANY:
        return None
    names = _names(keys, groups)
    colours = style.colours(list(names.values()), _ordered(runs, keys))
    functions = {runs[0].data: {names[values]: found for values, found in groups.items()}}
    legend = [
        style.key(name + sized(groups[values]), color=colours[name])
        for values, name in names.items()
    ]
    return fits.every_seed(part, functions, colours, legend)


def _finals(part: str, runs: Sequence[Run], keys: Sequence[str]) -> Made:
    metrics = [m for m in ("test/accuracy", "test/loss") if by_seed(runs, final(m))]
    metrics = metrics or ["train/loss"]
    shown = list(keys) or [""]
    width = 7.0 if len(shown) == 1 else 4.4
    figure, axes = style.page(
        _title("Final values", runs, keys), about(runs, part),
        len(metrics), len(shown), (width, 2.8), sharey="row",
    )  # fmt: skip
    for row, metric in zip(axes, metrics, strict=True):
        for axis, key in zip(row, shown, strict=True):
            others = [other for other in keys if other != key]
            _panel(axis, runs, key, others, metric, first=metric == metrics[0])
        row[0].margins(y=0.15)
        scale = scale_of(metric)
        linear = scale is LOG and not _above_zero(runs)
        panels.values(row[0], f"final {metric}", LINEAR if linear else scale)
        if scale is SHARE:
            row[0].set_ylim(top=min(row[0].get_ylim()[1], 1.02))
    style.legend_below(figure, curves.lost_keys(runs))
    caption = (
        "Where the metrics end (median over the last tenth of the epochs), one panel a swept key; "
        f"colours tell the other keys' values apart. {dots.caption(losses=True)} "
        f"Grey dots without bars: too many other values to tell apart. {dots.LOST}"
    )
    return caption, figure


def _panel(
    axis: Axes, runs: Sequence[Run], key: str, others: Sequence[str], metric: str, first: bool
) -> None:
    """One metric by one key: a column for each value, in it a dodge for each other combination."""
    by_value = Grid(runs).cells([key]) if key else {("all runs",): Grid(runs)}
    names = _names(others, Grid(runs).cells(others))
    if few := len(names) <= MANY:
        colours = style.colours(list(names.values()), _ordered(runs, others))
        dodge = 0.8 / len(names)
        for at, members in enumerate(by_value.values()):
            for index, (values, name) in enumerate(names.items()):
                same = members.cells(others).get(values, Grid())
                place = at + dodge * (index - (len(names) - 1) / 2)
                dots.column(axis, place, same, final(metric), colours[name], 0.7 * dodge)
        if first and others:
            look = {"ls": "", "marker": "o"}
            entries = [style.key(name, color=colours[name], **look) for name in names.values()]
            columns = max(1, min(len(entries), 46 // max(4 + len(n) for n in names.values())))
            axis.legend(
                handles=entries, loc="lower center", bbox_to_anchor=(0.5, 1.04), ncols=columns
            )
    for at, members in enumerate(by_value.values() if not few else ()):
        dots.scatter(axis, at, members, final(metric))
    ticks = [style.shortened(values[0]) for values in by_value]
    panels.names(axis, ticks)
    if max(map(len, ticks)) * len(ticks) > 40:
        axis.tick_params(axis="x", rotation=30)
    axis.set_xlabel(key)


def _ordered(runs: Sequence[Run], keys: Sequence[str]) -> bool:
    """Whether the groups are the values of one numeric key, whose colours then have an order."""
    raws = [plain(run, key) for run in runs for key in keys]
    return len(keys) == 1 and all(
        isinstance(raw, int | float) and not isinstance(raw, bool) for raw in raws
    )


def _numbers(runs: Sequence[Run], keys: Sequence[str]) -> list[Row]:
    known = [m for m in METRICS if any(m in r.summary or len(r.curve(m)[0]) for r in runs)]
    quantities = columns(map(final, known))
    cells = Grid(runs).cells(keys).items()
    return [Row(dict(zip(keys, at, strict=True)), some, quantities) for at, some in cells]
