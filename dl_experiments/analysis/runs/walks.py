"""The weights of runs on their way: snapshots that are read when needed, checked beforehand."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from safetensors import SafetensorError, safe_open
from torch import Tensor

from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.places import placed
from dl_experiments.artifacts import RunDirectory
from dl_experiments.measures.flat import Layout


@final
class Weights(Mapping[str, Tensor]):
    """One snapshot; a tensor is read from the file when it is looked up.

    Attributes:
        shapes: Tensor name -> shape.

    Raises:
        ValueError: The file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with safe_open(path, "pt") as file:
                names = file.keys()
                self.shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path.name} cannot be read ({error})") from error

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.shapes:
            raise KeyError(name)
        with safe_open(self.path, "pt") as file:
            tensor: Tensor = file.get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


@final
@dataclass(frozen=True)
class Walk:
    """A run and its snapshots, the initial weights first, the final ones last."""

    run: Run
    epochs: list[int]
    snapshots: list[Weights]


def layout(run: Run) -> Layout:
    """The parameters of a run's model; buffers are not among them.

    Raises:
        ValueError: The model cannot be built here.
    """
    from dl_experiments import problem  # brings Lightning, a second that most analyses can save

    module = problem.data(placed(run.config))  # not loaded
    return Layout.of(problem.model(run.config, module))


def walks(runs: Sequence[Run], parameters: Layout) -> tuple[list[Walk], list[str]]:
    """The completed runs whose snapshots are all there and of this model; who is left out, and why.

    A snapshot is missing where it is the initial or the final one, or one of an epoch that more
    than half of the runs kept.
    """
    done = [run for run in runs if run.completed]
    files = [RunDirectory(run.path).snapshots() for run in done]
    kept = Counter(epoch for found in files for epoch in found)
    usual = {epoch for epoch, count in kept.items() if 2 * count > len(done)}
    good, left_out = [], []
    for run, found in zip(done, files, strict=True):
        try:
            good.append(_walk(run, found, usual, parameters))
        except ValueError as error:
            left_out.append(f"{run.path.name}: left out, {error}.")
    return good, left_out


def _walk(run: Run, files: Mapping[int, Path], usual: set[int], parameters: Layout) -> Walk:
    last = int(run.rows[-1]["epoch"])
    needed = {epoch for epoch in usual if epoch <= last} | {0, last}
    if missing := sorted(needed - files.keys()):
        epochs = ", ".join(map(str, missing))
        raise ValueError(f"snapshots missing: epoch{'s' if len(missing) > 1 else ''} {epochs}")
    snapshots = [Weights(path) for path in files.values()]
    for snapshot in snapshots:
        for name, shape in parameters.shapes.items():
            if snapshot.shapes.get(name) != shape:
                has = f"shape {list(snapshot.shapes[name])}" if name in snapshot else "none"
                raise ValueError(
                    f"{snapshot.path.name} is of another model: {name} has {has}, not {list(shape)}"
                )
    return Walk(run, list(files), snapshots)
