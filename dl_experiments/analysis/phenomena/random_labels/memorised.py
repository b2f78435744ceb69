"""What hw1_3_random_labels asks of a run: was the training set learned by heart, and when?

A run ends at the first logged epoch whose training accuracy reaches ``trainer.target_accuracy``, so
its last row is its result: the median over the last epochs, which is taken elsewhere, would be of
the way there.
"""

from collections.abc import Sequence

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import Grid, value
from dl_experiments.analysis.runs.quantities import Quantity
from dl_experiments.analysis.runs.scales import LOG, OFTEN
from dl_experiments.analysis.runs.statistics import epochs_to_reach
from dl_experiments.analysis.runs.swept import DATA_SEED, RECORDING, arms

FRACTION = "label_noise.fraction"
HIDDEN = "model.hidden"
FREE = (HIDDEN, "trainer.max_epochs", "schedule.T_max")  # in the capacity arm
BY_HEART = 0.99  # the training accuracy that the claims call memorised


def target(run: Run) -> float:
    """The training accuracy at which the run ends."""
    wanted = run.get("trainer.target_accuracy")
    return BY_HEART if wanted is None else float(wanted)


def goal(runs: Sequence[Run]) -> str:
    """The highest target of some runs, as in "99 %"."""
    return f"{100 * max(map(target, runs)):g} %"


def epochs_to_memorise(run: Run) -> float | None:
    """The first logged epoch whose training accuracy reaches the target; None where none does."""
    epochs, accuracies = run.shared("train/accuracy")
    return epochs_to_reach(epochs, -accuracies, -target(run))


MEMORISED = Quantity("epochs to memorise", epochs_to_memorise, LOG)
DONE = Quantity("memorised", lambda run: float(epochs_to_memorise(run) is not None), OFTEN)


def at_least(run: Run) -> float | None:
    """Epochs to memorise; of a run that did not, the last one, which is a lower bound."""
    reached = epochs_to_memorise(run)
    epochs = reached if reached is not None or not run.rows else float(run.rows[-1]["epoch"])
    return None if epochs is None else max(epochs, 1.0)


EPOCHS = Quantity("epochs to memorise, or all there were", at_least, LOG)


def fraction(run: Run) -> float:
    """p, the share of training labels that are drawn."""
    return float(run.get(FRACTION) or 0)


def labels(run: Run) -> int | None:
    """How many training labels there are to learn; None where the data set is not known."""
    return run.training_samples


def per_label(run: Run) -> float | None:
    """Parameters for each training label."""
    count, parameters = labels(run), run.summary.get("model/parameters")
    return parameters / count if count and parameters else None


def by_fraction(runs: Sequence[Run]) -> dict[float, Grid]:
    """Runs by p, which rises; each by seed."""
    return Grid(runs).along(fraction)


def is_small(run: Run) -> bool:
    """Whether the run belongs to the capacity arm."""
    return run.get("arm") == "capacity"


def nets(runs: Sequence[Run]) -> dict[str, Grid]:
    """What tells them apart -> runs that differ in p and seed only; the capacity arm is left out.

    Of one net and one data set alone the words are empty.
    """
    return arms([run for run in runs if not is_small(run)], [FRACTION])


Widths = dict[tuple[float, str], Grid]
"""Parameters for each label and layers -> runs, in order of both."""


def capacity(runs: Sequence[Run]) -> dict[str, Grid]:
    """What tells them apart -> runs with p = 1 that differ in width and seed only.

    Those of the capacity arm, and of the nets that were trained as they were but for their width
    and how long, where that follows from it.
    """
    like = [_but_width(run) for run in runs if is_small(run)]
    alike = [run for run in runs if fraction(run) == 1 and _but_width(run) in like]
    there = arms(alike, [HIDDEN])
    return {name: members for name, members in there.items() if any(map(is_small, members))}


def by_width(runs: Grid) -> Widths:
    """Runs by parameters for each label and layers."""
    return runs.along(_width)


def _width(run: Run) -> tuple[float, str] | None:
    ratio = per_label(run)
    return (ratio, value(run, HIDDEN)) if ratio else None


def _but_width(run: Run) -> dict[str, object]:
    """What was trained, but for the width, how long, which images, and what was written down.

    Where seeds draw the images those of a seed of the arm would be like nets of that seed alone.
    """
    return {
        key: of
        for key, of in run.science.items()
        if key not in ("seed", DATA_SEED, FRACTION, *FREE) and not key.startswith(RECORDING)
    }
