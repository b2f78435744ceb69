"""Small studies with something the matter, and what a careful statistician reports of each.

Each is written as runs and analysed as a report would; the docstring says what is to be reported.
Most of these numbers are taken anew here, with NumPy and SciPy.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from questionable import Study, gone, image, numbers, paired
from scipy import special, stats
from synthetic import worded

from dl_experiments.artifacts import write_json

NOWHERE = {"label_noise": {}, "data._target_": "nowhere.Data"}  # no data: nothing is collapsed
OWN = {"kind": "image", "data.samples": 200}
Start = Callable[[str], Study]


@pytest.fixture
def study(tmp_path: Path) -> Start:
    return lambda name: Study(tmp_path, name)


def record(data: str, classes: int) -> dict[str, Any]:
    """What a run remembers of its data."""
    return {"data": {"key": data, "seed": None, "outputs": classes}}


# --- batch sizes


def noise(kind: str, at: np.ndarray, seed: int) -> dict[str, Any]:
    """Batch 1 has the less noise at every epoch, ⅔ of batch 100's, and it falls in both."""
    falls = np.exp(-at / 3) * (1 + 0.02 * np.sin(seed))
    return {"noise/batch_loss": falls if kind == "small" else 1.5 * falls * (1 + 0.01 * seed)}


@pytest.mark.parametrize("how", ["stopped at its target", "no spread any more"])
def test_noise_is_compared_where_all_have_some(study: Start, how: str) -> None:
    """Noise falls while nets learn. At the epochs that both have batch 1 is the less noisy: −0.19.

    A mean over each run's own epochs makes it +0.32, as batch 1 has only the early ones.
    """
    batches = study("basics_batch_size")
    expected = []
    for seed in range(6):
        keys = {"trainer.max_epochs": 10, "trainer.target_loss": 0.05}
        small, large = image(0.95), image(0.95)
        early = np.arange(4 if how.startswith("stopped") else 11)
        small = {name: curve[: len(early)] for name, curve in small.items()}
        small |= noise("small", early, seed)
        if how.startswith("stopped"):
            small["train/loss"] = [2.3, 1.0, 0.2, 0.04]
        else:
            small["noise/batch_loss"] = np.where(early < 4, small["noise/batch_loss"], 0.0)
        large |= noise("large", np.arange(11), seed)
        large["train/loss"] = np.maximum(large["train/loss"], 0.06)
        for size, curves in ((1, small), (100, large)):
            batches.add(seed, curves, **keys, **{"data.batch_size": size})
        apart = np.log10(small["noise/batch_loss"][1:4] / large["noise/batch_loss"][1:4])
        expected.append(apart.mean())
    found = batches.claim("The loss is noisier")
    assert numbers(found) == pytest.approx(paired(expected, np.zeros(6)))
    assert (found.verdict, found.n) == ("not supported", 6)
    assert found.note == "over the 3 epochs at which all have some"


def test_who_is_best_is_open_where_nothing_tells_what_the_lost_count_as(study: Start) -> None:
    """Half of batch 1 diverged, and nobody knows of how many classes guessing is: no verdict."""
    batches = study("basics_batch_size")
    for seed in range(10):
        lost = seed % 2
        curves = gone() if lost else image(0.97)
        batches.add(
            seed, curves, state="diverged" if lost else "completed", data="own",
            **{"data.batch_size": 1}, **OWN,
        )  # fmt: skip
        batches.add(seed, image(0.96 + 1e-4 * seed), data="own", **{"data.batch_size": 4}, **OWN)
    found = batches.claim("Batch 1 was best")
    assert found.verdict == "inconclusive"
    assert found.note.startswith("5 diverged, and nothing tells what they count as")
    assert "count as guessing" not in found.note


