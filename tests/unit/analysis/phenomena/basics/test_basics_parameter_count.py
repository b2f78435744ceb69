"""The table of parameters against ``numel``, its formulas against their own arithmetic."""

import re
from pathlib import Path

import pandas as pd
import pytest
import torch
from synthetic import image_run, worded
from torch import nn

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.phenomena.basics import nets as basics_nets
from dl_experiments.analysis.phenomena.basics import parameter_count as basics_parameter_count
from dl_experiments.analysis.phenomena.basics.nets import keys, models, nets, shapes
from dl_experiments.analysis.pipeline import analyze
from dl_experiments.analysis.runs.collect import AnalysisError
from dl_experiments.data.functions import FunctionData
from dl_experiments.measures.parameters import count
from dl_experiments.models.mlp import MLP

NETS = {(model, shape.data): net for model, shape, net in nets()[0]}
NAME = "basics_parameter_count"


def arithmetic(formula: str) -> int:
    """ "784·500 + 500" -> 392,500."""
    total = 0
    for term in formula.split(" + "):
        product = 1
        for factor in term.split("·"):
            product *= int(factor)
        total += product
    return total


def test_every_model_meets_every_kind_that_it_takes() -> None:
    assert {model for model, _ in NETS} == set(models())
    images = {shape.data for shape in shapes() if shape.kind == "image"}
    for model in models():
        met = {data for name, data in NETS if name == model}
        assert met in (images, images | {"functions"})
    assert ("cnn", "functions") not in NETS
    function = shapes()[0]
    assert (function.inputs, function.outputs) == (FunctionData.input_shape, FunctionData.outputs)


@pytest.mark.parametrize("model", models())
@pytest.mark.parametrize(("kind", "data"), [("function", "sinc"), ("image", "mnist")])
def test_the_keys_are_those_that_hydra_composes(compose, model, kind, data) -> None:
    assert keys(model, kind) == compose(f"model={model}", f"data={data}")["model"]


@pytest.mark.parametrize(("model", "data"), NETS)
def test_counts_and_formulas_agree_with_numel(model: str, data: str) -> None:
    net = NETS[model, data]
    layers = count(net)
    assert sum(layer.total for layer in layers) == sum(p.numel() for p in net.parameters())
    for layer in layers:
        own = net.get_submodule(layer.layer)
        assert layer.weights == own.weight.numel()
        assert layer.biases == own.bias.numel()
        assert arithmetic(layer.formula) == layer.total


@pytest.mark.parametrize(
    ("model", "data", "total"),
    [
        ("deep", "functions", 571),
        ("middle", "functions", 572),
        ("shallow", "functions", 571),
        ("mlp_500", "functions", 1_501),
        ("mlp_5_10_5", "functions", 131),
        ("mlp_128", "functions", 385),
        ("mlp_500_50", "mnist, fashion_mnist", 418_060),
        ("one_hidden", "mnist, fashion_mnist", 397_510),
    ],
)
def test_known_architectures_have_their_known_counts(model: str, data: str, total: int) -> None:
    assert sum(layer.total for layer in count(NETS[model, data])) == total


@pytest.mark.parametrize("units", [50, 100, 250, 500, 550, 750, 1000, 1050, 1500, 2000])
def test_one_hidden_layer_on_mnist_has_795_parameters_a_unit_and_10(units: int) -> None:
    with torch.device("meta"):
        layers = count(MLP((1, 28, 28), 10, [units]))
    assert [layer.formula for layer in layers] == [f"784·{units} + {units}", f"{units}·10 + 10"]
    assert sum(layer.total for layer in layers) == 795 * units + 10


def test_other_layers_are_counted_by_their_tensors() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(2, 3))
            self.norm = nn.BatchNorm1d(4)
            self.conv = nn.Conv2d(4, 6, 3, groups=2, bias=False)

    layers = {layer.layer: layer for layer in count(Own())}
    assert (layers["scale"].weights, layers["scale"].formula) == (6, "2·3")
    assert (layers["norm"].weights, layers["norm"].biases, layers["norm"].formula) == (
        4,
        4,
        "4 + 4",
    )
    assert (layers["conv"].total, layers["conv"].formula) == (108, "6·2·3·3")


def test_the_convolution_formula_is_outputs_inputs_and_kernel() -> None:
    layers = {layer.layer: layer for layer in count(NETS["cnn", "mnist, fashion_mnist"])}
    assert layers["conv2_1"].formula == "16·8·3·3 + 16"


def test_the_finding_has_a_line_a_layer_and_one_for_all() -> None:
    with style.applied():
        finding = basics_parameter_count.analyse([])
    table = worded(finding).set_index(["model", "data", "layer"])
    row = table.loc[("mlp_500_50", "mnist, fashion_mnist (1×28×28 → 10)", "all")]
    assert (row["weights"], row["biases"], row["sum"]) == (417_500, 560, 418_060)
    assert row["formula"] == "784·500 + 500 + 500·50 + 50 + 50·10 + 10"
    sums = table[table.index.get_level_values("layer") == "all"]["sum"]
    assert len(sums) == len(NETS)
    assert "  dense1        392,000      500    392,500  784·500 + 500\n" in finding.text
    assert max(map(len, finding.text.splitlines())) <= 80


def test_no_runs_are_needed(tmp_path: Path) -> None:
    outputs = tmp_path / "nothing" / "here"
    written = analyze(outputs, [NAME], dpi=25)
    folder = outputs / "report" / NAME
    assert written.figures == {folder: 1}
    assert written.text.startswith("cnn on digits")
    assert pd.read_csv(folder / "numbers.csv")["sum"].iloc[0] == 80
    page = written.report.read_text()
    assert re.search(r'<td class="n">392,500</td><td>784·500 \+ 500</td>', page)
    assert "Means over completed seeds" not in page
    assert "needs no runs" in page


def test_beside_the_other_basics_it_is_there_unasked(tmp_path: Path) -> None:
    image_run(tmp_path, "deep", "mnist", 0)
    report = tmp_path / "report"
    assert list(analyze(tmp_path, None, dpi=25).figures) == [report / "hw1_1_mnist"]
    both = analyze(tmp_path, [NAME, "hw1_1_mnist"], dpi=25)
    assert (list(both.figures), both.text) == ([report / NAME, report / "hw1_1_mnist"], "")
    for seed in range(2):
        image_run(tmp_path, "mlp", "mnist", seed, study="basics_learning_rate")
    assert report / NAME in analyze(tmp_path, None, dpi=25).figures
    with pytest.raises(AnalysisError, match="there is no folder"):
        analyze(tmp_path / "nothing", [NAME, "hw1_1_mnist"], dpi=25)


def test_a_model_that_cannot_be_built_is_named_and_the_others_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(basics_nets, "models", lambda: ["mlp", "nothing"])
    built, (note,) = basics_nets.nets()
    assert {model for model, *_ in built} == {"mlp"}
    assert note.startswith("Left out: model=nothing cannot be built: ")
