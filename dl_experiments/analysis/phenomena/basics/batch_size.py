"""Batch sizes at equal epochs: what a step and an epoch teach, the loss's noise, the time it takes.

Which batch size was best is asked of the runs themselves, so the lead of the best over the next
best leans to its side: the winner of equals always leads.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, Region
from dl_experiments.analysis.claims.forms import Group, difference
from dl_experiments.analysis.claims.seeds import ranked, unbounded
from dl_experiments.analysis.claims.seedwise import seedwise
from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.basics.batch_size_figures import (
    NOISE,
    SIZE,
    TIME,
    Sizes,
    learning,
    noise,
    outcomes,
)
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import usable
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.quantities import (
    METRICS,
    Quantity,
    columns,
    final,
    in_all,
    in_percent,
    worst_of,
)
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.analysis.sections import Section, over, put_together


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves by epoch and by step, noise, final accuracy and time; numbers and claims."""
    return put_together(runs, [over(arms(runs, [SIZE]), _section)])


def _section(arm: str, runs: Grid) -> Section:
    known, notes = usable(runs, lambda run: run.batch_size > 0, "of a full batch of unknown size")
    sizes = known.along(lambda run: run.batch_size)
    if not sizes:
        return Section(notes=notes)
    figures = {"curves": learning, "noise": noise, "accuracy-and-time": outcomes}
    drawings = {name: draw(arm, sizes) for name, draw in figures.items()}
    return Section(drawings, _numbers(sizes), judge(sizes), notes)


def judge(sizes: Sizes) -> list[Claim]:
    """The smallest against the largest batch, and the best against the next best."""
    least, most = min(sizes), max(sizes)
    ends = (sizes[least], sizes[most]) if least < most else ([], [])
    noisy = _noisy([*ends[0], *ends[1]])
    pair = (Group(ends[0], f"batch {least}"), Group(ends[1], f"batch {most}"))
    why = "" if least < most else "there is one batch size"
    first = why or ("" if _recorded_first(sizes) else "epoch 1 was not recorded")
    return [
        difference(
            f"The loss is noisier with batch {least} than with batch {most}",
            _mean_noise(noisy), Region(above=0.0), pair, unfit=why or _noiseless(sizes[most]),
            effect="log10 of the spread of the mini-batch loss, mean over epochs, smallest minus "
            "largest batch",
            note=_fewer(noisy, [*ends[0], *ends[1]]),
        ),
        difference(
            f"The first epoch teaches more with batch {least} than with batch {most}",
            FIRST_EPOCH, Region(below=0.0), pair, unfit=first,
            effect="log10 of training loss after one epoch, smallest minus largest batch",
        ),
        difference(
            f"An epoch takes longer with batch {least} than with batch {most}",
            TIME, Region(above=0.0), pair, unfit=why or _elsewhere([*ends[0], *ends[1]]),
            effect="log10 of seconds an epoch, smallest minus largest batch",
        ),
        _best(sizes),
    ]  # fmt: skip


def _best(sizes: Sizes) -> Claim:
    """The largest mean final test accuracy against the next largest, over the seeds of all.

    A run that diverged counts as at chance: a batch size is not better for losing its worst seeds.
    """
    order, seeds = ranked(sizes, ACCURACY)
    ends = order[:2] if seeds and len(order) > 1 else []
    pair = [
        Group(sizes[size].only(lambda run: run.seed in seeds), f"batch {size}") for size in ends
    ]
    several = sum(bool(ACCURACY.counted(runs)) for runs in sizes.values()) > 1
    unpaired = "no seed was trained with all batch sizes" if several and not seeds else ""
    alone = sum(len(ACCURACY.counted(runs)) - len(seeds) for runs in sizes.values() if seeds)
    winners = Counter(map(_winners, seeds.values()))
    best = ", ".join(f"{sizes} ({count})" for sizes, count in winners.most_common())
    notes = [
        *_lost(sizes),
        f"{alone} runs of seeds that not all batch sizes have left out" if alone else "",
        f"best in each seed: {best}",
        "chosen by the runs that test it, so the lead leans to its side",
    ]
    every = [run for runs in sizes.values() for run in runs]
    made = seedwise(
        f"Batch {ends[0]} was best, ahead of batch {ends[1]}" if ends else "One batch size is best",
        lambda runs: seeds[runs[0].seed][ends[0]] - seeds[runs[0].seed][ends[1]],
        Region(above=0.0),
        pair,
        unit=ACCURACY.apart,
        effect="final test accuracy, the best batch size on average minus the next best",
        note="; ".join(filter(None, notes)),
        unfit=unpaired or unbounded(sizes.values(), ACCURACY),
        lost="",
        learners=every,
    )
    return replace(made, runs=[run for run in every if run.seed in seeds])