def test_a_group_that_diverged_as_a_whole_is_named(study: Start) -> None:
    """All of batch 1 diverged: that is why there is no number, not that nothing completed."""
    batches = study("basics_batch_size")
    for seed in range(5):
        batches.add(seed, gone(), state="diverged", **{"data.batch_size": 1})
        batches.add(seed, image(0.9), **{"data.batch_size": 100})
    found = batches.claims()
    first = found["The first epoch teaches more with batch 1 than with batch 100"]
    assert (first.estimate, first.verdict) == (None, "inconclusive")
    assert first.note == (
        "no run of batch 1 completed; 5 of 5 seeds of batch 1 diverged and are not in it"
    )
    best = found["Batch 100 was best, ahead of batch 1"]  # which counts as guessing
    assert (best.estimate, best.verdict) == (pytest.approx(80.0), "supported")


def test_of_equals_none_is_the_best_of_its_seed(study: Start) -> None:
    """All accuracies are 1: no lead, no interval, and no winner in any seed."""
    batches = study("basics_batch_size")
    for seed in range(5):
        for size in (1, 4, 100):
            batches.add(seed, image(1.0), **{"data.batch_size": size})
    finding, _ = batches.report()
    found = finding.claims[-1]
    assert (found.estimate, found.low, found.verdict) == (0.0, None, "not supported")
    assert "best in each seed: batch 1 and 4 and 100 (5)" in found.note
    assert worded(finding)["final test/accuracy"].tolist() == ["100 %"] * 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"data.batch_size": "full"}, {"data.batch_size": 10_000}),
        ({"data.samples": None}, {"data.samples": 60_000}),
        ({"optimizer.lr": 0.3}, {"optimizer.lr": 0.1 * 3}),
    ],
)
def test_a_seed_in_other_words_is_one_seed(study: Start, one: Any, other: Any) -> None:
    """The same setting under two names, all stopped at a target: n = 5 seeds, not 10."""
    batches = study("basics_batch_size")
    for seed in range(5):
        for keys in (one, other):
            batches.add(seed, image(0.9 + 1e-3 * seed), **{"trainer.target_loss": 1e-9} | keys)
    finding, (line,) = batches.report()
    assert worded(finding)["seeds"].tolist() == ["n = 5"]
    assert line.startswith("basics_batch_size: runs that count in other words: mlp-mnist-s0-")


def test_seeds_that_draw_their_samples_too_are_seeds(study: Start) -> None:
    """data.seed goes along with the seed: five paired seeds, not five studies of one."""
    batches = study("basics_batch_size")
    ends: dict[int, list[float]] = {1: [], 100: []}
    for seed in range(5):
        for size, base in ((1, 0.95), (100, 0.9)):
            ends[size].append(base + 1e-3 * np.sin(seed * size))
            keys = {"data.batch_size": size, "data.seed": 10 + seed}
            batches.add(seed, image(ends[size][-1]), **keys)
    found = batches.claim("Batch 1 was best, ahead of batch 100")
    assert numbers(found) == pytest.approx([100 * x for x in paired(ends[1], ends[100])])
    assert (found.verdict, found.n) == ("supported", 5)


def test_a_data_seed_of_a_group_is_no_seed(study: Start) -> None:
    """The groups drew other samples: what differs may be those, and is told apart as arms."""
    batches = study("basics_batch_size")
    for seed in range(5):
        for size in (1, 100):
            keys = {"data.batch_size": size, "data.seed": size}
            batches.add(seed, image(0.9 + 1e-3 * size), **keys)
    finding, _ = batches.report()
    assert finding.notes == ["Differing along with data.batch_size, not told apart: data.seed."]
    assert {claim.verdict for claim in finding.claims} == {"inconclusive"}


