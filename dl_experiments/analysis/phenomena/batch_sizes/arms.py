"""Runs of several batch sizes in arms: what hw1_3_sensitivity and hw1_3_sharpness share.

A config's ``arm`` says what is equal: epochs, so that every batch size sees the data equally often;
steps, that is updates; or the training loss at which a run stops, at one learning rate or at one
that is scaled with the batch size. Accuracies and losses are those of the last row, because what is
measured at the end belongs to the same weights.

**Unequal loss.** With cross-entropy, curvature and sensitivity follow the training loss down: at
equal epochs and steps on 3,000 images of MNIST the loss alone explains 99 % of the variance of
log λ₁, λ₁ going as its power 0.72. So a comparison of nets is unfit where the geometric mean losses
of two batch sizes in it are more than a factor of `EQUAL` apart, which alone would move λ₁ by 0.07
decades. Runs that end before their loss was where it should be are in no comparison, and where a
comparison has others of their batch size its verdict is never more than leaning, as with diverged
runs that nothing bounds. Where all of a batch size are late the claim says what is compared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from dl_experiments.analysis.claims.claim import Claim, leaning
from dl_experiments.analysis.claims.forms import Group
from dl_experiments.analysis.claims.seeds import ranked
from dl_experiments.analysis.runs import swept
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.describe import low_to_high, number
from dl_experiments.analysis.runs.grid import Grid, flat
from dl_experiments.analysis.runs.quantities import METRICS, Quantity, by_seed, last
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.runs.statistics import slope

EPOCHS, STEPS, LOSS_ARM, RATE = "equal_epochs", "equal_steps", "equal_loss", "scaled_rate"
NAMES = {
    EPOCHS: "equal epochs",
    STEPS: "equal steps",
    LOSS_ARM: "equal loss",
    RATE: "equal loss, scaled rate",
}
GAP = "gap"
SIZE, LR, GOAL, LOOK = "data.batch_size", "optimizer.lr", "trainer.target_loss", "trainer.log_every"
COMPARED = (SIZE, swept.EPOCHS, GOAL, LOOK)
POWERS = {0.5: "√B", 1.0: "B"}
EQUAL = 1.25
LOSS = last("train/loss")
GEOMETRIC = "Losses and what was measured of the nets are geometric means in the table."

Values = Mapping[str, float]
Read = Callable[[Run], Values]
"""A completed run -> what was measured at its end, by name; what it lacks is absent."""


@final
@dataclass(frozen=True)
class Arm:
    """Runs that differ in batch size and seed, all of one config otherwise.

    Attributes:
        key: What the config calls it.
        name: "equal epochs".
        sizes: Batch size -> its runs, ascending.
        numbers: Run directory -> what the study has measured, of those.
        late: Completed runs that never got to the loss at which they were to stop.
    """

    key: str
    name: str
    sizes: Mapping[int, Grid]
    numbers: Mapping[Path, Values]
    late: Sequence[Run] = ()

    @property
    def runs(self) -> list[Run]:
        """All of them."""
        return flat(self.sizes)

    @property
    def groups(self) -> list[Group]:
        """What a claim compares."""
        return [Group(runs, f"batch {size:,}") for size, runs in self.sizes.items()]

    @property
    def ends(self) -> tuple[Group, Group]:
        """The smallest and the largest batch size."""
        return self.groups[0], self.groups[-1]

    @property
    def comparable(self) -> bool:
        """Whether all of its batch sizes ended at one loss, see `unfit`."""
        return not unfit(self.groups)

    @property
    def without(self) -> str:
        """As in "2 runs of batch 10 ended above a training loss of 0.01"; empty where none did."""
        late = Grid(self.late).along(lambda run: (run.batch_size, run.get(GOAL)))
        return "; ".join(
            f"{len(runs)} runs of batch {size:,} ended above a training loss of {number(goal)}"
            for (size, goal), runs in late.items()
        )

    @property
    def given(self) -> str:
        """Its name for a claim; where a batch size has late runs alone, with those that are left.

        As in "equal loss, batch 10 to batch 100, without batch 1,000".
        """
        gone = sorted({run.batch_size for run in self.late} - {*self.sizes})
        if not gone:
            return self.name
        left = " to ".join(dict.fromkeys(group.name for group in self.ends))
        return f"{self.name}, {left}, without {' and '.join(f'batch {size:,}' for size in gone)}"

    def held(self, claim: Claim, runs: Sequence[Run] = ()) -> Claim:
        """A claim, which only leans where runs of its batch sizes are late, however many seeds.

        Those are left out for how they ended, and nobody knows what they would do to it.

        Args:
            claim: Of this arm.
            runs: Whose batch sizes count; those it compares where none are given.
        """
        sizes = {run.batch_size for run in runs or claim.runs}
        late = any(run.batch_size in sizes for run in self.late)
        if not late:
            return claim
        return replace(claim, verdict=leaning(claim.verdict), seeds=None, far=False)

    @property
    def title(self) -> str:
        """As in "equal steps: 2,400 updates", and the learning rate."""
        goals = {run.get(GOAL) for run in self.runs} - {None}
        if goals:
            what = " or ".join(map(number, sorted(goals)))
        elif self.key == EPOCHS:
            what = f"{how_long(self.runs, 'epoch')} epochs"
        else:
            what = f"{how_long(self.runs, 'step')} updates"
        return f"{self.name}: {what}\n{self._rate}".strip()

    @property
    def _rate(self) -> str:
        """As in "learning rate 0.001", or "rate ∝ √B, 0.0003 to 0.004"."""
        found = {size: float(runs[0].get(LR) or 0) for size, runs in self.sizes.items()}
        low, high = min(found.values()), max(found.values())
        if low == high:
            return f"learning rate {low:g}" if low else ""
        power = slope(np.log10([*found]), np.log10([*found.values()]))
        words = POWERS.get(round(power, 2), f"B^{power:.2g}")
        return f"rate ∝ {words}, {low:.2g} to {high:.2g}"

    def quantity(self, name: str) -> Quantity:
        """What was measured or recorded at the end, or the gap of the accuracies there."""
        if name in METRICS:
            return last(name)
        if name == GAP:
            return Quantity(name, _gap)
        return Quantity(name, lambda run: self.numbers.get(run.path, {}).get(name), LOG)

    def at(self, size: int, name: str) -> dict[int, float]:
        """Seed -> number of the completed runs of a batch size."""
        return by_seed(self.sizes[size], self.quantity(name))

    def having(self, name: str) -> list[int]:
        """The batch sizes at which there is such a number."""
        return [size for size in self.sizes if self.at(size, name)]

    def best(self) -> int | None:
        """The batch size with the highest mean test accuracy over the seeds that all have.

        A run that diverged counts as guessing.
        """
        order, seeds = ranked(self.sizes, last("test/accuracy"))
        return order[0] if seeds else None


def configs(runs: Sequence[Run]) -> dict[str, Grid]:
    """Label -> runs that may share a figure; a rate that goes with the batch size makes none.

    A key in which runs of one arm and batch size differ tells configs apart, even where it goes
    along with the epochs.
    """
    scaled = Grid(runs).only(lambda run: run.get("arm") == RATE)
    fixed = Grid(runs).only(lambda run: run.get("arm") != RATE)
    if len({run.get(LR) for run in fixed}) < 2:
        return _apart(runs, (*COMPARED, LR))
    apart = _apart(scaled, (*COMPARED, LR))
    named = {", ".join(filter(None, [NAMES[RATE], label])): some for label, some in apart.items()}
    return _apart(fixed, COMPARED) | named


def _apart(runs: Sequence[Run], free: Sequence[str]) -> dict[str, Grid]:
    """The same of runs whose rate is fixed, or is not; ``free`` are the keys that tell nothing."""
    alike = Grid(runs).along(lambda run: (str(run.get("arm")), run.batch_size))
    found = dict.fromkeys(key for some in alike.values() for key in swept.swept_keys(some))
    keys = [key for key in found if key not in (*free, swept.DATA_SEED)]
    return {
        ", ".join(filter(None, [swept.label(keys, values), more])): members
        for values, some in Grid(runs).cells(keys).items()
        for more, members in swept.arms(some, free).items()
    }


def split(runs: Grid, read: Read) -> list[Arm]:
    """The arms of one config, those of equal epochs first; one for each number of epochs."""
    keys, found = [*NAMES], []
    for key, own in runs.along(lambda run: str(run.get("arm"))).items():
        follows = [swept.EPOCHS] if key == STEPS else []
        for more, some in swept.arms(own, [SIZE, *follows]).items():
            name = f"{NAMES.get(key, key)}{f', {more}' if more else ''}"
            kept = some.only(lambda run: not _is_late(run))
            sizes = kept.along(lambda run: run.batch_size or None)
            values = {run.path: read(run) for run in kept if run.completed}
            found.append(Arm(key, name, sizes, values, some.only(_is_late)))
    return sorted(found, key=lambda arm: keys.index(arm.key) if arm.key in keys else len(keys))


def unfit(groups: Sequence[Group]) -> str:
    """Why nets of several batch sizes cannot be compared; empty where they can."""
    if len({group.name for group in groups}) < 2:
        return "fewer than two batch sizes"
    levels = {group.name: LOSS.level(group.runs) for group in groups}
    losses = {name: level.value for name, level in levels.items() if level}
    if not losses or max(losses.values()) <= EQUAL * min(losses.values()):
        return ""
    ends = (min(losses, key=losses.__getitem__), max(losses, key=losses.__getitem__))
    words = " and ".join(f"{number(losses[name])} at {name}" for name in ends)
    return f"training losses are more than a factor of {EQUAL:g} apart: {words}"


def how_long(runs: Sequence[Run], of: str) -> str:
    """The last ``epoch`` or ``step`` of the completed ones: "2,400", or "2,400 to 2,416"."""
    return low_to_high([run.rows[-1][of] for run in runs if run.completed], "{:,.0f}".format)


def told_late(arms: Sequence[Arm]) -> list[str]:
    """Which runs are in no comparison, since their loss never was where it should be."""
    return [f"Not compared at {arm.name}: {arm.without}." for arm in arms if arm.late]


def told_apart(arms: Sequence[Arm]) -> list[str]:
    """What differs along with the batch size in an arm, but for what goes with it by design."""
    found = []
    for arm in arms:
        free = {STEPS: swept.equal_updates(arm.runs), LOSS_ARM: (LOOK,), RATE: (LOOK, LR)}
        found += swept.confounded(arm.runs, free.get(arm.key, ()))
    return found


def _is_late(run: Run) -> bool:
    return run.completed and run.get(GOAL) is not None and not run.stopped


def _gap(run: Run) -> float | None:
    train, test = (last(f"{split}/accuracy")(run) for split in ("train", "test"))
    return None if train is None or test is None else train - test