def _elsewhere(runs: Sequence[Run]) -> str:
    """Why times are not comparable: they were taken on several machines, or in several ways."""
    facts = [run.provenance for run in runs if run.completed]
    keys = ("processor", "gpu", "device", "threads")
    where = {(*map(of.get, keys), "layout" in of) for of in facts}
    return "not all were timed on one machine and in one way" if len(where) > 1 else ""


def _winners(found: Mapping[int, float]) -> str:
    """Which batch sizes a seed is best with: "batch 4", or "batch 1 and 4" where they are equal."""
    first = [str(size) for size, value in found.items() if value == max(found.values())]
    return f"batch {' and '.join(first)}"


def _lost(sizes: Sizes) -> list[str]:
    return [
        f"{gone} of {len(ACCURACY.counted(runs))} seeds of batch {size} diverged and count as "
        "guessing"
        for size, runs in sizes.items()
        if (gone := len(ACCURACY.lost(runs))) and not unbounded([runs], ACCURACY)
    ]


def _noisy(runs: Sequence[Run]) -> np.ndarray:
    """The epochs at which all of the runs have some noise, but for the first weights they share.

    Noise falls as nets learn, so runs are compared up to where one stopped, or came to a loss
    without spread.
    """
    curves = [run.curve(NOISE) for run in runs if run.completed]
    still = [at[values <= 0] for at, values in curves if (values > 0).any()]
    return np.setdiff1d(in_all(runs, NOISE), np.concatenate([np.zeros(1), *still]))


def _fewer(noisy: np.ndarray, runs: Sequence[Run]) -> str:
    """Over how many epochs noise is compared, where that is not all there are."""
    most = max((np.count_nonzero(run.curve(NOISE)[0]) for run in runs), default=0)
    epochs = f"{len(noisy)} epoch{'' if len(noisy) == 1 else 's'}"
    return f"over the {epochs} at which all have some" if len(noisy) < most else ""


def _mean_noise(noisy: np.ndarray) -> Quantity:
    """The geometric mean over some epochs."""

    def of(run: Run) -> float | None:
        epochs, values = run.curve(NOISE)
        found = values[np.isin(epochs, noisy) & (values > 0)]
        return float(np.exp(np.log(found).mean())) if len(found) else None

    return Quantity("spread of the mini-batch loss", of, LOG)


def _after_one_epoch(run: Run) -> float | None:
    epochs, losses = run.shared("train/loss")
    found = losses[epochs == 1]
    return float(found[0]) if len(found) else None


def _noiseless(runs: Sequence[Run]) -> str:
    """Why nothing is compared with a batch that holds all images; empty where it does not."""
    found = [values for run in runs if len(values := run.curve(NOISE)[1])]
    still = found and not any(values.any() for values in found)
    return "the loss of a batch of all images has no spread" if still else ""


def _recorded_first(sizes: Sizes) -> bool:
    return any(_after_one_epoch(run) is not None for runs in sizes.values() for run in runs)


ACCURACY = in_percent(final("test/accuracy"))
FIRST_EPOCH = Quantity(
    "training loss after one epoch", _after_one_epoch, LOG, worst=worst_of("train/loss")
)


def _numbers(sizes: Sizes) -> list[Row]:
    spread = "spread of the mini-batch loss at the end (geometric mean)"
    quantities = {**columns(map(final, METRICS)), spread: final(NOISE), TIME.title: TIME}
    rows = []
    for number, runs in sizes.items():
        steps = {int(run.rows[-1]["step"]) for run in runs if run.completed}
        said = " or ".join(f"{count:,}" for count in sorted(steps)) or "–"
        rows.append(Row({"batch size": f"{number:,}"}, runs, quantities, {"steps": said}))
    return rows