def test_seeds_that_no_two_groups_share_are_not_paired(study: Start) -> None:
    """Welch's interval for the two ends; no ranking of three groups without a common seed."""
    batches = study("basics_batch_size")
    logs: dict[int, list[float]] = {}
    for seed in range(5):
        for size, of in ((1, seed), (4, seed + 5), (100, seed + 5)):
            curves = image(0.9)
            curves["train/loss"] = curves["train/loss"] * (1 + 0.1 * np.sin(of * size))
            logs.setdefault(size, []).append(np.log10(curves["train/loss"][1]))
            batches.add(of, curves, **{"data.batch_size": size})
    found = batches.claims()
    first = found["The first epoch teaches more with batch 1 than with batch 100"]
    welch = stats.ttest_ind(logs[1], logs[100], equal_var=False).confidence_interval()
    assert (first.low, first.high) == pytest.approx((welch.low, welch.high))
    assert found["One batch size is best"].note == "no seed was trained with all batch sizes"


def test_two_scales_are_two_arms(study: Start) -> None:
    """A smoke test beside the real thing, in one study: each by itself, and no mean of both."""
    batches = study("basics_batch_size")
    for scale, samples, length in (("smoke", 200, 3), ("quick", 2000, 11)):
        for seed in range(5):
            for size in (1, 100):
                keys = {"data.batch_size": size, "data.samples": samples, "scale": scale}
                curves = image(0.9 if size == 1 else 0.5 + 0.001 * length, length)
                batches.add(seed, curves, **keys, **{"trainer.max_epochs": length - 1})
    finding, _ = batches.report()
    assert worded(finding)["arm"].tolist() == ["200 samples"] * 2 + ["2,000 samples"] * 2
    assert [seeds[:5] for seeds in worded(finding)["seeds"]] == ["n = 5"] * 4


def test_times_of_two_machines_are_not_compared(study: Start) -> None:
    """Batch 1 ran on a processor, batch 100 on a GPU: who took longer says nothing of batches."""
    batches = study("basics_batch_size")
    for seed in range(5):
        for size, device in ((1, "cpu"), (100, "cuda:0")):
            facts = record("mnist", 10) | {"device": device, "processor": "one", "threads": 1}
            files = batches.add(seed, image(0.9), facts=facts, **{"data.batch_size": size})
            took = {"time/fit_seconds": 10.0 / size + seed, "epoch": 10}
            write_json(files.summary, json.loads(files.summary.read_text("utf-8")) | took)
    found = batches.claim("An epoch takes longer with batch 1 than with batch 100")
    assert (found.verdict, found.n) == ("inconclusive", 5)
    assert found.note == "not all were timed on one machine and in one way"


def test_a_full_batch_of_nobody_knows_how_many_is_no_small_one(study: Start) -> None:
    """Own data whose size is not on record: the full batch has no place among the others."""
    batches = study("basics_batch_size")
    for seed in range(5):
        for size in (1, 100, "full"):
            keys = {"kind": "image", "data.samples": None, "data.batch_size": size}
            batches.add(seed, image(0.9), data="own", **keys)
    finding, _ = batches.report()
    assert worded(finding)["batch size"].tolist() == ["1", "100"]
    assert finding.notes == ["Left out: 5 runs: 5 completed, of a full batch of unknown size."]


# --- learning rates, activations, dropout


def test_guessing_is_that_of_the_data(study: Start) -> None:
    """At a rate of 10 nets end at the loss of guessing, ln 10 or ln 2, whatever they get right."""
    rates = study("basics_learning_rate")
    for data, classes in (("digits", 10), ("own", 2)):
        for rate in (10.0, 0.1, 0.01, 1e-4):
            for seed in range(5):
                keys, curves = {"optimizer.lr": rate, **OWN}, image(0.97)
                if rate == 10:
                    curves["train/loss"] = np.full(11, np.log(classes) + 1e-3 * seed)
                rates.add(seed, curves, data=data, facts=record(data, classes), **keys)
    found = rates.claims()
    for data, classes in (("digits", 10), ("own", 2)):
        words = "diverges or ends no better than guessing"
        one = found[f"A learning rate of 10 {words} with Adam ({data})"]
        assert one.estimate == pytest.approx(np.log(classes) + 0.002, rel=1e-4)
        assert one.region.above == pytest.approx(0.98 * np.log(classes))
        assert one.verdict == "supported"


