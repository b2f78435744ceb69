"""The rows about sweeps: many trainings of one shape, in stacks and side by side."""

from collections.abc import Mapping
from functools import partial

import torch

from benchmarks.command import UNTRIED, claims_cost, command, whole
from benchmarks.harness import Comparison, Contestant, NotMeasured, Row, Target, count
from benchmarks.loop import loop
from benchmarks.planning import planning
from benchmarks.stack import stack
from benchmarks.usual import usual
from benchmarks.words import CNN, ENDS, MLP, SAME_EVALUATIONS, SINC, logged

TURNS = 3
BATCH10 = ["data=mnist", "model=mlp", "model.hidden=[50]", "data.batch_size=10"]
ONE_BY_ONE = ["sweep.stack=never", "sweep.workers=1"]
# Members of a stack -> epochs that are timed, a few seconds.
CURVE = {1: 300, 2: 300, 8: 300, 32: 200, 128: 80, 512: 20}
OWN_NET = ["~model.hidden", "~model.activation", "~model.dropout"]
OWN_NET += ["model._target_=benchmarks.users_net.Residual", "model.name=residual"]
PLANNED = [
    ("sinc", "sinc", SINC, 64),
    ("mnist", "MNIST", CNN, 3),
    ("cifar10", "CIFAR-10", ["data=cifar10", "model=deep"], 3),
]
GPU = {64: 500, 1024: 300}


def sweep(quick: bool) -> Mapping[str, Contestant]:
    seeds, short, long = (8, 2, 1000) if quick else (64, 200, 1000)
    # What a default run of 1,000 epochs logs.
    words = [*SINC, logged(1000)]
    return {
        "ours": command(words, seeds, short, long, compiles=True),
        "loop": loop(SINC, 10 if quick else 500),
        "basic": command([*words, "hydra/launcher=basic"], 2, 20, 120 if quick else 520),
        "usual": usual(SINC, 1, 5 if quick else 60),
    }


def curve(quick: bool) -> Mapping[str, Contestant]:
    made = {"loop": loop(SINC, 10 if quick else 300)}
    for members, epochs in CURVE.items():
        timed = 5 if quick else epochs
        made[count(members, "member")] = stack([*SINC, logged(1000)], members, 10, 10 + timed)
    return made


def gpu(quick: bool) -> Mapping[str, Contestant]:
    if not torch.cuda.is_available():
        raise NotMeasured("there is no CUDA GPU")
    words = [*SINC, "trainer.accelerator=gpu"]
    made = {"loop": loop(words, 10 if quick else 200)}
    for members, epochs in GPU.items():
        timed = 5 if quick else epochs
        made[count(members, "member")] = stack([*words, logged(1000)], members, 10, 10 + timed)
    return made


def tried(quick: bool) -> Mapping[str, Contestant]:
    words = ["data=sinc", *OWN_NET, "logger=none"]
    seeds, epochs = (4, 2) if quick else (64, 400)
    return {
        "tried": whole(words, seeds, epochs),
        "untried": whole(words, seeds, epochs, UNTRIED),
    }


def claimed(quick: bool) -> Mapping[str, Contestant]:
    words, seeds = ["data=sinc", "logger=none"], 5 if quick else 500
    return claims_cost(words, seeds, 20)


def planned(overrides: list[str], seeds: int, quick: bool) -> Mapping[str, Contestant]:
    return {
        "data looked at": planning(overrides, seeds, look=True),
        "configs alone": planning(overrides, seeds, look=False),
    }


def eight(overrides: list[str], long: int) -> Mapping[str, Contestant]:
    words = [*overrides, *ENDS]
    return {
        "ours": command(words, 8, 1, long),
        "one by one": command([*words, *ONE_BY_ONE], 8, 1, long),
    }


def _eight_row(name: str, title: str, target: Target | None = None) -> Row:
    note = f"Ours as the launcher chooses by itself. {SAME_EVALUATIONS}"
    return Row(name, f"eight {title}: ours over one by one", "ours", "one by one", target, note)


STACKS = [
    Comparison(
        [
            Row(
                "stack-loop",
                "64 seeds of the 571-parameter net, time a model and step: a hand-written loop, "
                "one model after the other, over our command's",
                "loop",
                "ours",
                Target("at least", 30),
                "Commands log every fifth epoch, as a run of 1,000 does by default, with all "
                "files and TensorBoard; the loop does nothing but train.",
            ),
            Row(
                "stack-basic",
                "the same with Hydra's basic launcher, which trains one run after the other, "
                "over ours",
                "basic",
                "ours",
                Target("at least", 30),
            ),
            Row(
                "stack-usual",
                "the same for a usual Lightning set-up over ours",
                "usual",
                "ours",
                Target("at least", 80),
            ),
        ],
        sweep,
        TURNS,
    ),
    Comparison(
        [
            Row(
                f"stack-{members}",
                f"571-parameter net, time a model and step on one core: a loop's over that of a "
                f"stack of {members}",
                "loop",
                count(members, "member"),
            )
            for members in CURVE
        ],
        curve,
        TURNS,
    ),
    Comparison(
        [
            Row(
                f"stack-gpu-{members}",
                f"571-parameter net on a GPU, time a model and step: a loop's over that of a "
                f"sweep of {members}",
                "loop",
                count(members, "member"),
            )
            for members in GPU
        ],
        gpu,
        TURNS,
    ),
    Comparison(
        [_eight_row("stack-mlp", "MNIST MLPs 784-500-50-10, batch 1000", Target("at most", 1))],
        lambda quick: eight(
            [*MLP, "batch_size=large", f"data.samples={1000 if quick else 10000}"],
            5 if quick else 4,
        ),
        TURNS,
    ),
    Comparison(
        [_eight_row("stack-cnn", "MNIST CNNs, batch 128", Target("at most", 1))],
        lambda quick: eight([*CNN, f"data.samples={256 if quick else 1280}"], 2 if quick else 6),
        TURNS,
    ),
    Comparison(
        [
            Row(
                "stack-tried",
                "64 seeds of a user's own net, 400 epochs, the whole command: with the trial that "
                "a stack computes it as it is alone, over without",
                "tried",
                "untried",
                Target("at most", 1.03),
            )
        ],
        tried,
        TURNS,
    ),
    Comparison(
        [
            Row(
                "claims",
                "500 runs of 20 epochs on sinc, processor time of the whole command: with a claim "
                "on each run, over the same less what was spent on claims",
                "claimed",
                "unclaimed",
                Target("at most", 1.02),
                "Both from one command, which times its own claims: two differ by more than that.",
            )
        ],
        claimed,
        TURNS,
    ),
    *(
        Comparison(
            [
                Row(
                    f"plan-{name}",
                    f"planning {seeds} runs of {title}, the data in memory: configs and data "
                    "looked at over configs alone",
                    "data looked at",
                    "configs alone",
                )
            ],
            partial(planned, words, seeds),
        )
        for name, title, words, seeds in PLANNED
    ),
    Comparison(
        [_eight_row("stack-batch10", "MNIST MLPs 784-50-10, batch 10")],
        lambda quick: eight([*BATCH10, "data.samples=1000"], 5 if quick else 12),
        TURNS,
    ),
]
