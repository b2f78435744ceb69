"""Loss and accuracy along the lines between nets, evaluated once and kept beside the figures.

They are kept in ``<outputs>/report/<experiment>/line-<key>.npz``. The key is a hash of all that the
numbers depend on: the two runs and when they ended, the points, the samples, whether units were
matched, and the version of this code. Deleting the files only costs time.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
from torch import Tensor

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.kept import keep_only, kept, kept_at
from dl_experiments.analysis.runs.whole_sets import WholeSets, threads
from dl_experiments.artifacts import RunDirectory
from dl_experiments.measures.interpolation import check_same_architecture
from dl_experiments.measures.matching import layers, match, permuted

KIND = "line"
NEAR = (-0.05, -0.02, 0.02, 0.05)  # where a loss near 0 rises by decades
VERSION = 1  # another one for code that gives other numbers
SAME_SETS = ("data.", "model.", "label_noise.", "loss", "kind", "trainer.precision")

Line = dict[str, np.ndarray]
"""``alphas`` [A]; each metric [A]; ``samples`` [] of the training set; ``recorded`` and ``again``
[2, metrics]: what the ends have on record and on the whole sets, the metrics in their order."""


def alphas(low: float, high: float, points: int) -> np.ndarray:
    """Evenly spaced, and always 0 and 1, the ends of the line, with a few more beside them."""
    even = np.linspace(low, high, points)
    for end in (0.0, 1.0):
        even[np.isclose(even, end, rtol=0, atol=1e-9)] = end
    near = np.array([end + step for end in (0.0, 1.0) for step in NEAR])
    return np.union1d(even, [0.0, 1.0, *near[(near >= low) & (near <= high)]])


def final_weights(run: Run) -> dict[str, Tensor]:
    """The weights and buffers of a run's last recorded epoch.

    Raises:
        ValueError: They are not there, or cannot be read.
    """
    epoch = int(run.rows[-1]["epoch"])
    try:
        return RunDirectory(run.path).read_weights(epoch)
    except Exception as error:
        path = RunDirectory(run.path).snapshot(epoch)
        reason = "missing" if not path.exists() else " ".join(str(error).split())
        raise ValueError(f"{run.path.name} has no weights of its last epoch ({reason})") from error


@final
@dataclass
class Lines:
    """Reads lines that are kept, evaluates and keeps the others.

    Attributes:
        folder: Where files are kept; None: nowhere.
        samples: Of the training set; None: all.
        used: The files asked for so far.
    """

    folder: Path | None
    samples: int | None
    used: list[Path] = field(default_factory=list)
    _sets: dict[str, WholeSets] = field(default_factory=dict)

    def between(self, first: Run, second: Run, at: np.ndarray, matched: bool) -> Line:
        """The line from the first net to the second, or to its copy with its units matched.

        Raises:
            ValueError: Weights are missing, of two architectures, or of units that cannot be
                matched; or the data cannot be had.
        """
        attempts = [[str(r.path), r.status.run_id, r.status.finished_at] for r in (first, second)]
        depends = [VERSION, attempts, self.samples, at.tolist(), matched]
        if self.folder is None:
            return self._evaluate(first, second, at, matched)
        path = kept_at(self.folder, KIND, depends)
        self.used.append(path)
        return kept(path, lambda: self._evaluate(first, second, at, matched))

    def keep_only_used(self) -> None:
        """Remove the kept files of other runs or other options."""
        if self.folder is not None:
            keep_only(self.folder, KIND, self.used)

    def _evaluate(self, first: Run, second: Run, at: np.ndarray, matched: bool) -> Line:
        one, other = final_weights(first), final_weights(second)
        check_same_architecture(one, other)
        sets = self._sets_of(first)
        if matched:
            names = layers(sets.net)
            other = permuted(other, names, match(one, other, names))
        found = sets.along(one, other, at.tolist())
        names_of = list(found[0])
        ends = [found[int(np.flatnonzero(at == end)[0])] for end in (0, 1)]
        if not sets.whole:
            ends = [self._whole(first).at(state) for state in (one, other)]
        recorded = [[run.rows[-1][name] for name in names_of] for run in (first, second)]
        return {
            "alphas": at,
            **{name: np.array([point[name] for point in found]) for name in names_of},
            "samples": np.array(sets.samples),
            "recorded": np.array(recorded),
            "again": np.array([[end[name] for name in names_of] for end in ends]),
        }

    def _sets_of(self, run: Run) -> WholeSets:
        return self._load(run, self.samples)

    def _whole(self, run: Run) -> WholeSets:
        return self._load(run, None)

    def _load(self, run: Run, samples: int | None) -> WholeSets:
        """Loaded once for all runs of the same model, data and processor threads."""
        what = {key: of for key, of in run.science.items() if key.startswith(SAME_SETS)}
        what.pop("data.batch_size")
        key = json.dumps([what, samples, threads(run), _label_seed(run)], default=str)
        if key not in self._sets:
            if len(self._sets) > 1:  # a subset and the whole are enough to hold
                self._sets.clear()
            self._sets[key] = WholeSets(run, samples)
        return self._sets[key]


def _label_seed(run: Run) -> int | None:
    """What the labels depend on besides the config: the seed, where some are drawn."""
    drawn = run.get("label_noise.fraction") or run.get("label_noise.test_labels") == "random"
    return run.seed if drawn else None
