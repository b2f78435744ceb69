"""What an activation is for: without one, a net of any depth is a single linear map.

``linear`` is one linear layer, ``identity`` the deep net with nothing between its layers. Both can
be the same functions and no others (see ``measures/linear.py``), so the deep one should be no
better; a non-linearity can be more.

On a function both come to the one best line, and where the training loss ends is what counts. On
images a linear map that fits all labels has no best weights, and equal epochs are no equal
training: layers in a row may go down faster (Saxe et al. 2014, "Exact solutions to the nonlinear
dynamics of learning in deep linear neural networks"). So their test accuracies are compared at
equal training loss, the lowest that both of a seed reach. And ReLU is compared with the same layers
without it, a linear map that is trained alike.
"""

from collections.abc import Mapping, Sequence

from dl_experiments.analysis.claims.claim import Claim, Region, check
from dl_experiments.analysis.claims.forms import Group, compared, difference
from dl_experiments.analysis.claims.seeds import Sides, joined, over_seeds
from dl_experiments.analysis.findings import Finding, Passing, Row
from dl_experiments.analysis.phenomena.basics.activations_figures import (
    COMPARED,
    Nets,
    fits,
    learning,
    ordered,
    outcomes,
)
from dl_experiments.analysis.phenomena.basics.equal_loss import alone, at_equal_loss
from dl_experiments.analysis.phenomena.basics.linear import Collapsed, collapsed
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import is_classification, number, parameters
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import Quantity, columns, final, in_percent
from dl_experiments.analysis.runs.scales import SIZE
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.analysis.runs.swept import arms, confounded
from dl_experiments.analysis.sections import Section, over, put_together

ROUNDING = Region(below=1e-10)  # float64 has 16 digits, and the layers are few
BETTER = Region(above=0.0)
NO_BETTER = {True: Region(below=0.5), False: Region(below=0.05)}  # on images, on a function
EFFECT = {True: "final test accuracy", False: "log10 of final training loss, sign turned"}


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves, where they end, fitted functions, the collapsed stacks, numbers and claims."""
    return put_together(runs, [over(_arms(runs), _section)])


def _arms(runs: Sequence[Run]) -> dict[str, Grid]:
    """Those of each data set by itself, put together: nothing is compared across data sets.

    So it makes none where seeds draw their samples on one of them alone.
    """
    found: dict[str, list[Run]] = {}
    for some in Grid(runs).along("data.name").values():
        for label, members in arms(some, COMPARED).items():
            found.setdefault(label, []).extend(members)
    return {label: Grid(members) for label, members in found.items()}


def _section(arm: str, runs: Grid) -> Section:
    nets = ordered(runs)
    figures = {"curves": learning, "where-they-end": outcomes, "fits": fits}
    drawings = {name: draw(arm, nets) for name, draw in figures.items()}
    stacks, problems = collapsed([run for found in nets.values() for run in deep(found)])
    notes = [Passing(f"Not collapsed: {problem}.") for problem in problems]
    along = confounded(runs, within="data.name")  # no claim compares data sets
    return Section(drawings, _numbers(nets, stacks), judge(nets, stacks), notes, along)


def deep(nets: Mapping[str, Sequence[Run]]) -> list[Run]:
    """The runs of one data set that have layers and no activation between them."""
    return [run for name in called(nets, "identity") for run in nets.get(name, ())]


def called(nets: Mapping[str, Sequence[Run]], activation: str) -> list[str]:
    """The nets of an activation, of which there may be one a width; its own name where none is."""
    return [name for name in nets if name.split()[0] == activation] or [activation]


def judge(nets: Nets, stacks: Sequence[Collapsed]) -> list[Claim]:
    """The claims on one arm's runs."""
    judged = [check(_is_linear(nets, stacks))]
    for data, found in nets.items():
        for name in called(found, "identity"):
            judged.append(_no_better(data, found, name))
        for name in called(found, "relu"):
            judged.append(_beats(data, found, name))
    return judged


