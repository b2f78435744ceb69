"""Nets of growing size on CIFAR-10: the test loss rises while the test accuracy rises too."""

from collections.abc import Sequence

from dl_experiments.analysis.claims import Claim
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import _parameters
from dl_experiments.analysis.phenomena._capacity import Reading, Sizes, at_the_end
from dl_experiments.analysis.phenomena._parameters_claims import rises, training_loss_falls

STUDY = "hw1_3_parameters_cifar10"
TITLE = "Parameters on CIFAR-10"


def analyse(runs: Sequence[Run]) -> Finding:
    """Loss and accuracy against size, and the claims."""
    return _parameters.analyse(STUDY, TITLE, runs, lambda found: [at_the_end(found)], _claims)


def _claims(sizes: Sizes, readings: list[Reading]) -> list[Claim]:
    judged = []
    for reading in readings:
        judged.append(training_loss_falls(sizes, reading))
        judged += [rises(sizes, reading, metric) for metric in ("test/loss", "test/accuracy")]
    return judged
