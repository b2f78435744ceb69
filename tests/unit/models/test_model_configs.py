"""The contract that every file in conf/model keeps, composed by Hydra as a run composes it."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue
from torch import nn

CONF = Path(__file__).parents[3] / "conf"
PRIMARY = """
defaults:
  - _self_
  - shape: function
  - model: deep
  - optional network: ${model}_${kind@_global_}
hydra:
  searchpath: ["file://%s"]
"""
SHAPES = {
    "function": ((1,), 1),
    "mnist": ((1, 28, 28), 10),
    "cifar10": ((3, 32, 32), 10),
    "digits": ((1, 8, 8), 10),
}
IMAGES = ["mnist", "cifar10", "digits"]
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
ONLY_IMAGES = ["cnn", "cnn_sized"]
PAIRS = [
    (model, data)
    for model in MODELS
    for data in SHAPES
    if data in IMAGES or model not in ONLY_IMAGES
]
DEEP_TO_SHALLOW = ["deep", "middle", "shallow"]


@pytest.fixture(scope="module", autouse=True)
def _primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A primary config that knows nothing but the model's place in the real one."""
    conf = tmp_path_factory.mktemp("conf")
    (conf / "primary.yaml").write_text(PRIMARY % CONF.as_posix())
    for group in ("shape", "kind"):
        (conf / group).mkdir()
    for data in SHAPES:
        kind = "image" if data in IMAGES else "function"
        (conf / "shape" / f"{data}.yaml").write_text(f"defaults: [/kind@_global_: {kind}]\n")
    for kind in ("image", "function", "sound"):
        (conf / "kind" / f"{kind}.yaml").write_text(f"kind: {kind}\n")
    (conf / "shape" / "sound.yaml").write_text("defaults: [/kind@_global_: sound]\n")
    with initialize_config_dir(str(conf), version_base="1.3"):
        yield


@cache  # composing is most of a test's time
def config_of(model: str, data: str, *overrides: str) -> DictConfig:
    return compose("primary", [f"model={model}", f"shape={data}", *overrides]).model


def build(model: str, data: str, *overrides: str) -> nn.Module:
    keys = {k: v for k, v in config_of(model, data, *overrides).items() if k != "name"}
    shape, outputs = SHAPES[data]
    built: nn.Module = instantiate(OmegaConf.create(keys), input_shape=shape, outputs=outputs)
    return built


def batch(data: str) -> torch.Tensor:
    return torch.randn(6, *SHAPES[data][0], generator=torch.Generator().manual_seed(0))


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("model", "data"), PAIRS)
def test_output_is_finite_and_has_one_row_a_sample(model: str, data: str) -> None:
    outputs = build(model, data)(batch(data))

    assert outputs.shape == (6, SHAPES[data][1])
    assert outputs.isfinite().all()


@pytest.mark.parametrize(("model", "data"), PAIRS)
def test_gradient_reaches_every_parameter(model: str, data: str) -> None:
    torch.manual_seed(0)
    built = build(model, data)
    built(batch(data)).square().sum().backward()

    for name, parameter in built.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize(("model", "data"), PAIRS)
def test_state_dict_round_trips(model: str, data: str) -> None:
    one, other = build(model, data).eval(), build(model, data).eval()
    x = batch(data)
    assert not torch.equal(one(x), other(x))

    other.load_state_dict(one.state_dict())

    torch.testing.assert_close(other(x), one(x), rtol=0, atol=0)


