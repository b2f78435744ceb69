"""Plain words for what the runs of a figure are: data, subset, scale, seeds, states; numbers."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import get_args

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.statistics import Estimate
from dl_experiments.artifacts import State
from dl_experiments.data.sources import SIZES

DATA = {
    "sinc": "sinc: sin(5πx)/(5πx)",
    "sign_sinc": "sign_sinc: sgn(sin(5πx)/(5πx))",
    "sign_sin": "sign_sin: sgn(sin(5πx))",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "digits": "digits (8×8)",
}
LOSSES = {
    "cross_entropy": "cross-entropy",
    "mse": "MSE",
    "l1": "L1",
    "huber": "Huber",
}
MINUS = "\N{MINUS SIGN}"


def data_name(name: str) -> str:
    """A data set's written name."""
    return DATA.get(name, name)


def is_classification(run: Run) -> bool:
    """Whether the run tells images apart; also known of a run that has no metrics yet."""
    return run.get("kind") == "image" or any(
        name.endswith("/accuracy") for name in run.rows.metrics
    )


def subset(runs: Sequence[Run]) -> str:
    """How much training data: "all training images", "subset of 10,000 training images"."""
    noun = "images" if any(is_classification(run) for run in runs) else "points"
    sizes = sorted({_samples(run) for run in runs})
    *first, last = [f"{size:,}" for size in sizes if size] or [""]
    listed = f"{', '.join(first)} or {last}" if first else last
    if noun == "points":
        return f"{listed} training points"
    words = [f"subset of {listed} training images"] if listed else []
    return " or ".join((["all training images"] if 0 in sizes else []) + words)


def other_data(runs: Sequence[Run], name: str) -> list[str]:
    """That a claim about a data set is asked of others; none where it is not."""
    others = " or ".join(data_name(data) for data in sorted({run.data for run in runs} - {name}))
    return [f"the claim is about {data_name(name)}; this is {others}"] if others else []


def part_of_data(runs: Sequence[Run], name: str) -> list[str]:
    """That a claim about all images of a data set is asked of fewer; none where it is not."""
    whole = SIZES[name][0]
    part = any((run.get("data.samples") or whole) < whole for run in runs)
    return [f"the claim is about all {whole:,} images; this is a {subset(runs)}"] if part else []


def other_labels(runs: Sequence[Run]) -> list[str]:
    """That a claim about true labels is asked of others; none where it is not."""
    found = " and ".join(labels(runs))
    return [f"the claim is about true labels; here: {found}"] if found else []


def _samples(run: Run) -> int:
    """The training samples a run asks for; 0 for all there are."""
    asked = run.get("data.samples") or 0
    whole = SIZES.get(str(run.get("data.name")))
    return 0 if whole and asked == whole[0] else asked


def labels(runs: Sequence[Run]) -> list[str]:
    """Which labels are not the true ones: "labels replaced with p = 0.5 (uniform)"; none, none."""
    noise = {
        (run.get("label_noise.fraction") or 0, str(run.get("label_noise.kind"))) for run in runs
    }
    words = []
    if kinds := sorted({kind for fraction, kind in noise if fraction}):
        fractions = sorted({float(fraction) for fraction, _ in noise})
        p = " or ".join(f"{fraction:g}" for fraction in fractions)
        words.append(f"labels replaced with p = {p} ({' or '.join(kinds)})")
    drawn = {run.get("label_noise.test_labels") == "random" for run in runs}
    if True in drawn:
        words.append("random or true test labels" if False in drawn else "random test labels")
    return words


def scale(runs: Sequence[Run]) -> str:
    """The scale in words; empty where no experiment gave it a meaning."""
    scales = sorted({str(run.get("scale")) for run in runs if run.get("experiment")})
    return " and ".join(scales) + " scale" if scales else ""


def seeds(runs: Sequence[Run]) -> str:
    """How many seeds completed."""
    n = len({run.seed for run in runs if run.completed})
    return f"{n} completed seed" + ("" if n == 1 else "s")


