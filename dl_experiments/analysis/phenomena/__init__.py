"""The experiments whose analysis comes with the package, a family of them a folder."""

from collections.abc import Sequence

from dl_experiments.analysis import trusted
from dl_experiments.analysis.experiments import Experiment
from dl_experiments.analysis.phenomena import (
    basics,
    batch_sizes,
    capacity,
    depth,
    gradient_norm,
    interpolation,
    minimal_ratio,
    random_labels,
    trajectory,
)
from dl_experiments.analysis.schema import AnalysisError

FAMILIES = (
    basics,
    depth,
    trajectory,
    gradient_norm,
    minimal_ratio,
    random_labels,
    capacity,
    interpolation,
    batch_sizes,
)
"""In the order of the homework."""


def known(folders: Sequence[str] = ()) -> dict[str, Experiment]:
    """Name -> experiment, in the order of the homework; then those of a user's own.

    Args:
        folders: Where those are, see ``trusted``.

    Raises:
        AnalysisError: They cannot be had from there, or one has the name of another.
    """
    found = {one.name: one for family in FAMILIES for one in family.EXPERIMENTS}
    for one in trusted.experiments(folders):
        if one.name in found:
            raise AnalysisError(f"trust.folders: {one.name} is the name of two experiments")
        found[one.name] = one
    return found
