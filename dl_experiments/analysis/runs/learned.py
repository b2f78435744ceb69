"""When runs have trained too little, or have been recorded too seldom, to show anything."""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.runs.collect import Run


def hardly_trained(runs: Sequence[Run], each: bool = False) -> str:
    """Why no claim about what was learned can be judged; empty where one can.

    Some completed run, or ``each``, must have halved the training loss it began with. Those that
    recorded none do not count.
    """
    dead = [is_dead(run) for run in runs if run.completed and len(_losses(run))]
    if not dead or not (any(dead) if each else all(dead)):
        return ""
    who = "not every net" if each else "no net"
    return f"{who} got below half its first loss: too few epochs to tell"


def is_dead(run: Run) -> bool:
    """Whether a completed run recorded that it never got below half its first training loss."""
    losses = _losses(run)
    return run.completed and len(losses) > 0 and not losses.min() < losses[0] / 2


def dead(runs: Sequence[Run]) -> str:
    """As in "2 of 8 never halved their loss"; empty where all completed runs did."""
    done = [run for run in runs if run.completed]
    count = sum(map(is_dead, done))
    return f"{count} of {len(done)} never halved their loss" if count else ""


def seldom(runs: Sequence[Run], metric: str, fewest: int) -> str:
    """Why runs cannot tell how a metric went along; empty where they can.

    Args:
        runs: That are compared.
        metric: Of which the way counts.
        fewest: Epochs after the first weights at which a completed run must have it.
    """
    counts = [np.count_nonzero(run.shared(metric)[0]) for run in runs if run.completed]
    if not counts or min(counts) >= fewest:
        return ""
    return f"recorded at only {min(counts)} epochs, and it takes {fewest}"


def _losses(run: Run) -> np.ndarray:
    values = run.curve("train/loss")[1]
    return values[np.isfinite(values)]
