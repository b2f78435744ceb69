"""Which keys a study sweeps, and how its runs group by them.

Of the keys that decide a run's numbers, those that differ between the runs of a study were swept.
The seed is the replicate and never one of them, nor is a data seed that goes along with it, one to
one: then a seed draws its samples too.
"""

from collections.abc import Sequence

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import Grid, show, value

EPOCHS = "trainer.max_epochs"
DATA_SEED = "data.seed"
RECORDING = ("callbacks.", "trainer.log_every")  # what is written down, not what is trained
TIED = ("kind", "task", "arm")  # follow from the data, or name what is compared
BROUGHT = {"schedule": (EPOCHS,)}  # what is derived from a key in our own files
CHOSEN = (  # for themselves, though they stand in the group of a name
    "data.batch_size", "data.samples", "model.activation", "model.dropout", "optimizer.lr",
    "optimizer.weight_decay",
)  # fmt: skip
EQUAL = 1.5  # most over fewest updates that still are equal: epochs are whole
NAMES = ("data.name", "loss", "model.name", "optimizer.name", "schedule.name")
LABELS = {
    "label_noise.fraction": "label noise {}",
    "label_noise.kind": "{} label noise",
    "label_noise.test_labels": "{} test labels",
}


def stops_by_rows(run: Run) -> bool:
    """Whether what is logged decides when the run ends."""
    return any(run.get(f"trainer.target_{what}") is not None for what in ("loss", "accuracy"))


def swept_keys(runs: Sequence[Run]) -> list[str]:
    """The swept keys: the names (data, loss, model, optimizer, schedule) first, then the others.

    A key whose value follows from those before it is left out, as ``model.hidden`` follows from
    ``model.name``. Where a follower is of another config group, these runs cannot tell its effect
    from the kept key's, which `confounded` says.
    """
    return _split(runs)[0]


def _is_recording(key: str, runs: Sequence[Run]) -> bool:
    """Whether a key only says what is written down; where rows end a run, how often matters."""
    decides = key == "trainer.log_every" and any(stops_by_rows(run) for run in runs)
    return key.startswith(RECORDING) and not decides


def confounded(runs: Sequence[Run], by_design: Sequence[str] = (), within: str = "") -> list[str]:
    """A sentence on the followers whose effect nobody can tell from a kept key's; none, none.

    What a name brings with it, such as the widths of ``model.name``, goes without saying, and so
    does what the config derives from a kept key. A learning rate or a number of samples that all
    have is chosen, whatever the name beside it.

    Args:
        runs: That are compared.
        by_design: Keys that an experiment lets follow, such as the epochs of equal updates.
        within: A key of which only runs with one value are compared with one another.
    """
    if within:
        parts = Grid(runs).along(within).values()
        return list(dict.fromkeys(line for some in parts for line in confounded(some, by_design)))
    kept, followers = _split(runs)
    told = {key.removesuffix("name") for key in kept if key.endswith(".name")}
    told |= {f"{of}." for of, keys in BROUGHT.items() if {*kept, *by_design} & {*keys}}
    told |= {*TIED, *by_design}
    apart = [
        key
        for key in followers
        if key not in by_design
        and (not key.startswith(tuple(told)) or (key in CHOSEN and _all_have(key, runs)))
    ]
    names = " and ".join(kept)
    return [f"Differing along with {names}, not told apart: {', '.join(apart)}."] if apart else []


def equal_updates(runs: Sequence[Run]) -> tuple[str, ...]:
    """The epochs, where they differ so that all completed runs made equally many updates."""
    steps = [run.rows[-1]["step"] for run in runs if run.completed and not run.stopped]
    return (EPOCHS,) if steps and max(steps) <= EQUAL * min(steps) else ()


def _all_have(key: str, runs: Sequence[Run]) -> bool:
    return all(key in run.science for run in runs)


def _goes_with_the_seed(key: str, runs: Sequence[Run]) -> bool:
    """Whether a data seed is another with each seed, and the same with the same one."""
    pairs = {(run.seed, value(run, key)) for run in runs}
    sides = [set(side) for side in zip(*pairs, strict=True)]
    return key == DATA_SEED and all(len(side) == len(pairs) for side in sides)


def _split(runs: Sequence[Run], first: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """The swept keys, some before all others, and those whose values follow from them."""
    every = dict.fromkeys(key for run in runs for key in run.science)
    differing = [
        key
        for key in every
        if key != "seed"
        and not _is_recording(key, runs)
        and len({value(run, key) for run in runs}) > 1
        and not _goes_with_the_seed(key, runs)
    ]
    places = {key: place for place, key in enumerate(NAMES)}
    differing.sort(key=lambda key: (key not in first, places.get(key, len(NAMES)), key))
    kept: list[str] = []
    followers: list[str] = []
    for key in differing:
        combined = {(tuple(value(run, k) for k in kept), value(run, key)) for run in runs}
        alone = {values for values, _ in combined}
        (followers if len(combined) == len(alone) else kept).append(key)
    return kept, followers


def arms(runs: Sequence[Run], compared: Sequence[str]) -> dict[str, Grid]:
    """Runs that may share a figure: one arm for each value of the swept keys not compared in it.

    A key that follows what is compared makes no arms: within it `confounded` tells of that. Where
    all else is equal, runs whose seeds draw their samples too and runs that all have one data seed
    are an arm each, and a run that is one of either is in both.

    Returns:
        Label ("adam, weight_decay 0.0001") -> runs; the label is empty where there is one arm.
    """
    keys = [key for key in _split(runs, compared)[0] if key not in compared]
    if DATA_SEED not in keys:
        return {label(keys, values): some for values, some in Grid(runs).cells(keys).items()}
    keys.remove(DATA_SEED)
    return {
        ", ".join(filter(None, [label(keys, values), said])): members
        for values, some in Grid(runs).cells(keys).items()
        for said, members in _by_data_seed(some).items()
    }


def _by_data_seed(runs: Sequence[Run]) -> dict[str, Grid]:
    """Runs that differ in their data seed alone, as ``arms`` tells them apart."""
    fixed = Grid(runs).cells([DATA_SEED])
    own = [run for run in runs if run.get(DATA_SEED) == run.seed]
    others = {value(run, DATA_SEED) for run in runs if run.get(DATA_SEED) != run.seed}
    if len(fixed) > 1 and _goes_with_the_seed(DATA_SEED, runs):
        own, others = [*runs], set()
    elif len({run.seed for run in own}) < 2 or len(others) > 1:
        return {label([DATA_SEED], values): members for values, members in fixed.items()}
    found = {"data.seed with the seed": Grid(own)}
    return found | {label([DATA_SEED], [seed]): fixed[(seed,)] for seed in others}


def label(keys: Sequence[str], values: Sequence[str]) -> str:
    """Values in words: a name speaks for itself, other keys are named by their last part."""
    words = []
    for key, text in zip(keys, values, strict=True):
        if key == "data.samples":
            words.append(f"{'all' if text == show(None) else text} samples")
        elif key in NAMES:
            words.append(text)
        elif key in LABELS:
            words.append(LABELS[key].format(text))
        else:
            last = key.split(".")[-1]
            words.append(f"{key if last in ('name', 'seed') else last} {text}")
    return ", ".join(words)
