"""The straight line through the weights of two nets that were trained differently.

Expected: nets of different initial weights have a barrier between them, which shrinks when the
hidden units of one are permuted to match the other's (Ainsworth et al. 2022, "Git Re-Basin"); nets
of the same initial weights are nearer; the small-batch net lies in the flatter place (Keskar et al.
2017, "On Large-Batch Training for Deep Learning").
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dl_experiments.analysis.findings import Finding, Passing, Row
from dl_experiments.analysis.phenomena.interpolation import claims
from dl_experiments.analysis.phenomena.interpolation.claims import Drawn
from dl_experiments.analysis.phenomena.interpolation.figures import COLUMNS, lines
from dl_experiments.analysis.phenomena.interpolation.lines import Line, Lines, alphas
from dl_experiments.analysis.phenomena.interpolation.pairs import (
    BATCH,
    Comparison,
    chosen,
    comparisons,
)
from dl_experiments.analysis.runs.collect import REPORT, AnalysisError, Run
from dl_experiments.analysis.runs.describe import interval, percent, states
from dl_experiments.analysis.runs.scales import SHARE
from dl_experiments.analysis.sections import Made, Section, put_together

NAME = "hw1_3_interpolation"


def analyse(
    found: Sequence[Run],
    /,
    low: float = -1.0,
    high: float = 2.0,
    points: int = 31,
    samples: int | None = 20_000,
    runs: Sequence[str] | None = None,
) -> Finding:
    """Lines between the study's nets, or between two that are named.

    Args:
        found: The study's runs; none are needed where two are named.
        low: The first α.
        high: The last α; 0 and 1, the two nets, are always among them.
        points: How many, evenly spaced; a few more lie beside 0 and 1.
        samples: Of the training set, on which nets are evaluated; None: all.
        runs: The folders of two finished runs; None: the study's pairs.

    Raises:
        AnalysisError: The range is empty, or the named runs allow no line.
    """
    if low >= high:
        raise AnalysisError(
            f"options.{NAME}.low={low}, high={high}: the range of alpha is empty; low must be "
            "below high"
        )
    at = alphas(low, high, points)
    pair = None if runs is None else _named(runs)
    home = found[0].path.parents[1] / REPORT / NAME if found else None
    found = found if pair is None else pair.runs
    kept = Lines(home, samples)
    notes: list[str] = []
    if pair is None:
        drawn = _drawn(comparisons(found), kept, at, notes)
        kept.keep_only_used()
    else:
        drawn = [(pair, [_or_refuse(kept, pair, at)], _matched(kept, pair, at, notes))]
    if not drawn:
        notes.append(
            "A line needs two completed runs or more, with their final weights, that differ in "
            "the batch size, the learning rate or the optimizer alone; there are "
            f"{states(found)}. Train more, or name two as options.{NAME}.runs=[folder,folder]."
        )
    rows = [_numbers(*of) for of in drawn]
    section = Section(_drawings(drawn), rows, claims.judge(drawn), notes)
    return put_together(found, [section])


def _named(folders: Sequence[str]) -> Comparison:
    try:
        return chosen([Path(folder).expanduser().resolve() for folder in folders])
    except (ValueError, OSError) as error:
        raise AnalysisError(f"options.{NAME}.runs={folders}: {error}") from error


def _or_refuse(kept: Lines, pair: Comparison, at: np.ndarray) -> Line:
    try:
        return kept.between(*pair.pairs[0], at, matched=False)
    except ValueError as error:
        raise AnalysisError(f"options.{NAME}.runs: {error}") from error


def _drawn(
    compared: Sequence[Comparison], kept: Lines, at: np.ndarray, notes: list[str]
) -> list[Drawn]:
    """The comparisons for which there is a line; a note on each pair that has none."""
    drawn: list[Drawn] = []
    for comparison in compared:
        plain, pairs = [], []
        for first, second in comparison.pairs:
            try:
                plain.append(kept.between(first, second, at, matched=False))
                pairs.append((first, second))
            except ValueError as error:
                said = f"Left out, {comparison.name}, seed {first.seed}: {error}."
                notes.append(Passing(said))
        if plain:
            comparison = replace(comparison, pairs=tuple(pairs))
            matched = [] if comparison.shared else _matched(kept, comparison, at, notes)
            drawn.append((comparison, plain, matched))
    return drawn


def _matched(kept: Lines, comparison: Comparison, at: np.ndarray, notes: list[str]) -> list[Line]:
    """The lines to matched nets, between the ends; none and a note where units are not known."""
    within = at[(at >= 0) & (at <= 1)]
    try:
        return [kept.between(one, other, within, matched=True) for one, other in comparison.pairs]
    except ValueError as error:
        notes.append(Passing(f"{comparison.name}: not matched, {error}."))
        return []


def _drawings(drawn: Sequence[Drawn]) -> dict[str, Made | None]:
    """One figure for the batch size, one for the rest, so many comparisons side by side."""
    made: dict[str, Made | None] = {}
    groups = {
        "batch-size": [of for of in drawn if of[0].what == BATCH],
        "lines": [of for of in drawn if of[0].what != BATCH],
    }
    for name, members in groups.items():
        for start in range(0, len(members), COLUMNS):
            ending = f"-{start // COLUMNS + 1}" if len(members) > COLUMNS else ""
            made[f"{name}{ending}"] = lines(members[start : start + COLUMNS])
    return made


def _numbers(comparison: Comparison, plain: Sequence[Line], matched: Sequence[Line]) -> Row:
    row = {"first and second net": comparison.name, "with": comparison.context or "–"}
    row["pairs"] = str(len(plain))
    row["training loss at α = 0"] = interval(claims.over_seeds(plain, _at("train/loss", 0)))
    row["at α = 1"] = interval(claims.over_seeds(plain, _at("train/loss", 1)))
    row["its barrier"] = interval(claims.over_seeds(plain, claims.loss_barrier))
    row["its barrier, matched"] = interval(claims.over_seeds(matched, claims.loss_barrier))
    if all("test/accuracy" in line for line in plain):
        row["test accuracy at α = 0"] = interval(
            claims.over_seeds(plain, _at("test/accuracy", 0), SHARE), percent
        )
        row["test accuracy at α = 1"] = interval(
            claims.over_seeds(plain, _at("test/accuracy", 1), SHARE), percent
        )
        row["lowest between"] = interval(claims.over_seeds(plain, _lowest, SHARE), percent)
    return Row(row)


def _at(metric: str, end: int) -> Any:
    return lambda line: float(line[metric][line["alphas"] == end][0])


def _lowest(line: Line) -> float:
    within = (line["alphas"] >= 0) & (line["alphas"] <= 1)
    return float(line["test/accuracy"][within].min())