def test_optimizers_that_are_not_compared_may_differ(study: Start) -> None:
    """Each optimizer has a weight decay of its own; no claim sets one against the other."""
    rates = study("basics_learning_rate")
    speeds = {10.0: 0.0, 0.1: 1.0, 0.01: 0.5, 1e-4: 0.05}
    for name, decay in (("adam", 0.0), ("adamw", 0.01)):
        for rate, speed in speeds.items():
            for seed in range(5):
                node = {"_target_": f"torch.{name}", "name": name, "lr": rate}
                curves = image(0.97 if speed else 0.1)
                curves["train/loss"] = 2.3 * np.exp(-speed * np.arange(11)) * (1 + 0.1 * seed)
                rates.add(seed, curves, optimizer=node | {"weight_decay": decay})
    finding, _ = rates.report()
    assert not finding.notes
    assert {claim.verdict for claim in finding.claims} == {"supported"}


def test_each_width_of_the_activation_nets_is_judged(study: Start) -> None:
    """Two widths: ReLU is 5 points better at either, which is two claims and not none."""
    nets = study("basics_activations")
    for seed in range(5):
        for name, hidden, base in (
            ("identity", [], 0.9), ("identity", [40], 0.9), ("identity", [80], 0.9),
            ("relu", [40], 0.95), ("relu", [80], 0.95),
        ):  # fmt: skip
            keys = {"model.activation": name, "model.hidden": hidden, **NOWHERE}
            end = base + 1e-3 * np.sin(seed * (1 + len(hidden)))
            nets.add(seed, image(end), data="digits", **keys)
    found = nets.claims()
    for width in (40, 80):
        relu = found[
            f"With ReLU between them they [{width}] beat the same layers without on digits"
        ]
        assert (relu.estimate, relu.verdict) == (pytest.approx(5.0, abs=0.1), "supported")
        same = "without activation are no better than one linear layer on digits"
        assert found[f"Layers [{width}] {same}"].verdict == "supported"


def test_two_runs_of_one_seed_in_a_group_decide_nothing(study: Start) -> None:
    """One linear layer under two activations: which of the two is its seed's run nobody knows."""
    nets = study("basics_activations")
    for seed in range(5):
        for name, hidden, end in (
            ("identity", [], 0.9), ("relu", [], 0.99), ("identity", [40], 0.95),
        ):  # fmt: skip
            keys = {"model.activation": name, "model.hidden": hidden, **NOWHERE}
            nets.add(seed, image(end + 1e-3 * seed), data="digits", **keys)
    finding, _ = nets.report()
    assert worded(finding)["seeds"].tolist() == ["n = 5 (10 runs)", "n = 5"]
    found = finding.claims[1]
    assert found.verdict == "inconclusive"
    why = "linear has several runs of one seed, which differ in model.activation"
    assert found.note.startswith(why)


def test_what_was_not_swept_is_not_asked_about(study: Start) -> None:
    """Dropout alone: two claims, of which neither names a weight decay."""
    grid = study("basics_regularization")
    for seed in range(5):
        for dropout in (0.0, 0.5):
            curves = image(0.9)
            curves["test/loss"] = curves["train/loss"] + (0.2 - 0.2 * dropout) * (1 + 0.1 * seed)
            grid.add(seed, curves, **{"model.dropout": dropout, "optimizer.weight_decay": 0.0})
    found = grid.claims()
    assert list(found) == [
        f"Dropout 0.5 narrows the {gap} gap and loses no test accuracy"
        for gap in ("loss", "accuracy")
    ]
    assert [one.verdict for one in found.values()] == ["supported", "not supported"]


# --- a study of the user's own