def _width(name: str) -> str:
    """As in " [40,40]"; empty where all nets have one."""
    return "".join(f" {width}" for width in name.split()[1:])


def _no_better(data: str, nets: Mapping[str, Grid], name: str) -> Claim:
    """How much better layers alone are than one; above 0 is better."""
    ours, linear = Group(nets.get(name, ()), name), Group(nets.get("linear", ()), "linear")
    statement = f"Layers{_width(name)} without activation are no better than one linear layer"
    statement += f" on {data}"
    learners, note = flat(nets), _on_the_way(nets, name)
    if not _images(nets):
        read, pair = final("train/loss"), (linear, ours)  # the lower is the better
        effect = f"{EFFECT[False]}, {name} minus linear"
    else:
        read, pair = at_equal_loss(ours.runs, linear.runs), (ours, linear)
        note = joined([note, alone(ours.runs, linear.runs)])
        effect = f"test accuracy at equal training loss, {name} minus linear"
    region = NO_BETTER[_images(nets)]
    return difference(statement, read, region, pair, effect, note=note, learners=learners)


def _beats(data: str, nets: Mapping[str, Grid], name: str) -> Claim:
    """How much better a net ends than the same layers without activation; above 0 is better."""
    bare = f"identity{_width(name)}"
    ours, alone = Group(nets.get(name, ()), name), Group(nets.get(bare, ()), bare)
    images = _images(nets)
    read = in_percent(final("test/accuracy")) if images else final("train/loss")
    pair = (ours, alone) if images else (alone, ours)
    statement = f"With ReLU between them they{_width(name)} beat the same layers without on {data}"
    effect = f"{EFFECT[images]}, {name} minus {bare}"
    return difference(statement, read, BETTER, pair, effect, learners=flat(nets))


def _images(nets: Mapping[str, Sequence[Run]]) -> bool:
    return any(is_classification(run) for runs in nets.values() for run in runs)


def _on_the_way(nets: Mapping[str, Sequence[Run]], name: str) -> str:
    """How far both have come after equal epochs."""
    deep_, linear = (final("train/loss").level(nets.get(one, ())) for one in (name, "linear"))
    if deep_ is None or linear is None:
        return ""
    return f"final training loss {number(deep_.value)}, of one layer {number(linear.value)}"


def _is_linear(nets: Nets, stacks: Sequence[Collapsed]) -> Claim:
    """For each seed the worst of its data sets."""
    apart = {one.run.path: one.relative for one in stacks}

    def compare(sides: Sides) -> Estimate | None:
        seeds = sorted({seed for side in sides for seed in side})
        worst = {seed: max(side[seed] for side in sides if seed in side) for seed in seeds}
        return over_seeds(worst, sides, SIZE)

    count = f"{len(stacks)} net{'' if len(stacks) == 1 else 's'}"
    return compared(
        "Layers without activation are one linear map: the collapsed product is the same function",
        Quantity("difference to one linear map", lambda run: apart.get(run.path), SIZE),
        ROUNDING,
        [
            Group(found.get(name, ()), f"{name} on {data}")
            for data, found in nets.items()
            for name in called(found, "identity")
        ],
        compare,
        effect="largest difference between stack and product on the test set, in float64, as a "
        "share of the largest output; worst data set of each seed",
        note=f"{count} collapsed from their final weights" if stacks else "",
        learners=(),
    )


def _numbers(nets: Nets, stacks: Sequence[Collapsed]) -> list[Row]:
    quantities = columns(map(final, ("train/loss", "test/loss", "test/accuracy")))
    rows = []
    for data, found in nets.items():
        for name, runs in found.items():
            own = [one.difference for one in stacks if one.run in runs]
            apart = {"largest difference to one linear map": number(max(own, default=None))}
            names = {"data": data, "activation": name, "parameters": parameters(runs)}
            rows.append(Row(names, runs, quantities, apart))
    return rows
