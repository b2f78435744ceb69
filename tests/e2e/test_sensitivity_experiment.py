"""hw1_3_sensitivity and hw1_3_sharpness: two analyses of nets that are trained once."""

import pytest
import yaml
from test_train_and_analyze import CONF, grid

from dl_experiments.analysis import pipeline
from dl_experiments.artifacts import RunDirectory
from dl_experiments.identity import run_path

SMALL = ["scale=smoke", "seed=0", "data=digits", "model.hidden=[8]", "data.samples=200"]
SMALL += ["logger=none", "arm=equal_epochs,equal_loss"]
SMALL += [
    "measurements.sensitivity.samples=50",
    "measurements.sensitivity.evaluation_batches=[1,5,50]",
]

ARMS = ("equal_epochs", "equal_steps", "equal_loss", "scaled_rate")


@pytest.mark.parametrize("scale", ["smoke", "quick", "full"])
def test_both_experiments_are_the_same_runs(compose, scale):
    names = ("hw1_3_sensitivity", "hw1_3_sharpness")
    for arm in ARMS:
        words = [f"scale={scale}", f"arm={arm}", "data.batch_size=100", "seed=1"]
        one, other = (compose(f"experiment={name}", *words) for name in names)
        assert run_path(one) == run_path(other)


def test_the_published_batch_sizes_and_what_is_equal():
    scales = yaml.safe_load((CONF / "experiment/hw1_3_sensitivity.yaml").read_text())["at"]
    published = {10, 385, 760, 1135, 1510}
    assert {int(size) for size in scales["quick"]["sizes"].split(",")} == published
    powers = {2**power for power in range(4, 14)}
    assert {int(size) for size in scales["full"]["sizes"].split(",")} == published | powers
    updates, rates, quick = set(), {}, scales["quick"]
    for config in grid("hw1_3_sensitivity", "quick"):
        assert config["optimizer"]["name"] == "adam"
        size, arm = config["data"]["batch_size"], config["arm"]
        epochs, every, goal = map(config["trainer"].get, ("max_epochs", "log_every", "target_loss"))
        a_pass = -(-config["data"]["samples"] // size)
        rates[arm, size] = config["optimizer"]["lr"]
        if arm == "equal_epochs":
            assert epochs == quick["epochs"]
        elif arm == "equal_steps":
            updates.add(epochs * a_pass)
        if arm in ARMS[:2]:
            assert goal is None
            assert 3 <= -(-epochs // every) <= 20
        else:  # a look is an epoch, or few updates
            assert goal == quick["goal"]
            assert every == 1 or every * a_pass <= quick["look"] + a_pass
    assert updates == {quick["updates"]}
    assert {rates[arm, size] for arm in ARMS[:3] for size in published} == {0.001}
    scaled = [rates["scaled_rate", size] / size**0.5 for size in published]
    assert scaled == pytest.approx([scaled[0]] * 5, rel=1e-3)


def test_the_second_experiment_trains_nothing_and_has_its_own_report(lab, outputs):
    trained = lab("experiment=hw1_3_sensitivity", *SMALL)
    assert (trained.code, trained.err) == (0, "")
    before = {files.path: files.metrics.stat().st_mtime_ns for files in every_run(outputs)}
    assert len(before) == 6
    again = lab("experiment=hw1_3_sharpness", *SMALL)
    assert (again.code, again.err) == (0, "")
    assert "6 runs: 6 finished before" in again.out
    assert "measured what was missing" not in again.out
    assert {f.path: f.metrics.stat().st_mtime_ns for f in every_run(outputs)} == before

    written = pipeline.analyze(outputs, ["hw1_3_sensitivity", "hw1_3_sharpness"], 40)
    report = outputs / "report"
    both = {report / "hw1_3_sensitivity": 2, report / "hw1_3_sharpness": 2}
    assert written.figures == both
    page = (report / "index.html").read_text()
    assert "Control: " in page
    assert "Sharper nets generalise worse" in page


def every_run(outputs):
    return [RunDirectory(path.parent) for path in sorted(outputs.glob("*/*/status.json"))]
