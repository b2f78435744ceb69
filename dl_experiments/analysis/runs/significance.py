"""Whether an estimate lies beyond an edge: p, and how many seeds would tell.

Each test is the one whose interval an `Estimate` has.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol, Self, final

import numpy as np
from scipy import stats

LEVEL = 0.95
TAIL = (1 - LEVEL) / 2
NEAR = 200  # seeds; what would take more is not near


class Test(Protocol):
    """Of an estimate against an edge."""

    def p(self, edge: float, side: int) -> float:
        """One-sided: side 1 that the effect is not above the edge, −1 that it is not below."""

    def seeds(self, edge: float) -> float | None:
        """The fewest whose 95 % interval leaves the edge outside, if estimate and spread stay.

        Infinity where `NEAR` would not be enough, None where it is not seeds that are counted.
        """


@final
@dataclass(frozen=True)
class Student:
    """By Student's t.

    Attributes:
        centre: The estimate.
        error: Its standard error.
        freedom: Degrees of freedom.
        spread: The standard deviation of a seed, or of the difference of two that are not paired.
        each: Degrees of freedom that n seeds, or n on each side, have for each of n − 1.
    """

    centre: float
    error: float
    freedom: float
    spread: float
    each: float = 1.0

    @classmethod
    def over(cls, centre: float, error: float, n: int) -> Self:
        """Of n seeds, or of n differences between paired ones."""
        return cls(centre, error, n - 1, error * n**0.5)

    def p(self, edge: float, side: int) -> float:
        """See `Test`."""
        return float(stats.t.sf(side * (self.centre - edge) / self.error, self.freedom))

    def seeds(self, edge: float) -> float:
        """See `Test`; of sides that are not paired both are to have so many."""
        far = abs(self.centre - edge)
        for n in range(2, NEAR + 1):
            if quantile(self.each * (n - 1)) * self.spread / n**0.5 < far:
                return n
        return math.inf


@final
@dataclass(frozen=True)
class Signs:
    """By how many of the values [n] lie on which side of the edge, each with equal chance."""

    values: np.ndarray

    def p(self, edge: float, side: int) -> float:
        """See `Test`."""
        beyond = int((side * (self.values - edge) > 0).sum())
        return float(stats.binom.sf(beyond - 1, len(self.values), 0.5))

    def seeds(self, edge: float) -> float:
        """See `Test`."""
        share = max(np.mean(self.values > edge), np.mean(self.values < edge))
        for n in range(2, NEAR + 1):
            if stats.binom.sf(round(share * n) - 1, n, 0.5) < TAIL:
                return n
        return math.inf


@final
@dataclass(frozen=True)
class Binomial:
    """That a share of seeds lies beyond the edge, exact."""

    count: int
    n: int

    def p(self, edge: float, side: int) -> float:
        """See `Test`."""
        return _beyond(self.count, self.n, edge, side)

    def seeds(self, edge: float) -> float:
        """See `Test`."""
        for n in range(2, NEAR + 1):
            count = round(self.count / self.n * n)
            if min(_beyond(count, n, edge, side) for side in (1, -1)) < TAIL:
                return n
        return math.inf


@final
@dataclass(frozen=True)
class Permuted:
    """That a correlation is beyond the edge, on Fisher's z, by permutations of equal chance.

    Attributes:
        value: The estimate, short of ±1, which have no z.
        between: Halfway from each size |ρ| of a permutation to the next [s − 1].
        shares: Of the permutations, how many have that size or a larger one [s].
    """

    value: float
    between: np.ndarray
    shares: np.ndarray

    def p(self, edge: float, side: int) -> float:
        """See `Test`; half of the share that is as far from 0 as the estimate from the edge."""
        far = side * (self.value - edge) / (1 - self.value * edge)  # tanh of the difference of z
        place = int(np.searchsorted(self.between, abs(far)))
        half = np.append(self.shares, 0.0) / 2
        return float(half[place] if far > 0 else 1 - half[place + 1])

    def seeds(self, edge: float) -> None:
        """See `Test`: it is points."""


@final
@dataclass(frozen=True)
class Through:
    """A test on a scale, of edges that are not on it yet."""

    test: Test
    onto: Callable[[float], float]

    def p(self, edge: float, side: int) -> float:
        """See `Test`."""
        return self.test.p(self.onto(edge), side)

    def seeds(self, edge: float) -> float | None:
        """See `Test`."""
        return self.test.seeds(self.onto(edge))


@cache
def quantile(freedom: float) -> float:
    """Student's t that 2.5 % of draws with so many degrees of freedom exceed."""
    return float(stats.t.ppf(1 - TAIL, freedom))


def _beyond(count: int, n: int, edge: float, side: int) -> float:
    return float(
        stats.binom.sf(count - 1, n, edge) if side > 0 else stats.binom.cdf(count, n, edge)
    )
