"""hw1_2_minimal_ratio from the command line to its figures, and what it refuses."""

from dl_experiments.analysis.pipeline import analyze

WORDS = [
    *("experiment=hw1_2_minimal_ratio", "scale=smoke", "logger=none", "trainer.max_epochs=5"),
    *("data.samples=16", "model.hidden=[3,2,3]", "measurements.critical_points.widths=[[1,1,1]]"),
    *("measurements.critical_points.newton=40", "measurements.critical_points.samples=10"),
]


def test_it_is_trained_measured_and_drawn(lab, outputs):
    done = lab(*WORDS)
    assert (done.code, done.err) == (0, "")
    written = analyze(outputs, ["hw1_2_minimal_ratio"], dpi=40)
    folder = outputs / "report" / "hw1_2_minimal_ratio"
    assert {path.stem for path in folder.glob("*.png")} == {
        *("minimal-ratio", "negative-share", "correlations", "zeros-as-positive"),
        *("eigenvalues", "gradient-norm", "sampled-ratio"),
    }
    assert not written.found.problems
    assert len(written.found.runs) == 4
    page = written.report.read_text()
    for net in ("1-3-2-3-1, tanh", "1-3-2-3-1, relu"):
        assert net in page
    assert ">supported</span>" not in page  # two seeds show nothing
    again = lab(*WORDS)
    assert again.out.startswith("4 runs: 4 finished before\nskipped")


def test_a_hessian_over_the_memory_is_refused_before_any_training(lab, outputs):
    """26,101 parameters: the matrix and its copy would take 10 GiB."""
    words = [*WORDS, "model.hidden=[500,50]", "measurements.critical_points.memory_gib=0.5"]
    refused = lab(*words, "model.activation=tanh", "seed=0")
    assert refused.code == 2
    for part in ("measurements.critical_points.memory_gib=0.5", "GiB", "26,101", "Lanczos"):
        assert part in refused.err
    assert refused.err.count("\n") == 1
    assert not outputs.exists()