def test_rates_of_their_own_are_told(study: Start) -> None:
    """Adam at 0.001 beside SGD at 0.5 compares two things, and the reader is told."""
    mine = study("mine")
    for seed in range(3):
        for name, rate in (("adam", 0.001), ("sgd", 0.5)):
            mine.add(seed, image(0.9), optimizer={"_target_": name, "name": name, "lr": rate})
    finding, _ = mine.report()
    assert finding.notes == ["Differing along with optimizer.name, not told apart: optimizer.lr."]


def test_null_none_and_absent_are_three(study: Start) -> None:
    """And "null" in quotes, 0 and a list, each with its own mean."""
    mine = study("mine")
    values = [None, "none", "null", 0, [1, 2], ...]
    for place, value in enumerate(values):
        for seed in range(2):
            keys = {} if value is ... else {"model.norm": value}
            mine.add(seed, image(0.9 + 0.01 * place), **keys)
    table = worded(mine.report()[0])
    found = dict(zip(table["model.norm"], table["final test/accuracy"], strict=True))
    assert found == {
        "none": "90.00 %", "'none'": "91.00 %", "null": "92.00 %", "0": "93.00 %",
        "[1,2]": "94.00 %", "absent": "95.00 %",
    }  # fmt: skip


def test_what_some_runs_have_recorded_is_said(study: Start) -> None:
    """Two of five seeds have an accuracy: that is a mean of two, in the table and in a note."""
    mine = study("mine")
    for seed in range(5):
        curves = image(0.9 + 0.01 * seed)
        if seed < 3:
            curves = {name: curve for name, curve in curves.items() if name != "test/accuracy"}
        mine.add(seed, curves)
    finding, _ = mine.report()
    assert finding.notes == ["test/accuracy was recorded by 2 of 5 completed runs."]
    assert worded(finding)["final test/accuracy"][0].endswith("(n = 2 of 5)")


def test_losses_below_zero_are_drawn(study: Start) -> None:
    """A log likelihood may be: a linear axis with both groups on it, and a word on the level."""
    mine = study("mine")
    for seed in range(3):
        for rate, sign in ((0.1, -1), (0.2, 1)):
            curves = image(0.9)
            for name in ("train/loss", "test/loss"):
                curves[name] = sign * curves[name] * (1 + 0.1 * seed)
            mine.add(seed, curves, **{"optimizer.lr": rate})
    finding, _ = mine.report()
    assert finding.notes[0].startswith("Losses below 0 have no logarithm: axes are linear")
    axis = finding.drawings[0].figure.axes[0]
    assert (axis.get_yscale(), len(axis.get_lines())) == ("linear", 4)
    assert axis.get_ylim()[0] < -2
    assert (
        "median, not all are positive"
        in worded(finding).iloc[0]["final train/loss (geometric mean)"]
    )


@pytest.mark.filterwarnings("ignore:Attempt to set non-positive ylim")  # the axis ends at 1e-307
def test_losses_of_any_size_have_their_geometric_mean(study: Start) -> None:
    """One seed at 1e-20 and four at 1e-300: a geometric mean of 1e-244, as wide as numbers go."""
    mine = study("mine")
    for seed in range(5):
        mine.add(seed, {"train/loss": [1.0, 1e-300 if seed else 1e-20]}, data="sinc")
    (cell,) = worded(mine.report()[0])["final train/loss (geometric mean)"]
    assert cell.startswith("1.00×10⁻²⁴⁴ [1.00×10⁻³⁰⁷, ")


