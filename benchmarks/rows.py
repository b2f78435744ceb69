"""The rows of the table. A new one is an entry of ``COMPARISONS``."""

from collections.abc import Mapping

from benchmarks.front_door import FRONT_DOOR
from benchmarks.generalization_rows import GENERALIZATION
from benchmarks.harness import Comparison, Contestant, NotMeasured, Row, Target
from benchmarks.loop import loop
from benchmarks.machine import multiplies_bfloat16
from benchmarks.optimization_rows import OPTIMIZATION
from benchmarks.ours import ours
from benchmarks.report import REPORT
from benchmarks.stack_rows import STACKS
from benchmarks.usual import usual
from benchmarks.words import CNN, ENDS, MLP, SAME_EVALUATIONS, SINC, logged
from dl_experiments.machine import available_cores


def sinc_step(quick: bool) -> Mapping[str, Contestant]:
    short, long = (2, 20) if quick else (200, 2000)
    return {
        "ours": ours([*SINC, logged(long)], short, long),
        "loop": loop(SINC, long - short),
        "fused loop": loop(SINC, long - short, fused=True),
    }


def cnn_step(quick: bool) -> Mapping[str, Contestant]:
    sized, long = [*CNN, f"data.samples={256 if quick else 1280}"], 2 if quick else 6
    epochs = 1 if quick else 3
    return {
        "ours": ours([*sized, *ENDS], 1, long),
        "loop": loop(sized, epochs),
        "fused loop": loop(sized, epochs, fused=True),
        "channels-last loop": loop(sized, epochs, channels_last=True),
    }


def lightning_mlp(quick: bool) -> Mapping[str, Contestant]:
    sized = [*MLP, f"data.samples={256 if quick else 6400}"]
    return {
        "usual": usual(sized, 1, 2 if quick else 5),
        "ours": ours([*sized, *ENDS], 1, 4 if quick else 25),
    }


def lightning_cnn(quick: bool) -> Mapping[str, Contestant]:
    sized, long = [*CNN, f"data.samples={256 if quick else 2560}"], 2 if quick else 4
    return {"usual": usual(sized, 1, long), "ours": ours([*sized, *ENDS], 1, long)}


def bfloat16(quick: bool) -> Mapping[str, Contestant]:
    if not multiplies_bfloat16():
        raise NotMeasured("this processor has no instructions for bfloat16")
    sized, long = [*CNN, f"data.samples={256 if quick else 1280}", *ENDS], 2 if quick else 6
    return {
        "32-true": ours(sized, 1, long),
        "bf16-mixed": ours([*sized, "trainer.precision=bf16-mixed"], 1, long),
    }


def threads(overrides: list[str], epochs: int) -> Mapping[str, Contestant]:
    if available_cores() < 2:
        raise NotMeasured("there is one core")
    return {
        "1 thread": loop(overrides, epochs, threads=1, fused=True),
        "2 threads": loop(overrides, epochs, threads=2, fused=True),
    }


COMPARISONS = [
    Comparison(
        [
            Row(
                "sinc-step",
                "571-parameter net, batch 128: our step over a hand-written loop's",
                "ours",
                "loop",
                Target("at most", 1.3),
                "Ours with its evaluations, files and TensorBoard as in a default run of that "
                "length; the loop does nothing but train.",
            ),
            Row("sinc-step-fused", "the same, Adam(fused=True) in the loop", "ours", "fused loop"),
            Row("sinc-fused", "its loop: Adam over Adam(fused=True)", "loop", "fused loop"),
        ],
        sinc_step,
    ),
    Comparison(
        [
            Row(
                "cnn-step",
                "MNIST CNN, batch 128: our step over a hand-written loop's",
                "ours",
                "loop",
                Target("at most", 1.0),
                SAME_EVALUATIONS,
            ),
            Row("cnn-step-fused", "the same, Adam(fused=True) in the loop", "ours", "fused loop"),
            Row("cnn-fused", "its loop: Adam over Adam(fused=True)", "loop", "fused loop"),
            Row(
                "cnn-channels-last",
                "its loop: default over channels-last layout",
                "loop",
                "channels-last loop",
            ),
        ],
        cnn_step,
    ),
    Comparison(
        [
            Row(
                "lightning-mlp",
                "MNIST MLP 784-500-50-10: a usual Lightning set-up's step over ours",
                "usual",
                "ours",
                Target("at least", 4),
                SAME_EVALUATIONS,
            )
        ],
        lightning_mlp,
    ),
    Comparison(
        [
            Row(
                "lightning-cnn",
                "MNIST CNN: a usual Lightning set-up's step over ours",
                "usual",
                "ours",
                Target("at least", 1.7),
                SAME_EVALUATIONS,
            )
        ],
        lightning_cnn,
    ),
    Comparison(
        [
            Row(
                "cnn-bf16",
                "MNIST CNN, our step: 32-true over bf16-mixed",
                "32-true",
                "bf16-mixed",
                note=SAME_EVALUATIONS,
            )
        ],
        bfloat16,
    ),
    Comparison(
        [Row("sinc-threads", "571-parameter net, loop: 1 over 2 threads", "1 thread", "2 threads")],
        lambda quick: threads(SINC, 10 if quick else 500),
    ),
    Comparison(
        [Row("mlp-threads", "MNIST MLP, loop: 1 over 2 threads", "1 thread", "2 threads")],
        lambda quick: threads([*MLP, "data.samples=6400"], 1 if quick else 10),
    ),
    *FRONT_DOOR,
    *REPORT,
    *STACKS,
    *OPTIMIZATION,
    *GENERALIZATION,
]