def states(runs: Sequence[Run]) -> str:
    """As in "27 runs: 25 completed, 1 diverged, 1 failed"."""
    counts = Counter(run.status.state for run in runs)
    parts = [f"{counts[state]} {state}" for state in get_args(State) if counts[state]]
    parts.sort(key=lambda part: not part.endswith("completed"))
    return f"{len(runs)} run{'' if len(runs) == 1 else 's'}" + ": " * bool(runs) + ", ".join(parts)


def usable(runs: Sequence[Run], fits: Callable[[Run], bool], why: str) -> tuple[Grid, list[str]]:
    """The runs that fit, and a sentence on the others that says why they do not; none, none."""
    lost = Grid(runs).only(lambda run: not fits(run))
    return Grid(runs).only(fits), [f"Left out: {states(lost)}, {why}."] if lost else []


def interrupted(runs: Sequence[Run]) -> list[str]:
    """What is to be done about runs that nobody trains any more: a line, or none."""
    count = Counter(run.status.state for run in runs)["interrupted"]
    noun = "1 run was" if count == 1 else f"{count} runs were"
    return [f"{noun} interrupted; the same command goes on from there"] * bool(count)


def about(runs: Sequence[Run], *more: str) -> str:
    """The line under a figure's title; ``more`` without the data's name, which it says anyway."""
    names = sorted({run.data for run in runs})
    what = data_name(names[0]) if len(names) == 1 else ""
    words = (", ".join(w for w in text.split(", ") if w not in names) for text in more)
    parts = [what, subset(runs), *labels(runs), *words, scale(runs), seeds(runs), states(runs)]
    return " · ".join(part for part in parts if part)


def loss_name(runs: Sequence[Run]) -> str:
    """The loss in words."""
    found = sorted({str(run.get("loss")) for run in runs})
    return " / ".join(LOSSES.get(name, f"{name} loss") for name in found)


def number(value: float | None, digits: int = 3) -> str:
    """A number for people: 0.987, 12,345, 3.2×10⁻⁵; an absent one is a dash."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "not finite"
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e6):
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{mantissa}×10{power}"
    elif value == int(value) or size >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.{digits + 1}g}" if size >= 0.9 else f"{value:.{digits}g}"
    return text.replace("-", MINUS, 1) if text.startswith("-") else text


def percent(value: float | None) -> str:
    """A share as a percentage with two decimals, but for all and nothing: "98.50 %", "100 %"."""
    if value is None:
        return "–"
    return f"{100 * value:.{0 if value in (0, 1) else 2}f} %".replace("-", MINUS)


Words = Callable[[float | None], str]


def low_to_high(values: Collection[float], words: Words = number) -> str:
    """As in "0.5 to 0.75"; once where both ends read alike, a dash without any."""
    ends = [words(float(end(values))) for end in (min, max)] if len(values) else ["–"]
    return " to ".join(dict.fromkeys(ends))


def interval(estimate: Estimate | None, words: Words = number) -> str:
    """As in "0.51 [0.42, 0.60]"."""
    if estimate is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return words(estimate.value)
    return f"{words(estimate.value)} [{words(estimate.low)}, {words(estimate.high)}]"


def parameters(runs: Sequence[Run]) -> str:
    """As in "571 or 572"; empty where no run has counted them."""
    counts = sorted({int(c) for run in runs if (c := run.summary.get("model/parameters"))})
    return " or ".join(f"{count:,}" for count in counts)


def sized(runs: Sequence[Run]) -> str:
    """As in " (571 parameters)", to stand behind a name; empty where no run has counted them."""
    count = parameters(runs)
    return f" ({count} parameters)" if count else ""


def run_count(runs: Sequence[Run]) -> str:
    """As in "n = 3", or with what did not complete "n = 3 + 1 diverged".

    n counts seeds: where there are several runs of one, "n = 3 (6 runs)".
    """
    seeds = [run.seed for run in runs if run.completed]
    text = f"n = {len(set(seeds))}" + f" ({len(seeds)} runs)" * (len(set(seeds)) < len(seeds))
    for state in ("diverged", "running", "interrupted", "failed"):
        count = len([run for run in runs if run.status.state == state])
        text += f" + {count} {state}" if count else ""
    return text
