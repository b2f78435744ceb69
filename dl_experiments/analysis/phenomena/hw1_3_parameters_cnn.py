"""CNNs on MNIST that differ in the width of their dense layer."""

from collections.abc import Sequence

from dl_experiments.analysis.claims import Claim
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import _parameters
from dl_experiments.analysis.phenomena._capacity import Reading, Sizes, at_the_end
from dl_experiments.analysis.phenomena._parameters_claims import saturates, training_loss_falls

STUDY = "hw1_3_parameters_cnn"
TITLE = "Parameters: CNNs of growing dense layers on MNIST"


def analyse(runs: Sequence[Run]) -> Finding:
    """Loss and accuracy against size, and the claims."""
    return _parameters.analyse(STUDY, TITLE, runs, lambda found: [at_the_end(found)], _claims)


def _claims(sizes: Sizes, readings: list[Reading]) -> list[Claim]:
    return [
        judged
        for reading in readings
        for judged in (training_loss_falls(sizes, reading), saturates(sizes, reading))
    ]
