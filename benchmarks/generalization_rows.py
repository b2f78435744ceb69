"""The rows about measures of generalization, and about training with a batch of one."""

from collections.abc import Mapping

from benchmarks.generalization import lines, sensitivities
from benchmarks.harness import Comparison, Contestant, Row, Target
from benchmarks.loop import loop
from benchmarks.ours import ours
from benchmarks.words import CNN, ENDS, MLP, SAME_EVALUATIONS

TURNS = 3
WIDE = ["data=mnist", "model=one_hidden"]


def sensitivity_mlp(quick: bool) -> Mapping[str, Contestant]:
    return sensitivities(WIDE, 200 if quick else 10_000, 50 if quick else 20)


def sensitivity_cnn(quick: bool) -> Mapping[str, Contestant]:
    return sensitivities(CNN, 100 if quick else 10_000, 50)


def interpolation(quick: bool) -> Mapping[str, Contestant]:
    return lines([*MLP, "data.samples=1000"] if quick else MLP, 3 if quick else 101)


def batch_of_one(quick: bool) -> Mapping[str, Contestant]:
    sized = [*MLP, "data.batch_size=1", f"data.samples={50 if quick else 2000}"]
    return {"ours": ours([*sized, *ENDS], 1, 2 if quick else 4), "loop": loop(sized, 1)}


GENERALIZATION = [
    Comparison(
        [
            Row(
                "sensitivity-mlp",
                "sensitivity of 784-500-10 on 10,000 test images: a loop of one Jacobian a sample "
                "over ours",
                "loop",
                "ours",
                Target("at least", 8),
                "Ours has three norms, the loop that of the logits alone; it sees each twentieth "
                "image, and its time is scaled.",
            )
        ],
        sensitivity_mlp,
        TURNS,
    ),
    Comparison(
        [
            Row(
                "sensitivity-cnn",
                "the same of the MNIST CNN",
                "loop",
                "ours",
                Target("at least", 1.5),
                "The loop sees each fiftieth image, and its time is scaled.",
            )
        ],
        sensitivity_cnn,
        TURNS,
    ),
    Comparison(
        [
            Row(
                "interpolation",
                "101 points between two nets 784-500-50-10, all of train and test: ours over a "
                "loop in memory",
                "ours",
                "loop",
                Target("at most", 1),
            )
        ],
        interpolation,
        TURNS,
    ),
    Comparison(
        [
            Row(
                "batch-1",
                "MNIST MLP 784-500-50-10, batch 1: our step over a hand-written loop's",
                "ours",
                "loop",
                Target("at most", 1.3),
                SAME_EVALUATIONS,
            )
        ],
        batch_of_one,
        TURNS,
    ),
]
