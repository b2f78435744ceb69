"""Batch sizes at equal epochs: what a step and an epoch teach, the loss's noise, the time it takes.

Which batch size was best is asked of the runs themselves, so the lead of the best over the next
best leans to its side: the winner of equals always leads.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from dl_experiments.analysis import curves
from dl_experiments.analysis.claims import Claim, Region, claim
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.forms import Group, difference
from dl_experiments.analysis.learned import hardly_trained
from dl_experiments.analysis.phenomena._basics_batches import (
    NOISE,
    SIZE,
    TIME,
    Sizes,
    learning,
    noise,
    outcomes,
)
from dl_experiments.analysis.quantities import (
    METRICS,
    Quantity,
    final,
    in_percent,
    worst_of,
)
from dl_experiments.analysis.scales import LOG
from dl_experiments.analysis.sections import Section, put_together
from dl_experiments.analysis.swept import arms

STUDY = "basics_batch_size"
TITLE = "Batch size"


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves by epoch and by step, noise, final accuracy and time; numbers and claims."""
    return put_together(STUDY, TITLE, runs, arms(runs, [SIZE]), _section)


def _section(arm: str, runs: list[Run]) -> Section:
    sizes: Sizes = {}
    for run in sorted(runs, key=lambda run: (run.batch_size, run.seed)):
        sizes.setdefault(run.batch_size, []).append(run)
    figures = {"curves": learning, "noise": noise, "accuracy-and-time": outcomes}
    drawings = {name: draw(arm, sizes) for name, draw in figures.items()}
    return Section(drawings, _numbers(sizes), judge(sizes))


def judge(sizes: Sizes) -> list[Claim]:
    """The smallest against the largest batch, and the best against the next best."""
    least, most = min(sizes), max(sizes)
    ends = (sizes[least], sizes[most]) if least < most else ([], [])
    pair = (Group(ends[0], f"batch {least}"), Group(ends[1], f"batch {most}"))
    why = (
        hardly_trained([*sizes[least], *sizes[most]]) if least < most else "there is one batch size"
    )
    first = why or ("" if _recorded_first(sizes) else "epoch 1 was not recorded")
    return [
        difference(
            f"The loss is noisier with batch {least} than with batch {most}",
            MEAN_NOISE, Region(above=0.0), pair, unfit=why or _noiseless(sizes[most]),
            effect="log10 of the spread of the mini-batch loss, mean over epochs, smallest minus "
            "largest batch",
        ),
        difference(
            f"The first epoch teaches more with batch {least} than with batch {most}",
            FIRST_EPOCH, Region(below=0.0), pair, unfit=first,
            effect="log10 of training loss after one epoch, smallest minus largest batch",
        ),
        difference(
            f"An epoch takes longer with batch {least} than with batch {most}",
            TIME, Region(above=0.0), pair, unfit=why,
            effect="log10 of seconds an epoch, smallest minus largest batch",
        ),
        _best(sizes),
    ]  # fmt: skip


def _best(sizes: Sizes) -> Claim:
    """The largest mean final test accuracy against the next largest, over the seeds of all.

    A run that diverged counts as at chance: a batch size is not better for losing its worst seeds.
    """
    counted = {size: ACCURACY.counted(runs) for size, runs in sizes.items()}
    counted = {size: found for size, found in counted.items() if found}
    shared = set.intersection(*map(set, counted.values())) if counted else set()
    effect = "final test accuracy, the best batch size on average minus the next best"
    if len(counted) < 2 or not shared:
        why = "no seed was trained with all batch sizes" if len(counted) > 1 else ""
        return claim("One batch size is best", effect, Region(above=0.0), None, unfit=why)
    ends = {size: {seed: found[seed] for seed in shared} for size, found in counted.items()}
    ranked = sorted(ends, key=lambda size: float(np.mean(list(ends[size].values()))), reverse=True)
    first, second = ranked[:2]
    lost = [
        f"{gone} of {len(counted[size])} seeds of batch {size} diverged and count as guessing"
        for size, runs in sizes.items()
        if (gone := len(ACCURACY.lost(runs)))
    ]
    alone = sum(len(found) - len(shared) for found in counted.values())
    unpaired = [f"{alone} runs of seeds that not all batch sizes have left out"] if alone else []
    notes = [*lost, *unpaired, _winners(ends)]
    notes.append("chosen by the runs that test it, so the lead leans to its side")
    return claim(
        f"Batch {first} was best, ahead of batch {second}",
        effect,
        Region(above=0.0),
        ACCURACY.between(ends[first], ends[second]),
        ACCURACY.scale.apart,
        unfit=hardly_trained([run for runs in sizes.values() for run in runs]),
        note="; ".join(notes),
    )


def _winners(ends: Mapping[int, Mapping[int, float]]) -> str:
    """As in "best in each seed: batch 4 (2), batch 1 (1)"."""
    seeds = next(iter(ends.values()))
    counts = Counter(max(ends, key=lambda size: ends[size][seed]) for seed in seeds)
    words = ", ".join(f"batch {size} ({count})" for size, count in counts.most_common())
    return f"best in each seed: {words}"


def _mean_noise(run: Run) -> float | None:
    """The geometric mean over the epochs after the first weights, which all batch sizes share."""
    epochs, values = run.shared(NOISE)
    found = values[(epochs > 0) & (values > 0)]
    return float(np.exp(np.log(found).mean())) if len(found) else None


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
MEAN_NOISE = Quantity("spread of the mini-batch loss", _mean_noise, LOG)
FIRST_EPOCH = Quantity(
    "training loss after one epoch", _after_one_epoch, LOG, worst=worst_of("train/loss")
)


def _numbers(sizes: Sizes) -> list[dict[str, str]]:
    rows = []
    for number, runs in sizes.items():
        row = {"batch size": f"{number:,}", "seeds": curves.members(runs)}
        steps = {int(run.rows[-1]["step"]) for run in runs if run.completed}
        row["steps"] = " or ".join(f"{count:,}" for count in sorted(steps)) or "–"
        for metric in METRICS:
            row[final(metric).title] = final(metric).words(runs)
        row["spread of the mini-batch loss at the end (geometric mean)"] = final(NOISE).words(runs)
        row[TIME.title] = TIME.words(runs)
        rows.append(row)
    return rows
