"""hw1_3_interpolation from the command line: nets trained once, and the lines between them."""

from finished import runs

from dl_experiments.analysis import pipeline
from dl_experiments.analysis.phenomena.interpolation import analysis as phenomenon
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.data import sources
from dl_experiments.models.mlp import MLP

NETS = ["hw1_3_interpolation", "hw1_3_interpolation_sgd"]
SMALL = ["scale=smoke", "data=digits", "model.hidden=[8,6]", "data.samples=1000", "logger=none"]
SMALL += ["sweep.stack=never"]  # as the nets of the real size, which are trained alone


def test_the_published_sizes(compose):
    nets = [
        compose("experiment=hw1_3_interpolation", "scale=full", f"arm={arm}")
        for arm in ("small", "large", "fast")
    ]
    nets.append(compose("experiment=hw1_3_interpolation_sgd", "scale=full"))
    found = [
        (net["arm"], net["optimizer"]["name"], net["data"]["batch_size"], net["optimizer"]["lr"])
        for net in nets
    ]
    assert found == [
        ("small", "adam", 64, 0.001),
        ("large", "adam", 1000, 0.001),
        ("fast", "adam", 64, 0.01),
        ("sgd", "sgd", 64, 0.01),
    ]
    for net in nets:
        assert net["data"]["samples"] is None
        assert net["study"] == "hw1_3_interpolation"
        built = MLP(sources.SHAPES["mnist"], 10, net["model"]["hidden"])
        assert sum(parameter.numel() for parameter in built.parameters()) == 418_060


def test_lines_between_nets_of_both_experiments_end_in_their_records(lab, outputs):
    for experiment in NETS:
        trained = lab(f"experiment={experiment}", *SMALL)
        assert (trained.code, trained.err) == (0, "")
    assert len(list(outputs.glob("*/*/status.json"))) == 8
    assert len(runs(outputs)) == 2  # names without the id: one a seed
    again = lab(f"experiment={NETS[0]}", *SMALL)
    assert "6 runs: 6 finished before" in again.out

    options = {"hw1_3_interpolation": {"points": 4, "samples": None}}
    written = pipeline.analyze(outputs, ["hw1_3_interpolation"], 40, options)
    assert written.figures == {outputs / "report" / "hw1_3_interpolation": 2}
    finding = phenomenon.analyse(collect(outputs).runs, points=4, samples=None)
    assert finding.claims[-1].note.startswith("bit for bit on 6 of 6 lines")
    assert [row.names["pairs"] for row in finding.rows] == ["2"] * 4
