"""Batch sizes at equal epochs: what a step and an epoch teach, the loss's noise, the time it takes.

Which batch size was best is asked of the runs themselves, so the lead of the best over the next
best leans to its side: the winner of equals always leads.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from dl_experiments.analysis import curves
from dl_experiments.analysis.claims import Claim, Region, claim, in_arm
from dl_experiments.analysis.collect import Run
from dl_experiments.analysis.describe import interval, percent
from dl_experiments.analysis.findings import Drawing, Finding
from dl_experiments.analysis.outcomes import Outcome, by_seed, estimate, final, geometric
from dl_experiments.analysis.phenomena._basics import unfit
from dl_experiments.analysis.phenomena._basics_batches import (
    NOISE,
    SIZE,
    Sizes,
    learning,
    noise,
    outcomes,
    seconds_an_epoch,
)
from dl_experiments.analysis.statistics import difference
from dl_experiments.analysis.swept import arms, confounded

STUDY = "basics_batch_size"
TITLE = "Batch size"


def analyse(runs: Sequence[Run]) -> Finding:
    """Curves by epoch and by step, noise, final accuracy and time; numbers and claims."""
    drawings, rows, judged, notes = [], [], [], []
    for count, (arm, members) in enumerate(arms(runs, [SIZE]).items(), start=1):
        sizes: Sizes = {}
        for run in sorted(members, key=lambda run: (run.batch_size, run.seed)):
            sizes.setdefault(run.batch_size, []).append(run)
        ending = f"-{count}" if arm else ""
        figures = {"curves": learning, "noise": noise, "accuracy-and-time": outcomes}
        drawings += [
            Drawing(f"{name}{ending}", *made)
            for name, draw in figures.items()
            if (made := draw(arm, sizes))
        ]
        rows += _numbers(arm, sizes)
        notes += confounded(members)
        judged += [in_arm(one, arm) for one in judge(sizes)]
    notes = list(dict.fromkeys(notes))
    return Finding(STUDY, TITLE, STUDY, runs, drawings, pd.DataFrame(rows), judged, notes)


def judge(sizes: Sizes) -> list[Claim]:
    """The smallest against the largest batch, and the best against the next best."""
    least, most = min(sizes), max(sizes)
    pair = (sizes[least], sizes[most]) if least < most else ([], [])
    return [
        _compared(
            f"The loss is noisier with batch {least} than with batch {most}",
            "log10 of the spread of the mini-batch loss, mean over epochs",
            Region(above=0.0), pair, _log10_noise, "decades",
        ),
        _compared(
            f"The first epoch teaches more with batch {least} than with batch {most}",
            "log10 of training loss after one epoch",
            Region(below=0.0), pair, _log10(_after_one_epoch), "decades",
        ),
        _compared(
            f"An epoch takes longer with batch {least} than with batch {most}",
            "log10 of seconds an epoch",
            Region(above=0.0), pair, _log10(seconds_an_epoch), "decades",
        ),
        _best(sizes),
    ]  # fmt: skip


def _compared(
    statement: str,
    effect: str,
    region: Region,
    pair: tuple[Sequence[Run], Sequence[Run]],
    outcome: Outcome,
    unit: str,
) -> Claim:
    small, large = (by_seed(side, outcome) for side in pair)
    found = difference(small, large) if small and large else None
    words = f"{effect}, smallest minus largest batch"
    return claim(statement, words, region, found, unit, unfit=unfit([*pair[0], *pair[1]]))


def _best(sizes: Sizes) -> Claim:
    """The largest mean final test accuracy against the next largest."""
    ends = {size: by_seed(runs, final("test/accuracy")) for size, runs in sizes.items()}
    ends = {size: found for size, found in ends.items() if found}
    ranked = sorted(ends, key=lambda size: float(np.mean(list(ends[size].values()))), reverse=True)
    effect = "final test accuracy, the best batch size on average minus the next best"
    if len(ranked) < 2:
        return claim("One batch size is best", effect, Region(above=0.0), None)
    first, second = ranked[:2]
    sides = [{seed: 100 * value for seed, value in ends[size].items()} for size in (first, second)]
    return claim(
        f"Batch {first} was best, ahead of batch {second}",
        effect,
        Region(above=0.0),
        difference(*sides),
        "percentage points",
        unfit=unfit([run for runs in sizes.values() for run in runs]),
        note=f"{_winners(ends)}; chosen by the runs that test it, so the lead leans to its side",
    )


def _winners(ends: Mapping[int, Mapping[int, float]]) -> str:
    """As in "best in each seed: batch 4 (2), batch 1 (1)", over the seeds that all sizes have."""
    shared = set.intersection(*(set(found) for found in ends.values()))
    counts = Counter(max(ends, key=lambda size: ends[size][seed]) for seed in shared)
    words = ", ".join(f"batch {size} ({count})" for size, count in counts.most_common())
    return f"best in each seed: {words or 'none in common'}"


def _log10_noise(run: Run) -> float | None:
    """Over the epochs after the first weights, which all batch sizes share."""
    epochs, values = run.curve(NOISE)
    found = values[(epochs > 0) & (values > 0)]
    return float(np.log10(found).mean()) if len(found) else None


def _after_one_epoch(run: Run) -> float | None:
    epochs, losses = run.curve("train/loss")
    found = losses[epochs == 1]
    return float(found[0]) if len(found) and np.isfinite(found[0]) else None


def _log10(outcome: Outcome) -> Outcome:
    def logarithm(run: Run) -> float | None:
        value = outcome(run)
        return None if value is None or value <= 0 else float(np.log10(value))

    return logarithm


def _numbers(arm: str, sizes: Sizes) -> list[dict[str, str]]:
    rows = []
    for number, runs in sizes.items():
        row = {"arm": arm} if arm else {}
        row |= {"batch size": f"{number:,}", "seeds": curves.members(runs)}
        steps = {int(run.rows[-1]["step"]) for run in runs if run.completed}
        row["steps"] = " or ".join(f"{count:,}" for count in sorted(steps)) or "–"
        for metric in ("train/loss", "test/loss"):
            row[f"final {metric} (geometric mean)"] = interval(geometric(runs, metric))
        for metric in ("train/accuracy", "test/accuracy"):
            row[f"final {metric}"] = interval(estimate(runs, final(metric)), percent)
        row["spread of the mini-batch loss at the end"] = interval(estimate(runs, final(NOISE)))
        row["seconds an epoch"] = interval(estimate(runs, seconds_an_epoch))
        rows.append(row)
    return rows
