"""Label noise."""

from dataclasses import dataclass
from typing import Literal, final, get_args

import torch
from torch import Tensor

from dl_experiments import randomness
from dl_experiments.data.contract import check_labels

Kind = Literal["uniform", "symmetric"]
TestLabels = Literal["original", "random"]


@final
@dataclass(frozen=True)
class LabelNoise:
    """Which labels are replaced by drawn ones.

    Attributes:
        fraction: Probability that a training label is replaced.
        kind: ``uniform`` or ``symmetric``, see ``corrupt``.
        test_labels: ``original``, or ``random``: every test label is drawn uniformly.

    Raises:
        ValueError: A value is not allowed; the message names its key.
    """

    fraction: float = 0.0
    kind: Kind = "uniform"
    test_labels: TestLabels = "original"

    def __post_init__(self) -> None:
        wrong = isinstance(self.fraction, bool) or not isinstance(self.fraction, int | float)
        if wrong or not 0 <= self.fraction <= 1:
            raise ValueError(f"label_noise.fraction={self.fraction!r} is not a number from 0 to 1")
        for key, allowed in (("kind", get_args(Kind)), ("test_labels", get_args(TestLabels))):
            if getattr(self, key) not in allowed:
                raise ValueError(
                    f"label_noise.{key}={getattr(self, key)!r} is not one of {', '.join(allowed)}"
                )

    @property
    def draws(self) -> bool:
        """Whether any label is drawn, with the seed."""
        return self.fraction > 0 or self.test_labels != "original"

    def train(self, labels: Tensor, classes: int, seed: int) -> Tensor:
        """The training labels [n] to learn from.

        Raises:
            ContractBroken: Some are to be replaced, and the labels are no classes.
        """
        if self.fraction == 0:
            return labels
        check_labels("the training set's targets", labels, classes)
        return corrupt(labels, classes, self.fraction, self.kind, seed)

    def test(self, labels: Tensor, classes: int, seed: int) -> Tensor:
        """The test labels [n] to compare with.

        Raises:
            ContractBroken: They are to be replaced, and the labels are no classes.
        """
        if self.test_labels == "original":
            return labels
        check_labels("the test set's targets", labels, classes)
        return corrupt(labels, classes, 1.0, "uniform", seed, purpose="test_labels")


def corrupt(
    labels: Tensor,
    classes: int,
    fraction: float,
    kind: Kind,
    seed: int,
    purpose: str = "label_noise",
) -> Tensor:
    """Replace each label, independently and with probability ``fraction``, by a drawn one.

    ``uniform`` draws from all classes, so a share (1 - 1/classes) of the replaced labels is
    wrong and ``fraction=1`` is fully random (Zhang et al. 2017, section 2). ``symmetric`` draws
    from the others, so every replaced label is wrong. The draws depend on (seed, purpose) and
    the sample's place alone: the labels replaced at a smaller fraction are replaced by the same
    values at a larger one.

    Args:
        labels: [n] integers, values 0 to classes-1; not changed.
        classes: Number of classes.
        fraction: Probability of being replaced.
        kind: ``uniform`` or ``symmetric``.
        seed: The run's seed.
        purpose: The random stream.

    Returns:
        [n] int64.
    """
    draw = randomness.generator(seed, purpose)
    replaced = torch.rand(len(labels), generator=draw, dtype=torch.float64) < fraction
    if kind == "uniform":
        drawn = torch.randint(classes, labels.shape, generator=draw)
    else:
        offset = torch.randint(1, classes, labels.shape, generator=draw)
        drawn = (labels + offset) % classes
    return torch.where(replaced, drawn, labels)