def test_accuracies_at_their_bound_stay_within(study: Start) -> None:
    """Four seeds at 1 and one at 0.99: a mean of 99.8 %, and no interval beyond 100 %."""
    mine = study("mine")
    for seed in range(5):
        mine.add(seed, image(0.99 if seed == 4 else 1.0), **{"optimizer.lr": 0.1})
        mine.add(seed, image(0.0), **{"optimizer.lr": 0.2})
    one, other = worded(mine.report()[0])["final test/accuracy"]
    values = np.array([1.0, 1.0, 1.0, 1.0, 0.99])
    mean = (values.mean() * 10_000 + 0.5) / 10_001  # no number of samples tells 1 from very near
    error = stats.sem(values) / (mean * (1 - mean)) * 10_000 / 10_001
    ends = special.expit(special.logit(mean) + stats.t.ppf([0.025, 0.975], 4) * error)
    low, high = (ends * 10_001 - 0.5) / 10_000
    assert one == f"99.80 % [{100 * low:.2f} %, {100 * high:.2f} %]"
    assert other == "0 %"


def test_all_that_became_of_runs_is_counted(study: Start) -> None:
    """Two completed, and one of each other kind: n = 2, and none of the others in the mean."""
    mine = study("mine")
    for seed in range(2):
        mine.add(seed, image(0.9 + 0.02 * seed))
    mine.add(2, gone(), state="diverged")
    for seed, state in ((3, "interrupted"), (4, "failed")):
        mine.add(seed, image(0.1, 4), state=state)  # type: ignore[arg-type]
    table = worded(mine.report()[0])
    assert table["seeds"].tolist() == ["n = 2 + 1 diverged + 1 interrupted + 1 failed"]
    assert table["final test/accuracy"][0].startswith("91.00 % [")


def test_stopped_runs_are_read_where_they_stopped(study: Start) -> None:
    """Half of the seeds stopped at a loss of 0.05, half never came there: each at its own end."""
    mine = study("mine")
    for seed in range(6):
        curves = image(0.9)
        curves["train/loss"] = [2.0, 1.0, 0.5, 0.04] if seed % 2 else [2.0, *[0.1] * 10]
        curves = {name: curve[: len(curves["train/loss"])] for name, curve in curves.items()}
        mine.add(seed, curves, **{"trainer.target_loss": 0.05, "trainer.max_epochs": 10})
    (cell,) = worded(mine.report()[0])["final train/loss (geometric mean)"]
    logs = np.log10([0.1, 0.04] * 3)
    half = stats.t.ppf(0.975, 5) * stats.sem(logs)
    low, high = 10 ** (logs.mean() - half), 10 ** (logs.mean() + half)
    assert cell == f"{10 ** logs.mean():.3g} [{low:.3g}, {high:.3g}]"


@pytest.mark.parametrize("count", [9, 25])
def test_as_many_groups_as_there_are_have_a_colour_each(study: Start, count: int) -> None:
    """More groups than colours: each curve can be told from every other, and has a legend entry."""
    mine = study("mine")
    for place in range(count):
        mine.add(0, image(0.9 + 1e-3 * place), **{"optimizer.lr": 0.001 * (place + 1)})
    figure = mine.report()[0].drawings[0].figure
    lines = figure.axes[1].get_lines()
    assert len({tuple(np.atleast_1d(line.get_color())) for line in lines}) == count
    assert len(figure.legends[0].get_texts()) == count + 2


def test_long_names_leave_room_for_the_axes(study: Start) -> None:
    """Values of fifty letters are cut in the middle in figures, where they still differ."""
    mine = study("mine")
    names = [f"{'a_rather_long_name_of_an_activation_of_my_own'}_{end}" for end in ("one", "two")]
    for name in names:
        for init in ("one", "two"):
            mine.add(0, image(0.9), **{"model.activation": name, "model.init": init})
    curves, finals = mine.report()[0].drawings
    legend = [text.get_text() for text in curves.figure.legends[0].get_texts()]
    assert legend[0].startswith("activation a_rather_lo…f_my_own_one, init one")
    ticks = [tick.get_text() for tick in finals.figure.axes[0].get_xticklabels()]
    assert ticks == ["a_rather_lo…f_my_own_one", "a_rather_lo…f_my_own_two"]
    assert worded(mine.report()[0])["model.activation"].tolist() == [n for n in names for _ in "ab"]
