"""The paths of the deep convolutional net on CIFAR-10, as in hw1_2_trajectory."""

from collections.abc import Sequence

from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import _paths

STUDY = "hw1_2_trajectory_cifar10"
TITLE = "Trajectories of a convolutional net on CIFAR-10"


def analyse(runs: Sequence[Run], layer: str = "dense1") -> Finding:
    """Paths of the whole model and of one layer, losses, importance of layers and weights."""
    return _paths.analyse("hw1_2_trajectory_cifar10", TITLE, runs, layer)
