"""When runs have trained too little to show anything."""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.collect import Run


def hardly_trained(runs: Sequence[Run], each: bool = False) -> str:
    """Why no claim about what was learned can be judged; empty where one can.

    Some completed run, or ``each``, must have halved the training loss it began with.
    """
    curves = [run.curve("train/loss")[1] for run in runs if run.completed]
    halved = [bool(len(v)) and bool(np.nanmin(v) < v[0] / 2) for v in curves]
    if not halved or (all(halved) if each else any(halved)):
        return ""
    who = "not every net" if each else "no net"
    return f"{who} got below half its first loss: too few epochs to tell"
