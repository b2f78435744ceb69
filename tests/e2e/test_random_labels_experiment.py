"""hw1_3_random_labels and its two other arms: what they train, and one report of all."""

from dl_experiments.analysis import pipeline
from dl_experiments.analysis.phenomena.random_labels import analysis as phenomenon
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.data import sources
from dl_experiments.models.mlp import MLP
from dl_experiments.models.sizing import sized_cnn

NETS = ["hw1_3_random_labels", "hw1_3_random_labels_cnn", "hw1_3_random_labels_capacity"]
SMALL = ["scale=smoke", "data=digits", "logger=none"]


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_published_sizes(compose):
    nets = [compose(f"experiment={name}", "scale=full") for name in NETS]
    for net in nets:
        assert net["data"] | {"name": "mnist", "samples": None} == net["data"]
        assert net["optimizer"] | {"name": "adam", "lr": 0.001} == net["optimizer"]
        assert net["study"] == "hw1_3_random_labels"
        assert net["trainer"]["target_accuracy"] >= 0.99
    shape = sources.SHAPES["mnist"]
    assert count(MLP(shape, 10, nets[0]["model"]["hidden"])) == 397_510
    assert count(MLP(shape, 10, [50])) == 39_760
    cnn = {key: nets[1]["model"][key] for key in ("blocks", "parameters", "kernel_size")}
    assert abs(count(sized_cnn(shape, 10, **cnn)) / 360_000 - 1) < 0.01


def test_the_small_nets_of_the_subset_have_as_many_parameters_a_label():
    shape = sources.SHAPES["mnist"]
    for whole, subset in ((50, 4), (100, 8)):
        ratios = [count(MLP(shape, 10, [h])) / n for h, n in ((whole, 60_000), (subset, 5_000))]
        assert abs(ratios[1] / ratios[0] - 1) < 0.05


def test_one_report_of_all_arms(lab, outputs):
    for experiment in NETS:
        trained = lab(f"experiment={experiment}", *SMALL)
        assert (trained.code, trained.err) == (0, "")
    written = pipeline.analyze(outputs, ["hw1_3_random_labels"], 40)
    assert written.figures == {outputs / "report" / "hw1_3_random_labels": 5}
    found = collect(outputs).runs
    assert {run.get("arm") for run in found} == {"fraction", "cnn", "capacity"}
    finding = phenomenon.analyse(found)
    assert len(finding.rows) == 5  # p = 0 and 1, the convolutional net, two small nets
    assert finding.notes == []
