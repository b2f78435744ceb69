"""When the runs of a basics experiment have trained too little to show anything."""

from collections.abc import Sequence

import numpy as np

from dl_experiments.analysis.collect import Run


def unfit(runs: Sequence[Run]) -> str:
    """Why no claim about what was learned can be judged; empty where one can.

    Some completed run must have halved the training loss it began with.
    """
    curves = [run.curve("train/loss")[1] for run in runs if run.completed]
    if not curves or any(len(v) and np.nanmin(v) < v[0] / 2 for v in curves):
        return ""
    return "no net got below half its first loss: too few epochs to tell"
