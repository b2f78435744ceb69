"""CNNs on MNIST that differ in the width of their dense layer."""

from collections.abc import Sequence

from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena.capacity import parameters
from dl_experiments.analysis.phenomena.capacity.parameters_claims import (
    saturates,
    training_loss_falls,
)
from dl_experiments.analysis.phenomena.capacity.sizes import Reading, Sizes, at_the_end
from dl_experiments.analysis.runs.collect import Run


def analyse(runs: Sequence[Run]) -> Finding:
    """Loss and accuracy against size, and the claims."""
    return parameters.analyse(runs, lambda found: [at_the_end(found)], _claims)


def _claims(sizes: Sizes, readings: list[Reading]) -> list[Claim]:
    return [
        judged
        for reading in readings
        for judged in (training_loss_falls(sizes, reading), saturates(sizes, reading))
    ]
