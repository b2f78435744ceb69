"""One-dimensional regression targets on an interval, and the data module that samples them."""

import math
from collections.abc import Callable, Hashable
from typing import Literal, final

import torch
from torch import Tensor

from dl_experiments import randomness
from dl_experiments.data.loader import InMemory, InMemoryDataModule

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sinc": lambda x: torch.sinc(5 * x),  # torch.sinc(x) = sin(πx)/(πx), 1 at 0
    "sign_sinc": lambda x: torch.sign(torch.sinc(5 * x)),
    "sign_sin": lambda x: torch.sign(torch.sin(5 * math.pi * x)),
    "sine": lambda x: torch.sin(5 * math.pi * x),
    "damped": lambda x: torch.exp(-2 * (x + 1)) * torch.sin(5 * math.pi * x),
    "stair": lambda x: torch.floor(4 * x) / 4,
    "square": lambda x: (torch.remainder(2 * x, 1) < 0.5).to(x.dtype),
}
"""Name -> y(x), elementwise in float64:

sinc       sin(5πx)/(5πx), 1 at 0        sign_sinc  sgn(sin(5πx)/(5πx))
sign_sin   sgn(sin(5πx)), 0 at 0         sine       sin(5πx)
damped     exp(−2(x+1))·sin(5πx)         stair      ⌊4x⌋/4
square     1 where 2x mod 1 < ½, else 0
"""


@final
class FunctionData(InMemoryDataModule):
    """A function's values at sampled points, and on a grid of its own for testing.

    Inputs are [n, 1], targets [n, 1], made in float64 and cast to the model's precision.

    Args:
        name: One of ``FUNCTIONS``.
        samples: Number of training points.
        batch_size: Points an update sees, or ``full``.
        run_seed: The run's seed (batch order).
        seed: Draws the points where ``sampling`` is ``uniform``.
        low: Left end of the training interval.
        high: Right end.
        sampling: ``grid`` (equidistant, both ends included) or ``uniform``.
        test_samples: Number of equidistant test points.
        test_low: Left end for testing; None: ``low``. Beyond it, extrapolation is tested.
        test_high: Right end for testing; None: ``high``.

    Raises:
        ValueError: A value is not allowed; the message names its key.
    """

    input_shape = (1,)
    outputs = 1

    def __init__(
        self,
        name: str,
        samples: int,
        batch_size: int | Literal["full"],
        run_seed: int,
        seed: int = 0,
        low: float = -1.0,
        high: float = 1.0,
        sampling: Literal["grid", "uniform"] = "grid",
        test_samples: int = 1001,
        test_low: float | None = None,
        test_high: float | None = None,
    ) -> None:
        if name not in FUNCTIONS:
            raise ValueError(f"data.name={name!r} is not one of {', '.join(FUNCTIONS)}")
        if sampling not in ("grid", "uniform"):
            raise ValueError(f"data.sampling={sampling!r} is not one of grid, uniform")
        self.low, self.high = low, high
        self.test_low = low if test_low is None else test_low
        self.test_high = high if test_high is None else test_high
        for left, right, key in (
            (self.low, self.high, "data.low"),
            (self.test_low, self.test_high, "data.test_low"),
        ):
            if not left < right:
                other = key.replace("low", "high")
                raise ValueError(f"{key}={left} must be below {other}={right}")
        for key, count in (("data.samples", samples), ("data.test_samples", test_samples)):
            if not isinstance(count, int) or count < 2:
                raise ValueError(f"{key}={count} is not a whole number from 2 up")
        super().__init__(batch_size=batch_size, run_seed=run_seed, training_samples=samples)
        self.function, self.samples = FUNCTIONS[name], samples
        self.seed, self.sampling = seed, sampling
        self.test_samples = test_samples

    def shapes(self) -> tuple[Hashable, ...]:
        """The test grids must be of one size too."""
        return *super().shapes(), self.test_samples

    def load(self) -> tuple[InMemory, InMemory]:
        """The training and the test points."""
        if self.sampling == "grid":
            x = torch.linspace(self.low, self.high, self.samples, dtype=torch.float64)
        else:
            points = randomness.generator(self.seed, "points")
            unit = torch.rand(self.samples, dtype=torch.float64, generator=points)
            x = self.low + (self.high - self.low) * unit
        test = torch.linspace(self.test_low, self.test_high, self.test_samples, dtype=torch.float64)
        return self._tabulate(x), self._tabulate(test)

    def _tabulate(self, x: Tensor) -> InMemory:
        return InMemory(x[:, None], self.function(x)[:, None])
