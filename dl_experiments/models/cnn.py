"""The convolutional network: blocks of convolutions closed by a pool, then dense layers."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from dl_experiments.models.initial import initialise
from dl_experiments.models.mlp import (
    ACTIVATIONS,
    check_activation,
    check_widths,
    dense_layers,
    is_count,
)


class CNN(nn.Sequential):
    """Convolution blocks, each closed by a 2x2 max-pool; dense layers; a linear output layer.

    A convolution from a to b channels with a k×k kernel has (k²·a + 1)·b parameters and keeps
    the image's size; a pool halves height and width, rounding down. The dense layers and their
    dropout are those of ``MLP``. Maps ``[batch, channels, height, width]`` to
    ``[batch, outputs]``.

    Args:
        input_shape: (channels, height, width).
        outputs: Values per sample.
        blocks: Per block, the widths (output channels) of its convolutions.
        hidden: Widths of the dense layers between the last pool and the output; may be empty.
        kernel_size: Side k of every kernel; odd, so that the image keeps its size.
        activation: A key of ``ACTIVATIONS``, after every convolution and hidden dense layer.
        dropout: Probability of dropping a hidden unit after each dense layer, in [0, 1).
        init: A key of ``initial.INITS``, by which weights are drawn.
        gain: Their factor, above 0.

    Raises:
        ValueError: A key has a value it cannot have, or the samples are no images or too small
            for so many pools; the message names what is wrong.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int,
        blocks: Sequence[Sequence[int]],
        hidden: Sequence[int],
        kernel_size: int = 3,
        activation: str = "relu",
        dropout: float = 0.0,
        init: str = "default",
        gain: float = 1.0,
    ) -> None:
        inputs = flat_size(input_shape, blocks)
        check_kernel_size(kernel_size)
        check_activation(activation)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = input_shape[0]
        for number, block in enumerate(blocks, start=1):
            for letter, width in enumerate(block, start=1):
                place = f"{number}_{letter}"
                layers[f"conv{place}"] = nn.Conv2d(
                    channels, width, kernel_size, padding=kernel_size // 2
                )
                layers[f"conv_activation{place}"] = ACTIVATIONS[activation]()
                channels = width
            layers[f"pool{number}"] = nn.MaxPool2d(2)
        layers["flatten"] = nn.Flatten()
        layers |= dense_layers(inputs, outputs, hidden, activation, dropout)
        super().__init__(layers)
        initialise(self, init, gain)


def flat_size(input_shape: Sequence[int], blocks: Sequence[Sequence[int]]) -> int:
    """Values per sample after B blocks: channels of the last block · ⌊H / 2^B⌋ · ⌊W / 2^B⌋.

    Raises:
        ValueError: ``blocks`` is no list of lists of widths, the samples are no images, or a
            pool would leave nothing of them.
    """
    if isinstance(blocks, str) or not isinstance(blocks, Sequence) or len(blocks) == 0:
        raise ValueError(f"model.blocks={blocks} must be a list of blocks, such as [[8], [16]]")
    for block in blocks:
        check_widths("a block of model.blocks", block)
        if len(block) == 0:
            raise ValueError(f"model.blocks={list(blocks)}: a block needs at least one convolution")
    if len(input_shape) != 3:
        raise ValueError(
            "a convolutional model takes images (channels, height, width); data gives shape "
            f"{tuple(input_shape)}, choose model=mlp or an image data set"
        )
    _, height, width = input_shape
    shrink = 2 ** len(blocks)
    if min(height, width) < shrink:
        raise ValueError(
            f"model.blocks={list(blocks)} halves the image {len(blocks)} times, which needs at "
            f"least {shrink}x{shrink} pixels; data gives {height}x{width}"
        )
    return blocks[-1][-1] * (height // shrink) * (width // shrink)


def check_kernel_size(kernel_size: int) -> None:
    """Accept the odd side of a kernel.

    Raises:
        ValueError: It is no odd integer of at least 1.
    """
    if not is_count(kernel_size) or kernel_size % 2 == 0:
        raise ValueError(f"model.kernel_size={kernel_size} must be an odd integer >= 1")
