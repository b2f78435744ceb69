"""Image classification sets, whole in memory as uint8."""

from collections.abc import Hashable
from functools import cache, partial
from typing import Literal, final

import torch
from torch import Tensor
from torch.nn import functional

from dl_experiments import randomness
from dl_experiments.data import sources
from dl_experiments.data.labels import LabelNoise
from dl_experiments.data.loader import InMemory, InMemoryDataModule


def crop_and_flip(inputs: Tensor, draw: torch.Generator, padding: int) -> Tensor:
    """Shift each image by up to ``padding`` pixels (zeros come in) and mirror every second one.

    The usual CIFAR augmentation (He et al. 2016, section 4.2), for a whole batch at once.

    Args:
        inputs: [batch, channels, height, width]; not changed.
        draw: Generator of the epoch.
        padding: Largest shift to each side.

    Returns:
        The same shape and type.
    """
    count, _, height, width = inputs.shape
    top = torch.randint(2 * padding + 1, (count, 1), generator=draw)
    left = torch.randint(2 * padding + 1, (count, 1), generator=draw)
    mirrored = torch.rand(count, 1, generator=draw, dtype=torch.float32) < 0.5
    rows = top + torch.arange(height)
    columns = torch.arange(width).expand(count, width)
    columns = left + torch.where(mirrored, columns.flip(1), columns)
    device = inputs.device
    padded = functional.pad(inputs, [padding] * 4)
    batch = torch.arange(count, device=device)[:, None, None]
    picked = padded.permute(0, 2, 3, 1)[
        batch, rows.to(device)[:, :, None], columns.to(device)[:, None, :]
    ]
    return picked.permute(0, 3, 1, 2)


@cache
def _pixel_statistics(name: str, root: str) -> tuple[Tensor, Tensor]:
    """Per-channel mean and standard deviation of the whole training set, [c, 1, 1] float64."""
    images = sources.load(name, root).train_images
    values = torch.arange(256, dtype=torch.float64)
    means, deviations = [], []
    for channel in range(images.shape[1]):
        flat = images[:, channel].reshape(-1)
        share = torch.bincount(flat, minlength=256).double() / flat.numel()
        mean = (share * values).sum()
        means.append(mean)
        deviations.append((share * (values - mean) ** 2).sum().sqrt())
    return torch.stack(means)[:, None, None], torch.stack(deviations)[:, None, None]


@final
class ImageData(InMemoryDataModule):
    """A named image set, a subset of it, and noise on its labels.

    Pixels are normalised on the batch to mean 0 and standard deviation 1 per channel, by the
    statistics of the whole training set.

    Args:
        name: A name that ``dl_experiments.data.sources`` knows.
        root: The folder the data is cached in.
        samples: Size of a random training subset; None: all. The test set is always whole.
        batch_size: Images an update sees, or ``full``.
        run_seed: The run's seed (batch order, augmentation, label noise).
        seed: Draws the subset.
        augment: Largest shift in pixels of random crops with flips; None: no augmentation.
        label_noise: Which labels are replaced.

    Raises:
        ValueError: A value is not allowed; the message names its key.
    """

    def __init__(
        self,
        name: str,
        root: str,
        samples: int | None,
        batch_size: int | Literal["full"],
        run_seed: int,
        seed: int = 0,
        augment: int | None = None,
        label_noise: LabelNoise = LabelNoise(),  # noqa: B008 (frozen)
    ) -> None:
        if name not in sources.SHAPES:
            raise ValueError(f"data.name={name!r} is not one of {', '.join(sources.SHAPES)}")
        available, self.test_samples = sources.SIZES[name]
        if samples is not None and not 1 <= samples <= available:
            raise ValueError(
                f"data.samples={samples} is not within 1 to {available}, the training images of "
                f"{name}"
            )
        if augment is not None and augment < 1:
            raise ValueError(f"data.augment={augment} is neither null nor a number of pixels")
        super().__init__(
            batch_size=batch_size,
            run_seed=run_seed,
            training_samples=available if samples is None else samples,
            augment=None if augment is None else partial(crop_and_flip, padding=augment),
        )
        self.source, self.samples, self.seed = (name, root), samples, seed
        self.label_noise = label_noise
        self.input_shape, self.outputs = sources.SHAPES[name], sources.CLASSES[name]

    def shapes(self) -> tuple[Hashable, ...]:
        """Its statistics normalise a batch, so the source must be the same too."""
        return *super().shapes(), self.source

    def prepare_data(self) -> None:
        """Fetch and verify the data, so that a run never stops for want of it."""
        sources.load(*self.source)

    def load(self) -> tuple[InMemory, InMemory]:
        """The (noisy) training subset and the whole test set."""
        images = sources.load(*self.source)
        train, classes = images.train_images, images.train_labels
        if self.samples is not None:
            subset = randomness.generator(self.seed, "subset")
            index = torch.randperm(len(train), generator=subset)[: self.samples]
            train, classes = train[index], classes[index]
        classes = self.label_noise.train(classes, self.outputs, self.run_seed)
        test_classes = self.label_noise.test(images.test_labels, self.outputs, self.run_seed)
        mean, deviation = _pixel_statistics(*self.source)
        return (
            _normalised(train, classes, mean, deviation),
            _normalised(images.test_images, test_classes, mean, deviation),
        )


def _normalised(images: Tensor, classes: Tensor, mean: Tensor, deviation: Tensor) -> InMemory:
    laid_out = images.contiguous(memory_format=torch.channels_last)
    return InMemory(laid_out, classes, mean, 1 / deviation)
