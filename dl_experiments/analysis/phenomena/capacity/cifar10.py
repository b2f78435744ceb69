"""Nets of growing size on CIFAR-10: the test loss rises while the test accuracy rises too."""

from collections.abc import Sequence

from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.capacity import parameters
from dl_experiments.analysis.phenomena.capacity.parameters_claims import rises, training_loss_falls
from dl_experiments.analysis.phenomena.capacity.sizes import Reading, Sizes, at_the_end
from dl_experiments.analysis.runs.collect import Run


def analyse(runs: Sequence[Run]) -> Finding:
    """Loss and accuracy against size, and the claims."""
    return parameters.analyse(runs, lambda found: [at_the_end(found)], _claims)


def _claims(sizes: Sizes, readings: list[Reading]) -> list[Claim]:
    judged = []
    for reading in readings:
        judged.append(training_loss_falls(sizes, reading))
        judged += [rises(sizes, reading, metric) for metric in ("test/loss", "test/accuracy")]
    return judged
