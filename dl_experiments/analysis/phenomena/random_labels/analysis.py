"""Nets learn labels that mean nothing: the training set by heart, the test set not at all.

Expected (Zhang et al. 2017, "Understanding deep learning requires rethinking generalization"): the
training accuracy goes to 1 although all labels are random, the test accuracy stays at 10 %, and the
test loss rises far above ln 10. So what a net can represent does not say why it generalises.
"""

from collections.abc import Sequence

from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.random_labels import claims, figures
from dl_experiments.analysis.phenomena.random_labels import memorised as asked
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import (
    is_classification,
    number,
    parameters,
    states,
    usable,
)
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.quantities import columns, final, last
from dl_experiments.analysis.sections import Made, Section, over, put_together


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves, epochs to memorise, capacity, numbers and claims."""
    images, notes = usable(runs, is_classification, "not on images")
    sections = [over(asked.nets(images), _net), over(asked.capacity(images), _capacity)]
    return put_together(runs, sections, notes)


def _net(name: str, runs: Grid) -> Section:
    groups = asked.by_fraction(runs)
    shares = [f"{p:g}" for p in groups]
    what = f"labels that are random with p = {' or '.join(shares)}"
    title = f"Learning {'random labels (p = 1)' if shares == ['1'] else what}: loss and accuracy"
    named = {f"p = {p:g}": found for p, found in groups.items()}
    drawings: dict[str, Made | None] = {"curves": figures.learning(name, named, title)}
    if len(groups) > 1:
        drawings["epochs-to-memorise"] = figures.epochs_against_fraction(name, groups)
    return Section(drawings, [_numbers(found) for found in groups.values()], claims.of_net(groups))


def _capacity(name: str, runs: Grid) -> Section:
    groups = asked.by_width(runs)
    lost = len(runs) - sum(map(len, groups.values()))
    bare = f"Left out: {lost} of {states(runs)}, whose parameters for each label are not known."
    notes = [bare] if lost else []
    if not groups:
        return Section(notes=notes)
    title = "Fully random labels, nets of different width: loss and accuracy"
    drawings: dict[str, Made | None] = {
        "capacity": figures.capacity(name, groups),
        "capacity-curves": figures.learning(name, figures.widths_named(groups), title),
    }
    rows = [_numbers(found) for found in groups.values() if any(map(asked.is_small, found))]
    judged = claims.of_capacity(groups)  # each width by itself, so nothing differs along
    return Section(drawings, rows, judged, notes, along=[])


def _numbers(runs: Grid) -> Row:
    names = {"model": _shape(runs[0]), "p": f"{asked.fraction(runs[0]):g}"}
    names |= {"parameters": parameters(runs), "training labels": number(asked.labels(runs[0]))}
    ends = [last("train/accuracy"), last("test/accuracy"), final("test/loss")]
    return Row(names, runs, columns([asked.DONE, asked.MEMORISED, *ends]))


def _shape(run: Run) -> str:
    hidden = run.get(asked.HIDDEN)
    return run.model if hidden is None else f"{run.model} {hidden}"
