"""Image classification sets, whole in memory as uint8."""

import os
from abc import abstractmethod
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, final

import torch
from torch import Tensor
from torch.nn import functional

from dl_experiments import randomness, settings
from dl_experiments.data import sources
from dl_experiments.data.contract import ContractBroken
from dl_experiments.data.labels import LabelNoise
from dl_experiments.data.loader import InMemory, InMemoryDataModule
from dl_experiments.data.sources import ImageSet


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


@final
@dataclass(frozen=True)
class _Whole:
    """A set as it was read, and what normalises its images: per channel, [c, 1, 1] float64."""

    images: ImageSet
    mean: Tensor
    deviation: Tensor


_read: dict[Hashable, _Whole] = {}


class InMemoryImages(InMemoryDataModule):
    """Images with classes: a set, or a subset of its training images, and noise on the labels.

    A subclass sets ``input_shape``, ``outputs`` and ``sizes``, and reads. Pixels are normalised on
    the batch to mean 0 and standard deviation 1 per channel, by the statistics of the whole
    training set.

    Args:
        name: What the set is called.
        root: The folder it lies in; ``~`` is the home directory.
        samples: Size of a random training subset; None: all. The test set is always whole.
        batch_size: Images an update sees, or ``full``.
        run_seed: The run's seed (batch order, augmentation, label noise).
        seed: Draws the subset.
        augment: Largest shift in pixels of random crops with flips; None: no augmentation.
        label_noise: Which labels are replaced.

    Attributes:
        input_shape: (channels, height, width) of an image.
        outputs: Number of classes; the labels are 0 to one less.
        sizes: (training images, test images) of the whole set.
        root: The folder.
        source: What ``read`` goes by; a subclass with more keys adds those that it reads by.

    Raises:
        ValueError: A value is not allowed; the message names its key.
    """

    sizes: tuple[int, int]
    root: Path
    source: tuple[Hashable, ...]

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
        available, self.test_samples = self.sizes
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
        # not Path.expanduser, which raises where there is no home folder; not all sets need one
        self.source, self.root = (name, root), Path(os.path.expanduser(root))
        self.samples, self.seed, self.label_noise = samples, seed, label_noise

    @abstractmethod
    def read(self) -> ImageSet:
        """The whole set, by nothing but ``source``; called once a process."""

    def shapes(self) -> tuple[Hashable, ...]:
        """Its statistics normalise a batch, so the source must be the same too."""
        return *super().shapes(), self.source

    def prepare_data(self) -> None:
        """Read the data, so that a run never stops for want of it."""
        with suppress(ContractBroken):  # loading says so, with the name
            self._whole()

    def load(self) -> tuple[InMemory, InMemory]:
        """The (noisy) training subset and the whole test set."""
        whole = self._whole()
        train, classes = whole.images.train_images, whole.images.train_labels
        if self.samples is not None:
            subset = randomness.generator(self.seed, "subset")
            index = torch.randperm(len(train), generator=subset)[: self.samples]
            train, classes = train[index], classes[index]
        classes = self.label_noise.train(classes, self.outputs, self.run_seed)
        test_classes = self.label_noise.test(whole.images.test_labels, self.outputs, self.run_seed)
        return (
            _normalised(train, classes, whole),
            _normalised(whole.images.test_images, test_classes, whole),
        )

    def _whole(self) -> _Whole:
        key = type(self), *self.source
        if key not in _read:
            with settings.making_data(0, "read"):  # for whatever seeds come later
                found = self.read()
            named = {"training": found.train_images, "test": found.test_images}
            for (which, images), size in zip(named.items(), self.sizes, strict=True):
                _check(f"the {which} set", images, size)
            train, test = (images.contiguous(memory_format=_LAID_OUT) for images in named.values())
            found = replace(found, train_images=train, test_images=test)
            _read[key] = _Whole(found, *_pixel_statistics(train))
        return _read[key]


_LAID_OUT = torch.channels_last


def _check(where: str, images: Tensor, size: int) -> None:
    """Refuse what is no set of images of this size; shapes and labels are the contract's."""
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.dim() != 4:
        raise ContractBroken(f"{where}'s images are no uint8 tensor [n, channels, height, width]")
    if len(images) != size:
        raise ContractBroken(f"{where} holds {len(images)} images; sizes says {size}")


def _pixel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Per-channel mean and standard deviation, [c, 1, 1] float64; 1 for one that is constant."""
    values = torch.arange(256, dtype=torch.float64)
    means, deviations = [], []
    for channel in range(images.shape[1]):
        flat = images[:, channel].reshape(-1)
        share = torch.bincount(flat, minlength=256).double() / flat.numel()
        mean = (share * values).sum()
        means.append(mean)
        deviation = (share * (values - mean) ** 2).sum().sqrt()
        deviations.append(deviation if deviation else torch.ones_like(deviation))
    return torch.stack(means)[:, None, None], torch.stack(deviations)[:, None, None]


def _normalised(images: Tensor, classes: Tensor, whole: _Whole) -> InMemory:
    laid_out = images.contiguous(memory_format=_LAID_OUT)
    return InMemory(laid_out, classes, whole.mean, 1 / whole.deviation)


@final
class ImageData(InMemoryImages):
    """A set that ``dl_experiments.data.sources`` knows by its name; ``root`` is the cache folder.

    For the arguments see ``InMemoryImages``.
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
        self.input_shape, self.outputs = sources.SHAPES[name], sources.CLASSES[name]
        self.sizes, self._name = sources.SIZES[name], name
        super().__init__(name, root, samples, batch_size, run_seed, seed, augment, label_noise)

    def read(self) -> ImageSet:
        """From the cache folder, fetched and verified."""
        return sources.load(self._name, self.root)
