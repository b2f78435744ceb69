"""Nets learn labels that mean nothing: the training set by heart, the test set not at all.

Expected (Zhang et al. 2017, "Understanding deep learning requires rethinking generalization"): the
training accuracy goes to 1 although all labels are random, the test accuracy stays at 10 %, and the
test loss rises far above ln 10. So what a net can represent does not say why it generalises.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dl_experiments.analysis import curves
from dl_experiments.analysis.claims import Claim, in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import is_classification, states
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.phenomena import _random_labels as asked
from dl_experiments.analysis.phenomena import _random_labels_claims as claims
from dl_experiments.analysis.phenomena import _random_labels_figures as figures
from dl_experiments.analysis.quantities import by_seed, final, last

STUDY = "hw1_3_random_labels"
TITLE = "Random labels"


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves, epochs to memorise, capacity, numbers and claims."""
    notes = []
    images = [run for run in runs if is_classification(run)]
    if len(images) < len(runs):
        notes.append(f"Left out: {states([r for r in runs if r not in images])}, not on images.")
    drawings: list[Drawing] = []
    rows, judged = [], []
    nets = asked.nets(images)
    for count, (name, found) in enumerate(nets.items(), start=1):
        ending = f"-{count}" if len(nets) > 1 else ""
        drawings += _drawings(name, found, ending)
        rows += [_numbers(group) for group in asked.by_fraction(found).values()]
        judged += [in_arm(claim, _apart(name, claim)) for claim in claims.of_net(found)]
    if groups := asked.capacity(images):
        drawings.append(Drawing("capacity", *figures.capacity(groups)))
        title = "Fully random labels, nets of different width: loss and accuracy"
        drawings.append(
            Drawing("capacity-curves", *figures.learning("", figures.widths_named(groups), title))
        )
        rows += [_numbers(found) for found in groups.values() if any(map(asked.is_small, found))]
        judged += claims.of_capacity(groups)
    return Finding(STUDY, TITLE, STUDY, runs, drawings, pd.DataFrame(rows), judged, notes)


def _apart(name: str, claim: Claim) -> str:
    """What tells a claim from the same one on another net; claims at p = 1 name theirs."""
    return "" if "parameters)" in claim.statement else name


def _drawings(name: str, runs: Sequence[Run], ending: str) -> list[Drawing]:
    title = "Learning labels of which a share p is random: loss and accuracy"
    groups = figures.fractions_named(runs)
    made = [Drawing(f"curves{ending}", *figures.learning(name, groups, title))]
    if len(groups) > 1:
        found = figures.epochs_against_fraction(name, runs)
        made.append(Drawing(f"epochs-to-memorise{ending}", *found))
    return made


def _numbers(runs: Sequence[Run]) -> dict[str, Any]:
    done = [run for run in runs if run.completed]
    reached = by_seed(done, asked.epochs_to_memorise)
    row = {"model": _shape(runs[0]), "p": f"{asked.fraction(runs[0]):g}"}
    row |= {"seeds": curves.members(runs)}
    row["parameters"] = curves.parameters(runs).strip(" ()").removesuffix(" parameters")
    row["training labels"] = f"{asked.labels(runs[0]) or 0:,}"
    row["memorised"] = f"{len(reached)} of {len(done)}"
    row["epochs to memorise"] = asked.MEMORISED.words(runs)
    for metric in ("train/accuracy", "test/accuracy"):
        row[f"last {metric}"] = last(metric).words(runs)
    row[final("test/loss").title] = final("test/loss").words(runs)
    return row


def _shape(run: Run) -> str:
    hidden = run.get(asked.HIDDEN)
    return run.model if hidden is None else f"{run.model} {hidden}"
