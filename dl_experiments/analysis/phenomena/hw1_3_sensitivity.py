"""Batch size, sensitivity and generalisation of a dense net on MNIST, in two arms.

Published curves show sensitivity falling with the batch size. Most are an artefact of evaluating it
at that batch size, which is drawn beside as a control.
"""

from collections.abc import Sequence

from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import _sensitivity_finding

STUDY = "hw1_3_sensitivity"
TITLE = "Sensitivity and generalisation against batch size"


def analyse(runs: Sequence[Run]) -> Finding:
    """Loss, accuracy and sensitivity against batch size, the control, numbers and claims."""
    return _sensitivity_finding.analyse("hw1_3_sensitivity", TITLE, runs)
