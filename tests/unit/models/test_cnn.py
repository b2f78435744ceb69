import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from dl_experiments.models.cnn import CNN, flat_size


def test_layers_follow_the_blocks() -> None:
    model = CNN((3, 32, 32), 10, blocks=[[4, 5], [6]], hidden=[7], dropout=0.25)

    assert list(dict(model.named_children())) == [
        *("conv1_1", "conv_activation1_1", "conv1_2", "conv_activation1_2", "pool1"),
        *("conv2_1", "conv_activation2_1", "pool2"),
        *("flatten", "dense1", "activation1", "dropout1", "output"),
    ]
    assert [tuple(p.shape) for n, p in model.named_parameters() if n.endswith("weight")] == [
        *((4, 3, 3, 3), (5, 4, 3, 3), (6, 5, 3, 3), (7, 6 * 8 * 8), (10, 7)),
    ]


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_count_by_hand(kernel_size: int) -> None:
    model = CNN((1, 28, 28), 10, blocks=[[8], [16]], hidden=[64], kernel_size=kernel_size)

    k = kernel_size**2
    expected = (k + 1) * 8 + (8 * k + 1) * 16 + (16 * 7 * 7 + 1) * 64 + 65 * 10
    assert sum(p.numel() for p in model.parameters()) == expected


def test_convolutions_keep_the_size_and_pools_round_down() -> None:
    model = CNN((1, 15, 9), 2, blocks=[[3], [4]], hidden=[], kernel_size=5)

    assert flat_size((1, 15, 9), [[3], [4]]) == 4 * 3 * 2
    assert model(torch.zeros(2, 1, 15, 9)).shape == (2, 2)


def test_output_is_the_same_in_channels_last() -> None:
    model = CNN((3, 32, 32), 10, blocks=[[8, 8], [16]], hidden=[20]).eval()
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = model(x)

    model.to(memory_format=torch.channels_last)

    torch.testing.assert_close(model(x.contiguous(memory_format=torch.channels_last)), expected)


def test_activation_is_used_in_convolutions_and_dense_layers() -> None:
    model = CNN((1, 8, 8), 2, blocks=[[2, 2]], hidden=[3], activation="tanh")

    assert sum(isinstance(layer, nn.Tanh) for layer in model) == 3
    assert not any(isinstance(layer, nn.ReLU) for layer in model)


def test_keys_may_come_from_a_config() -> None:
    config = OmegaConf.create({"shape": [1, 8, 8], "blocks": [[2, 3], [4]], "hidden": [5]})
    model = CNN(config.shape, 2, config.blocks, config.hidden)

    assert model(torch.zeros(1, 1, 8, 8)).shape == (1, 2)


@pytest.mark.parametrize("shape", [(1,), (28, 28)])
def test_only_images_are_taken(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"takes images \(channels, height, width\)") as caught:
        CNN(shape, 1, blocks=[[8]], hidden=[4])

    assert f"data gives shape {shape}, choose model=mlp or an image data set" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"blocks": []}, r"model\.blocks=\[\] must be a list of blocks"),
        ({"blocks": 8}, r"model\.blocks=8 must be a list of blocks"),
        ({"blocks": [8, 16]}, r"a block of model\.blocks=8 must be a list of widths"),
        ({"blocks": [[8], []]}, r"model\.blocks=\[\[8\], \[\]\]: a block needs at least one"),
        (
            {"blocks": [[8, 0]]},
            r"a block of model\.blocks=\[8, 0\]: a width must be an integer >= 1, not 0",
        ),
        (
            {"blocks": [[1], [1], [1], [1]]},
            r"model\.blocks=.* halves the image 4 times, which needs at least 16x16 pixels; "
            r"data gives 8x8",
        ),
        ({"hidden": [0]}, r"model\.hidden=\[0\]: a width must be"),
        ({"kernel_size": 2}, r"model\.kernel_size=2 must be an odd integer >= 1"),
        ({"kernel_size": 0}, r"model\.kernel_size=0 must be"),
        ({"kernel_size": "big"}, r"model\.kernel_size=big must be"),
        ({"activation": "swish"}, r"model\.activation=swish is unknown"),
        ({"dropout": 1}, r"model\.dropout=1 must be"),
    ],
)
def test_an_impossible_value_is_one_line_with_its_key(
    keys: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        CNN((1, 8, 8), 2, **({"blocks": [[2]], "hidden": [3]} | keys))  # type: ignore[arg-type]

    assert "\n" not in str(caught.value)
