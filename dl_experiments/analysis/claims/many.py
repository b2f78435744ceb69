"""What many claims do to one another's verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import false_discovery_control

from dl_experiments.analysis.runs.statistics import TAIL

SIDES = {"supported": "p", "not supported": "p_outside"}


def corrected(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """The verdicts of a report's claims, where one that does not outlast the others only leans.

    Of many claims some would be decided at the edge by chance. Each side's p are adjusted by
    Benjamini and Hochberg (1995, "Controlling the false discovery rate"), and a verdict stands
    where its own is at most the 2.5 % at which one claim is decided. Claims that are unfit, and
    those without such a test, are not counted.

    Args:
        claims: Each with ``verdict``, ``p`` and ``p_outside``.
    """
    found = [str(claim["verdict"]) for claim in claims]
    for verdict, name in SIDES.items():
        tested = [
            at
            for at, claim in enumerate(claims)
            if claim[name] is not None and claim["verdict"] != "unfit"
        ]
        adjusted = false_discovery_control([claims[at][name] for at in tested]) if tested else []
        for at, p in zip(tested, adjusted, strict=True):
            if found[at] == verdict and p > TAIL:
                found[at] = f"leaning {verdict}"
    return found
