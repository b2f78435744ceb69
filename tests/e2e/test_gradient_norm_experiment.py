"""hw1_2_gradient_norm from the command line to its figures: functions and MNIST in one study."""

import os

from dl_experiments.analysis.pipeline import analyze
from dl_experiments.data import sources

SHARED = os.environ.get("DL_EXPERIMENTS_DATA") or "~/.cache/dl_experiments"


def test_both_experiments_are_drawn_by_one_analysis(lab, outputs):
    sources.load("mnist", SHARED)  # fetched here, if at all, and not between the lines looked at
    words = ["scale=smoke", "seed=0", "logger=none"]
    functions = lab("experiment=hw1_2_gradient_norm", "trainer.max_epochs=3", *words)
    few = ["data.samples=64", "data.batch_size=25", "trainer.max_epochs=1"]
    images = lab("experiment=hw1_2_gradient_norm_mnist", *few, *words)
    assert (functions.code, functions.err, images.code, images.err) == (0, "", 0, "")

    written = analyze(outputs, ["hw1_2_gradient_norm"], dpi=40)
    folder = outputs / "report" / "hw1_2_gradient_norm"
    names = ["norm-under-loss", "norm-against-loss", "norm-by-layer"]
    drawn = {f"{name}-{kind}" for name in names for kind in ("functions", "images")}
    assert {path.stem for path in folder.glob("*.png")} == drawn
    assert written.figures == {folder: 6}
    assert not written.found.problems
    for run in written.found.runs:
        assert run.summary["time/gradient_norm_seconds"] > 0
        arrays = run.measure("gradient_norms")
        assert arrays["step"].tolist() == list(range(int(run.summary["step"])))
        assert (arrays["norm"] > 0).all()
    layers = [
        {key for row in run.rows for key in row if "norm/" in key} for run in written.found.runs
    ]
    assert {f"gradient/norm/{name}" for name in ("dense1", "output")} in layers
    convolutional = ("conv1_1", "conv2_1", "dense1", "output")
    assert {f"gradient/norm/{name}" for name in convolutional} in layers
