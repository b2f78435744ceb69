"""The paths of eight trainings through weight space, in one joint PCA of all of them.

Expected: eight arms from nearby centres that end at similar loss.
"""

from collections.abc import Sequence

from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import _paths

STUDY = "hw1_2_trajectory"
TITLE = "Trajectories of eight trainings on MNIST"


def analyse(runs: Sequence[Run], layer: str = "dense1") -> Finding:
    """Paths of the whole model and of one layer, losses, importance of layers and weights."""
    return _paths.analyse("hw1_2_trajectory", TITLE, runs, layer)
