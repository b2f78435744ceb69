"""Joint principal components of the weights of several runs on their way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from dl_experiments.measures.flat import Layout

Snapshot = Mapping[str, Tensor]
"""Tensor name -> tensor; looked up when needed, so it may read from a file."""

COLUMNS = 2**15  # parameters taken to float64 at a time
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@final
@dataclass(frozen=True)
class JointPCA:
    """The common axes of all runs, in float64; those with variance only of rounding are zero.

    Attributes:
        layout: Of the P parameters (a chosen layer's, or all).
        mean: Over all snapshots of all runs [P].
        loadings: Unit vectors, one a component [C, P]; the largest entry by size is positive.
        variance: Explained, Σ (x − mean)² along the axis / (n − 1) [C].
        variance_ratio: Share of the total variance [C].
        paths: One a run: coordinates [snapshots, C].
    """

    layout: Layout
    mean: Tensor
    loadings: Tensor
    variance: Tensor
    variance_ratio: Tensor
    paths: list[Tensor]

    def project(self, snapshot: Snapshot) -> Tensor:
        """Coordinates [C] of other weights: loadings (θ − mean)."""
        return self.loadings @ (self.layout.flatten(snapshot).to(self.mean) - self.mean)


def joint_pca(runs: Sequence[Sequence[Snapshot]], layout: Layout, components: int = 2) -> JointPCA:
    """PCA of the n snapshots of all runs together, X [n, P], by their Gram matrix.

    With K = (X − mean)(X − mean)ᵀ = U S² Uᵀ [n, n], the loadings are Sᵀ⁻¹Uᵀ(X − mean) and the
    coordinates U S: exact, and never a matrix of P × P. Variances below n·ε of the largest are
    rounding, as the Gram matrix squares what it is made of. Snapshots are read twice, tensor by
    tensor; the memory is that of the largest tensor in all snapshots, as stored.
    (Joint and not one PCA a run: the axes of different runs could not be compared. The view is of
    Li et al. 2018, section 7, which however centres on the final weights.)

    Args:
        runs: The snapshots of each run, in order.
        layout: The parameters that count; ``layout.only(layer)`` for one layer.
        components: C.

    Raises:
        ValueError: Fewer than two runs, more components than n − 1 or than parameters, a snapshot
            of another model, or snapshots that do not differ.
    """
    if len(runs) < 2:
        raise ValueError(f"a joint PCA needs two runs or more, got {len(runs)}")
    snapshots = [snapshot for run in runs for snapshot in run]
    most = min(len(snapshots) - 1, layout.size)
    if not 1 <= components <= most:
        raise ValueError(
            f"components={components} must be 1 to {most} with {len(snapshots)} snapshots of "
            f"{layout.size} parameters"
        )
    gram = sum(block @ block.T for block, _ in _centred(snapshots, layout))
    assert isinstance(gram, Tensor)
    squares, vectors = torch.linalg.eigh(gram)
    total = gram.trace()
    if not total > 0:
        raise ValueError(f"the {len(snapshots)} snapshots are all the same; there are no axes")
    squares, vectors = squares.flip(0)[:components], vectors.flip(1)[:, :components]
    real = squares > len(snapshots) * torch.finfo(squares.dtype).eps * squares[0]
    squares = torch.where(real, squares, 0)
    scale = torch.where(real, squares.rsqrt(), 0)

    blocks = [
        (scale[:, None] * (vectors.T @ block), mean) for block, mean in _centred(snapshots, layout)
    ]
    loadings, mean = (torch.cat(parts, -1) for parts in zip(*blocks, strict=True))
    largest = loadings.gather(1, loadings.abs().argmax(1, keepdim=True))
    signs = torch.where(largest < 0, -1.0, 1.0).to(loadings)
    paths = vectors * squares.sqrt() * signs.T
    return JointPCA(
        layout,
        mean,
        loadings * signs,
        squares / (len(snapshots) - 1),
        squares / total,
        list(paths.split([len(run) for run in runs])),
    )


def importance(loadings: Tensor, layout: Layout) -> dict[str, Tensor]:
    """Σ of squared loadings per layer [C]: each layer's share in each axis; all sum to 1."""
    return {name: loadings[:, at].square().sum(1) for name, at in layout.layers().items()}


def importance_quantiles(
    loadings: Tensor, layout: Layout, quantiles: Sequence[float] = QUANTILES
) -> dict[str, Tensor]:
    """How importance is spread within a layer: quantiles of P · loading² [C, quantiles].

    P · loading² is 1 for a weight that matters as much as the average of all P.
    """
    # by sorting: torch.quantile takes no more than 16 million values
    weight = len(loadings[0]) * loadings.square()
    spread = {}
    for name, place in layout.layers().items():
        ordered = weight[:, place].sort(1).values
        at = [round(quantile * (ordered.shape[1] - 1)) for quantile in quantiles]
        spread[name] = ordered[:, at]
    return spread


def strongest(
    loading: Tensor, layout: Layout, count: int = 10
) -> list[tuple[str, tuple[int, ...], float]]:
    """The weights that load most on one axis [P]: (tensor, index in it, loading), by size."""
    found = []
    for place in loading.abs().argsort(descending=True, stable=True)[:count].tolist():
        name, at = next(
            (n, at) for n, at in layout.tensors().items() if at.start <= place < at.stop
        )
        index = torch.unravel_index(torch.tensor(place - at.start), layout.shapes[name] or (1,))
        found.append((name, tuple(int(i) for i in index), float(loading[place])))
    return found


def _centred(snapshots: Sequence[Snapshot], layout: Layout) -> Iterator[tuple[Tensor, Tensor]]:
    """Some columns of X − mean and of the mean at a time: [n, p] and [p], float64."""
    for name in layout.shapes:
        rows = torch.stack([layout.take(snapshot, name).flatten() for snapshot in snapshots])
        for columns in rows.split(COLUMNS, dim=1):
            block = columns.to(torch.float64)
            mean = block.mean(0)
            yield block - mean, mean