@pytest.mark.parametrize(("model", "data"), PAIRS)
def test_evaluation_draws_no_random_numbers(model: str, data: str) -> None:
    built = build(model, data, "model.dropout=0.5").eval()
    before = torch.get_rng_state()

    assert torch.equal(built(batch(data)), built(batch(data)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("model", "data"), PAIRS)
def test_name_activation_and_dropout_are_keys(model: str, data: str) -> None:
    overrides = ["model.activation=tanh", "model.dropout=0.5"]
    built = build(model, data, *overrides)

    assert config_of(model, data).name == model
    assert any(isinstance(layer, nn.Tanh) for layer in built)
    assert not any(isinstance(layer, nn.ReLU | nn.LeakyReLU) for layer in built)
    assert {layer.p for layer in built if isinstance(layer, nn.Dropout)} == {0.5}


@pytest.mark.parametrize("model", MODELS)
def test_convolutional_models_refuse_functions(model: str) -> None:
    if model not in ONLY_IMAGES:
        assert build(model, "function")
        return
    with pytest.raises(Exception, match="choose model=mlp or an image data set"):
        build(model, "function")


@pytest.mark.parametrize(
    ("model", "data", "expected"),
    [
        ("deep", "function", 571),
        ("middle", "function", 572),
        ("shallow", "function", 571),
        ("mlp_500", "function", 1_501),
        ("mlp_5_10_5", "function", 131),
        ("mlp_128", "function", 385),
        ("mlp_500_50", "mnist", 418_060),
        ("one_hidden", "mnist", 397_510),
    ],
)
def test_published_counts(model: str, data: str, expected: int) -> None:
    assert parameters(build(model, data)) == expected


@pytest.mark.parametrize(
    ("old", "model"),
    [
        ("gradient_norm", "mlp_500"),
        ("minimal_ratio", "mlp_5_10_5"),
        ("minimal_ratio_wide", "mlp_128"),
        ("trajectory", "mlp_500_50"),
    ],
)
def test_an_old_name_is_the_same_net(old: str, model: str) -> None:
    assert {**config_of(model, "function"), "name": old} == config_of(old, "function")


@pytest.mark.parametrize(
    ("hidden", "data", "expected"),
    [("[5,10,5]", "function", 131), ("[128]", "function", 385), ("[250]", "mnist", 198_760)],
)
def test_hidden_widths_are_a_key(hidden: str, data: str, expected: int) -> None:
    assert parameters(build("mlp", data, f"model.hidden={hidden}")) == expected


@pytest.mark.parametrize("data", IMAGES)
@pytest.mark.parametrize("budget", [107_600, 60_000, 360_000])
def test_image_nets_agree_within_one_percent(data: str, budget: int) -> None:
    counts = [parameters(build(m, data, f"model.parameters={budget}")) for m in DEEP_TO_SHALLOW]

    assert max(counts) / min(counts) < 1.01
    assert all(abs(count - budget) <= 0.005 * budget for count in counts)


@pytest.mark.parametrize("data", IMAGES)
@pytest.mark.parametrize("model", DEEP_TO_SHALLOW)
def test_default_budget_leaves_the_convolutions_as_they_are(model: str, data: str) -> None:
    layers = list(build(model, data))  # type: ignore[call-overload]

    built = [layer.out_channels for layer in layers if isinstance(layer, nn.Conv2d)]
    assert built == [width for block in config_of(model, data).blocks for width in block]


@pytest.mark.parametrize(
    ("model", "convolutions", "pools"), [("deep", 4, 2), ("middle", 2, 2), ("shallow", 1, 1)]
)
@pytest.mark.parametrize("data", IMAGES)
def test_image_nets_differ_in_depth(model: str, convolutions: int, pools: int, data: str) -> None:
    layers = list(build(model, data))  # type: ignore[call-overload]

    assert sum(isinstance(layer, nn.Conv2d) for layer in layers) == convolutions
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in layers) == pools
    assert sum(isinstance(layer, nn.Dropout) for layer in layers) == 1


@pytest.mark.parametrize(("data", "default"), [("function", nn.LeakyReLU), ("mnist", nn.ReLU)])
@pytest.mark.parametrize("model", DEEP_TO_SHALLOW)
def test_default_activation_depends_on_the_kind(
    model: str, data: str, default: type[nn.Module]
) -> None:
    assert any(isinstance(layer, default) for layer in build(model, data))


@pytest.mark.parametrize("model", DEEP_TO_SHALLOW)
def test_a_kind_without_a_net_is_an_error(model: str) -> None:
    config: Any = config_of(model, "sound")

    with pytest.raises(MissingMandatoryValue):
        _ = config["_target_"]
