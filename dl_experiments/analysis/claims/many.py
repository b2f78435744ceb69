"""What many claims do to one another's verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import false_discovery_control

from dl_experiments.analysis.claims.claim import ENOUGH_SEEDS
from dl_experiments.analysis.runs.significance import TAIL

SIDES = {"supported": "p", "not supported": "p_outside"}


def corrected(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """The verdicts of a report's claims, where one that does not outlast the others only leans.

    Of many claims some would be decided at the edge by chance. Each side's p are adjusted by
    Benjamini and Hochberg (1995, "Controlling the false discovery rate"), and a verdict stands
    where its own is at most the 2.5 % at which one claim is decided, or what it is by itself (five
    seeds of one value decide at 2⁻⁵). What cannot be decided is not counted: checks, claims that
    are unfit, of fewer than five seeds, that can do no more than lean, or without such a test.

    Args:
        claims: Each with ``kind``, ``verdict``, ``n``, ``p`` and ``p_outside``.
    """
    found = [str(claim["verdict"]) for claim in claims]
    for verdict, name in SIDES.items():
        tested = [
            at for at, claim in enumerate(claims) if claim[name] is not None and _counts(claim)
        ]
        adjusted = false_discovery_control([claims[at][name] for at in tested]) if tested else []
        for at, p in zip(tested, adjusted, strict=True):
            if found[at] == verdict and p > max(TAIL, claims[at][name]):
                found[at] = f"leaning {verdict}"
    return found


def by_chance(claims: Sequence[Mapping[str, Any]]) -> float:
    """How many would be supported if every effect lay at its edge, and about as many refuted."""
    return TAIL * sum(claim["p"] is not None and _counts(claim) for claim in claims)


def _counts(claim: Mapping[str, Any]) -> bool:
    leans = claim["n"] < ENOUGH_SEEDS or claim["verdict"].startswith("leaning")
    return claim["kind"] == "finding" and claim["verdict"] != "unfit" and not leans
