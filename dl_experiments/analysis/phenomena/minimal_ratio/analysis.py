"""Critical points of small nets at many loss levels, and the eigenvalues of the Hessian there.

Published: the lower the loss, the higher the share of positive eigenvalues (minimal ratio). Theory:
the share of negative ones grows with the loss. These spectra have no gap at zero, so the tolerance
at which an eigenvalue counts as zero decides much of both, and everything is asked at all of them
that lie above rounding, within each kind of search.
"""

from collections.abc import Sequence

from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.minimal_ratio.claims import Sweep, judge, numbers, sweep
from dl_experiments.analysis.phenomena.minimal_ratio.losses import (
    gradient_norms,
    negatives,
    ratios,
    sampled,
)
from dl_experiments.analysis.phenomena.minimal_ratio.points import (
    Points,
    how_many,
    kinks,
    read,
)
from dl_experiments.analysis.phenomena.minimal_ratio.spectra import correlations, cumulative, zeros
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import about, number, states
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.analysis.sections import Made, Section, over, put_together
from dl_experiments.artifacts import RunDirectory

COMPARED = ["model.name", "model.hidden", "model.activation"]
KINDS = (
    "High, middle and low critical points come from different searches (colours): what goes with "
    "the loss from search to search may go with the kind of point, so the claims compare distinct "
    "points of one start; a search that did not converge shows nothing."
)


def analyse(runs: Sequence[Run]) -> Finding:
    """Seven figures, numbers and claims for each arm (data, optimizer, …) that the study has."""
    about_it = f"{Finding.about} {KINDS}"
    return put_together(runs, [over(arms(runs, COMPARED), _section)], (), about_it)


def _section(arm: str, runs: Grid) -> Section:
    groups = read(runs)
    if not groups:
        return Section(notes=[f"No critical points have been looked for: {arm or states(runs)}."])
    sweeps = {label: sweep(points) for label, points in groups.items()}
    line = about(runs, arm)
    drawings: dict[str, Made | None] = {"gradient-norm": gradient_norms(line, groups)}
    found = {label: p for label, p in groups.items() if p.converged.any()}
    for name, (caption, figure) in (_figures(line, found, sweeps) if found else {}).items():
        drawings[name] = f"{caption} {how_many(groups)}", figure
    took = ", ".join(f"{label} {number(p.seconds)} s" for label, p in groups.items())
    words = [*kinks(groups)]
    words.append(f"Searching and measuring took, a run (its share of a stack's): {took}.")
    lacking = [run.path.name for run in runs if run.completed and not _has_points(run)]
    notes = [f"Left out, without critical points: {', '.join(lacking)}."] if lacking else []
    judged = judge(groups, sweeps)  # each net by itself, so nothing differs along
    return Section(drawings, numbers(groups), judged, notes, along=[], about=words)


def _figures(line: str, groups: dict[str, Points], sweeps: dict[str, Sweep]) -> dict[str, Made]:
    """The figures of critical points, in the order of the report."""
    return {
        "minimal-ratio": ratios(line, groups),
        "negative-share": negatives(line, groups),
        "correlations": correlations(line, sweeps, groups),
        "zeros-as-positive": zeros(line, groups),
        "eigenvalues": cumulative(line, groups),
        "sampled-ratio": sampled(line, groups),
    }


def _has_points(run: Run) -> bool:
    return (RunDirectory(run.path).measures / "critical_points.npz").exists()
