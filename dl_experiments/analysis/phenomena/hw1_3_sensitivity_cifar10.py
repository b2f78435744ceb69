"""Batch size, sensitivity and generalisation of a convolutional net on CIFAR-10."""

from collections.abc import Sequence

from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import _sensitivity_finding

STUDY = "hw1_3_sensitivity_cifar10"
TITLE = "Sensitivity and generalisation against batch size on CIFAR-10"


def analyse(runs: Sequence[Run]) -> Finding:
    """Loss, accuracy and sensitivity against batch size, the control, numbers and claims."""
    return _sensitivity_finding.analyse("hw1_3_sensitivity_cifar10", TITLE, runs)
