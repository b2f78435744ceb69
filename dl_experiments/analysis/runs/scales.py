"""On which scale the seeds of a quantity lie evenly, so that Student's t holds there.

An interval is taken on the scale and brought back, so it never leaves the quantity's bounds:

* **linear**: what can have any value.
* **size**: what is never below 0 and may be 0, such as a distance. Linear, cut off there.
* **log**: losses, ratios, times. A level is the geometric mean; a difference is in decades.
* **share**: k of N right. A level is the mean share m, its interval that of logit m, whose standard
  error is that of m over m(1 − m) (the delta method), with m taken for (N m + ½)/(N + 1) there and
  back, as no number of samples can tell 0 or 1 from a share very near. A difference is linear, in
  points.
* **correlation**: a level is the mean rank correlation ρ̄, its interval that of Fisher's artanh ρ̄,
  whose standard error is that of ρ̄ over 1 − ρ̄² (the delta method again). Single seeds have no z:
  of few places their ρ are often ±1.
* **often**: whether something holds of a run. A level is a share of seeds, its interval binomial.

Coverage is simulated in ``tests/oracle/test_coverage.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from scipy import special, stats

from dl_experiments.analysis.runs.significance import TAIL, Signs, Student, Through, quantile
from dl_experiments.analysis.runs.statistics import (
    Estimate,
    difference,
    mean,
    one_value,
    proportion,
)

SAMPLES = 10_000  # of which an accuracy is taken to be, where nothing tells
DECADES = 307  # to which a number of 64 bits goes, up and down


class Scale:
    """Linear, and what the others differ from it in.

    Attributes:
        name: Of the scale.
        apart: Unit of a difference; empty for the quantity's own.
    """

    name = "linear"
    apart = ""

    def level(self, values: np.ndarray) -> Estimate:
        """The level of finite values [n], one a seed, with its interval."""
        return replace(self._level(np.asarray(values, dtype=float)), scale=self.name)

    def difference(self, a: Mapping[int, float], b: Mapping[int, float]) -> Estimate:
        """How much more a has than b, each seed -> value; paired where seeds are in both."""
        return replace(self._difference(a, b), scale=self.name)

    def _level(self, values: np.ndarray) -> Estimate:
        return mean(values)

    def _difference(self, a: Mapping[int, float], b: Mapping[int, float]) -> Estimate:
        return difference(a, b)


@final
class Size(Scale):
    """Numbers that are never below 0, and may be 0."""

    name = "size"

    def _level(self, values: np.ndarray) -> Estimate:
        """The mean with its interval, cut off at 0."""
        found = mean(values)
        return found if found.low is None else replace(found, low=max(found.low, 0.0))


@final
class Log(Scale):
    """Positive numbers, a loss that is exactly 0 among them."""

    name = "log"
    apart = "decades"

    def _level(self, values: np.ndarray) -> Estimate:
        """The geometric mean; where a value is 0 the median of all, and the note says so."""
        if not (values > 0).all():
            return _median(values)
        found = mean(np.log10(values))
        if found.low is None:  # exactly their mean, not what rounding makes of its logarithm
            return one_value(float(values[0]), found.n)
        value, low, high = (
            None if log is None else float(10 ** np.clip(log, -DECADES, DECADES))
            for log in (found.value, found.low, found.high)
        )
        assert value is not None
        return Estimate(value, low, high, found.n, test=found.test and Through(found.test, _log10))

    def _difference(self, a: Mapping[int, float], b: Mapping[int, float]) -> Estimate:
        """log10 of the ratio; what is not above 0 has no logarithm, as the note says."""
        sides = [
            {seed: float(np.log10(value)) for seed, value in side.items() if value > 0}
            for side in (a, b)
        ]
        if not all(sides):
            raise ValueError("a side has no positive value")
        found = difference(*sides)
        bare = len(a) + len(b) - sum(map(len, sides))
        zeros = all(value >= 0 for side in (a, b) for value in side.values())
        where = "at exactly 0" if zeros else "not above 0"
        notes = [found.note, f"{bare} {where} left out" if bare else ""]
        return replace(found, note="; ".join(filter(None, notes)))


@final
@dataclass(frozen=True)
class Share(Scale):
    """A share of samples, as a number from 0 to ``top``: 1, or 100 for percent."""

    top: float = 1.0
    samples: int = SAMPLES
    name = "share"
    apart = "percentage points"

    def _level(self, values: np.ndarray) -> Estimate:
        """The mean share with the interval of its logit."""
        found = mean(values)
        if found.low is None:
            return found
        error = np.std(values, ddof=1) / found.n**0.5 / self.top * self.samples / (self.samples + 1)
        centre = (found.value / self.top * self.samples + 0.5) / (self.samples + 1)
        error, place = error / (centre * (1 - centre)), float(special.logit(centre))
        half = quantile(found.n - 1) * error
        ends = special.expit(place + np.array([-half, half]))
        shares = np.clip((ends * (self.samples + 1) - 0.5) / self.samples, 0, 1) * self.top
        low, high = min(shares[0], found.value), max(shares[1], found.value)  # but for rounding
        test = Through(Student.over(place, error, found.n), self._logit)
        ends_here = float(low), float(high)
        return Estimate(found.value, *ends_here, found.n, test=test)

    def _logit(self, edge: float) -> float:
        within = (edge / self.top * self.samples + 0.5) / (self.samples + 1)
        return float(special.logit(np.clip(within, 0, 1)))


@final
class Correlation(Scale):
    """Rank correlations."""

    name = "correlation"

    def _level(self, values: np.ndarray) -> Estimate:
        """The mean with the interval of its z."""
        found = mean(values)
        if found.low is None:
            return found
        error = np.std(values, ddof=1) / found.n**0.5 / (1 - found.value**2)
        place = float(np.arctanh(found.value))
        half = quantile(found.n - 1) * error
        low, high = np.tanh(place + np.array([-half, half]))
        test = Through(Student.over(place, error, found.n), _artanh)
        return Estimate(found.value, float(low), float(high), found.n, test=test)


@final
class Often(Scale):
    """Yes or no, as 1 or 0 a seed."""

    name = "often"

    def _level(self, values: np.ndarray) -> Estimate:
        """The share of seeds that say yes, with its exact binomial interval."""
        return proportion(int(np.sum(values)), len(values))

    def _difference(self, a: Mapping[int, float], b: Mapping[int, float]) -> Estimate:
        """There is none: two shares of the same seeds have no interval of this kind.

        Raises:
            TypeError: Always.
        """
        raise TypeError("a share of seeds is compared with a region, not with another")


def _log10(edge: float) -> float:
    return float(np.log10(edge)) if edge > 0 else -np.inf


def _artanh(edge: float) -> float:
    return float(np.arctanh(np.clip(edge, -1, 1)))


def _median(values: np.ndarray) -> Estimate:
    """The median and the narrowest order statistics that hold it with 95 %, if any do."""
    n, ordered = len(values), np.sort(values)
    zeros = int((values == 0).sum())
    note = f"median, {zeros} of {n} at exactly 0" if zeros else "median, not all are positive"
    outside = int(stats.binom.ppf(TAIL, n, 0.5))  # how many values may lie beyond either end
    value = float(np.median(values))
    if np.ptp(values) == 0:
        return one_value(value, n, note)
    if outside == 0:
        return Estimate(value, None, None, n, note, test=Signs(values))
    low, high = float(ordered[outside - 1]), float(ordered[n - outside])
    return Estimate(value, low, high, n, note, test=Signs(values))


LINEAR, SIZE, LOG = Scale(), Size(), Log()
SHARE, PERCENT = Share(), Share(100.0)
CORRELATION, OFTEN = Correlation(), Often()
